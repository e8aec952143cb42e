"""What may not be kept of a donor, left out of a job before anything else sees it. Pure."""

import re
from collections.abc import Mapping
from typing import Any, cast

from portal_shared.profile import Profile

_PLAIN = re.compile(r"[^a-z0-9]")
_PARTS = ("document", "datasets", "records")


def normalize_name(name: str) -> str:
    """A field's name as it is compared: Date-of-Death is date_of_death."""
    return _PLAIN.sub("", name.casefold())


def redact(job: dict[str, Any], profile: Profile) -> tuple[dict[str, Any], int]:
    """The job without what may not be kept of a donor, and how many values were dropped."""
    return _Redactor(profile).job(job)


class _Redactor:
    def __init__(self, profile: Profile) -> None:
        self._private = {normalize_name(name) for name in profile.private}
        self._allowed = profile.details_allowed
        self.dropped = 0

    def job(self, job: dict[str, Any]) -> tuple[dict[str, Any], int]:
        clean = self._fields(job)
        for part in _PARTS:
            if part in clean:
                clean[part] = self._part(clean[part])
        return clean, self.dropped

    def _part(self, part: Any) -> Any:
        if isinstance(part, list):
            return [self._part(p) for p in cast("list[Any]", part)]
        if not isinstance(part, dict):
            return part
        whole = self._groups(cast("dict[str, Any]", part), "details.")
        for label in ("details", "fields"):
            inner = whole.get(label)
            if isinstance(inner, dict):
                fields = cast("dict[str, Any]", inner)
                prefix = "" if label == "details" else "details."
                whole[label] = self._groups(fields, prefix)
                nested = whole[label].get("details")
                if label == "fields" and isinstance(nested, dict):
                    whole[label]["details"] = self._groups(cast("dict[str, Any]", nested), "")
        return whole

    def _groups(self, fields: dict[str, Any], prefix: str) -> dict[str, Any]:
        """Of groups that may hold only some fields, these fields."""
        kept = dict(fields)
        for group, names in self._allowed.items():
            label = prefix + group
            block = kept.get(label)
            if isinstance(block, dict):
                inner = cast("Mapping[str, Any]", block)
                kept[label] = {k: v for k, v in inner.items() if k in names}
                self.dropped += len(inner) - len(kept[label])
            elif block is not None:
                del kept[label]  # not the shape whose fields could be judged
                self.dropped += 1
        return kept

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            if self._is_private(name):
                self.dropped += 1
            else:
                kept[name] = self._value(value)
        return kept

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._fields(cast("dict[str, Any]", value))
        if isinstance(value, list):
            return [self._value(v) for v in cast("list[Any]", value) if not self._names_private(v)]
        return value

    def _names_private(self, item: Any) -> bool:
        """A parameter of a private name."""
        name = cast("dict[str, Any]", item).get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and "value" in item and self._is_private(name):
            self.dropped += 1
            return True
        return False

    def _is_private(self, name: str) -> bool:
        """By its last part: `details.donor.date_of_death` in a patch."""
        return normalize_name(name.rsplit(".", 1)[-1]) in self._private
