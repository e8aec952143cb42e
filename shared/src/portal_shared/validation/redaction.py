"""Removes private data of donors from a job before anything else sees it.

Names decide (private_names): of fields, of parameters, and of the dotted fields of a patch. The
fields of the job format itself stay, so the names of authors do; below `details` and below a donor
every name is checked. A patch may always remove a value (null).
"""

from collections.abc import Mapping
from typing import Any, cast

from portal_shared.contracts import jobs
from portal_shared.contracts.jobs import StrictModel
from portal_shared.contracts.records import Record
from portal_shared.profile import Profile
from portal_shared.validation.private_names import PrivateNames, plain, private_names
from portal_shared.validation.private_texts import find_private_text

MAX_NAMES = 200  # of removed fields, in an answer
MAX_NAME_CHARACTERS = 120
PAIR = 2  # a list of a name and its value
_LABELS = (  # of a list of pairs
    "name", "key", "label", "parameter", "field", "tag", "keyword", "attribute", "property",
    "variable", "column", "term", "question",
)  # fmt: skip
_VALUES = ("value", "values", "val", "content", "text", "answer")
_JOB_FIELDS = frozenset(
    name
    for model in vars(jobs).values()
    if isinstance(model, type) and issubclass(model, StrictModel | Record)
    for name in model.model_fields
)
_FREE = ("details",)  # fields of a job below which any name may be
_PATCHED = ("details.", "parameters.")


def redact(job: dict[str, Any], profile: Profile) -> tuple[dict[str, Any], list[str]]:
    """Returns the job without the values that the profile calls private, and where they were.

    The places are field names as in a problem, `datasets[0].parameters.date_of_birth`, and contain
    no value.
    """
    redactor = _Redactor(profile)
    return redactor.fields(job, "", free=False), redactor.places


def shown_places(places: list[str]) -> tuple[str, ...]:
    """Returns the places for an answer: the first ones, and the number of the others."""
    more = len(places) - MAX_NAMES
    return (*places[:MAX_NAMES], *([f"and {more} more"] if more > 0 else []))


class _Redactor:
    def __init__(self, profile: Profile) -> None:
        self._names: PrivateNames = private_names(profile.privacy)
        self._groups = {
            plain(group): {plain(name) for name in names}
            for group, names in profile.details_allowed.items()
        }
        self.places: list[str] = []

    def fields(
        self, given: Mapping[str, Any], place: str, *, free: bool, of_author: bool = False
    ) -> dict[str, Any]:
        """Returns the object without its private fields; `free`: no field of the job format."""
        remaining: dict[str, Any] = {}
        for name, value in given.items():
            where = _join(place, name)
            is_own = not free and name in _JOB_FIELDS
            if not is_own and value is not None and self._is_private(name, of_author):
                self._drop(where)
            elif name == "fields" and not free and isinstance(value, dict):
                remaining[name] = self._patch(cast("dict[str, Any]", value), where)
            elif (allowed := self._allowed_below(name)) is not None and not is_own:
                if value is None:
                    remaining[name] = None
                elif (found := self._donor(value, where, allowed)) is not None:
                    remaining[name] = found
            else:
                author = of_author or self._names.is_author(name)
                remaining[name] = self._value(value, where, free or name in _FREE, author)
        return remaining

    def _patch(self, given: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Returns the fields of a patch; `details.donor.age` is checked part by part."""
        remaining: dict[str, Any] = {}
        for name, value in given.items():
            group = next((p for p in _PATCHED if name.startswith(p)), "")
            if not group or value is None:
                remaining |= self.fields({name: value}, place, free=False)
                continue
            inner = name.removeprefix(group)
            if group == "details." and "." in inner:
                top, _, rest = inner.partition(".")
                allowed = self._allowed_below(top)
                if allowed is not None and not self._is_allowed(rest.split(".")[0], allowed):
                    self._drop(_join(place, name))
                    continue
            # each part of a name with dots counts, as would the names of nested objects
            if any(self._is_private(part) for part in (inner, *inner.split("."))):
                self._drop(_join(place, name))
                continue
            found = self.fields({inner: value}, _join(place, group.rstrip(".")), free=True)
            remaining |= {f"{group}{label}": item for label, item in found.items()}
        return remaining

    def _allowed_below(self, name: str) -> set[str] | None:
        """Returns the names that may be below this field; None if it is not about a donor."""
        label = plain(name)
        if label in self._groups:
            return self._groups[label]
        if self._names.is_donor(name):
            return set()
        return None

    def _is_allowed(self, name: str, allowed: set[str]) -> bool:
        return plain(name) in allowed or self._names.is_allowed(name)

    def _donor(self, value: Any, place: str, allowed: set[str]) -> Any:
        """Returns the allowed fields of a donor; None for what has no names to be checked."""
        if isinstance(value, list) and any(isinstance(v, dict) for v in cast("list[Any]", value)):
            items = cast("list[Any]", value)
            found = [self._donor(v, f"{place}[{n}]", allowed) for n, v in enumerate(items)]
            return [v for v in found if v is not None] or None
        if not isinstance(value, dict):
            self._drop(place)
            return None
        remaining: dict[str, Any] = {}
        for name, inner in cast("dict[str, Any]", value).items():
            where = _join(place, name)
            if not self._is_allowed(name, allowed):
                self._drop(where)
            else:
                remaining[name] = self._below_donor(inner, where, allowed)
        return remaining

    def _below_donor(self, value: Any, place: str, allowed: set[str]) -> Any:
        """Returns a value of a donor; of objects in it the allowed fields alone."""
        if isinstance(value, dict):
            return self._donor(value, place, allowed) or {}
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return [self._below_donor(v, f"{place}[{n}]", allowed) for n, v in enumerate(items)]
        return value

    def _value(self, value: Any, place: str, free: bool, of_author: bool) -> Any:  # noqa: FBT001
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            return self.fields(fields, place, free=free, of_author=of_author)
        if isinstance(value, list):
            rows = enumerate(cast("list[Any]", value))
            found = [(n, v) for n, v in rows if not self._is_private_row(v, place)]
            return [self._value(v, f"{place}[{n}]", free, of_author) for n, v in found]
        return value

    def _is_private_row(self, item: Any, place: str) -> bool:
        """Whether the item is a parameter or pair with a private name; then it is removed."""
        if isinstance(item, list) and len(pair := cast("list[Any]", item)) == PAIR:
            if isinstance(pair[0], str) and self._is_private(pair[0]):
                self._drop(_join(place, pair[0]))
                return True
            return False
        row = (
            {plain(k): v for k, v in cast("dict[str, Any]", item).items()} if _is_row(item) else {}
        )
        for label in _LABELS:
            name = row.get(label)
            if isinstance(name, str) and self._is_private(name):
                self._drop(_join(place, name))
                return True
        return False

    def _is_private(self, name: str, of_author: bool = False) -> bool:  # noqa: FBT001, FBT002
        return self._names.is_private(name, of_author=of_author)

    def _drop(self, place: str) -> None:
        self.places.append(place)


def _is_row(item: Any) -> bool:
    return isinstance(item, dict) and any(plain(k) in _VALUES for k in cast("dict[str, Any]", item))


def _join(place: str, name: str) -> str:
    """Returns the place of a field; a name that itself looks like a private value is left out."""
    shown = name[:MAX_NAME_CHARACTERS] if not find_private_text(name) else "(a private name)"
    return f"{place}.{shown}" if place else shown
