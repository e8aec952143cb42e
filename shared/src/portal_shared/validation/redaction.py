"""Removes private data of donors from a job before anything else sees it."""

import re
from collections.abc import Mapping
from typing import Any, cast

from portal_shared.profile import Profile

_PLAIN = re.compile(r"[^a-z0-9]")
_PARTS = ("document", "datasets", "records")


def normalize_name(name: str) -> str:
    """Returns a field name for comparisons: Date-of-Death equals date_of_death."""
    return _PLAIN.sub("", name.casefold())


def redact(job: dict[str, Any], profile: Profile) -> tuple[dict[str, Any], int]:
    """Returns the job without values that the profile calls private, and their number."""
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
        """Removes all fields but the allowed ones from the groups that the profile restricts."""
        remaining = dict(fields)
        for group, names in self._allowed.items():
            label = prefix + group
            block = remaining.get(label)
            if isinstance(block, dict):
                inner = cast("Mapping[str, Any]", block)
                remaining[label] = {k: v for k, v in inner.items() if k in names}
                self.dropped += len(inner) - len(remaining[label])
            elif block is not None:
                del remaining[label]  # not an object whose fields could be checked
                self.dropped += 1
        return remaining

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        remaining: dict[str, Any] = {}
        for name, value in fields.items():
            if self._is_private(name):
                self.dropped += 1
            else:
                remaining[name] = self._value(value)
        return remaining

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._fields(cast("dict[str, Any]", value))
        if isinstance(value, list):
            return [
                self._value(v)
                for v in cast("list[Any]", value)
                if not self._is_private_parameter(v)
            ]
        return value

    def _is_private_parameter(self, item: Any) -> bool:
        """Whether the item is a parameter with a private name; counts it as dropped."""
        name = cast("dict[str, Any]", item).get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and "value" in item and self._is_private(name):
            self.dropped += 1
            return True
        return False

    def _is_private(self, name: str) -> bool:
        """Checks the last part of a name such as `details.donor.date_of_death` of a patch."""
        return normalize_name(name.rsplit(".", 1)[-1]) in self._private
