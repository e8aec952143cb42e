"""A DOI's registration: what DataCite should have of it, and what DataCite has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, cast

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.hashes import content_hash

State: TypeAlias = Literal["draft", "registered", "findable"]
Attributes: TypeAlias = Mapping[str, Any]

STATES: tuple[State, ...] = ("draft", "registered", "findable")


@dataclass(frozen=True)
class CurrentRegistration:
    """What DataCite has now."""

    state: State
    url: str | None
    resolves: bool  # known to the handle system; DataCite answers success even where it is not
    attributes: Attributes


def current_registration(attributes: object) -> CurrentRegistration:
    """Parse DataCite's attributes of a DOI. Raises Unavailable if they are not DataCite's."""
    if not isinstance(attributes, Mapping):
        raise Unavailable("DataCite returned a DOI without attributes")
    values = cast("Attributes", attributes)
    state = values.get("state")
    if state not in STATES:
        raise Unavailable(f"DataCite returned a DOI with the unknown state {str(state)[:40]!r}")
    return CurrentRegistration(state, values.get("url"), bool(values.get("registered")), values)


@dataclass(frozen=True)
class Registration:
    """What DataCite should have."""

    doi: str
    url: str
    state: State
    metadata: Attributes
    current_state: State | None = None  # the DOI's state at DataCite, as far as we know

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the request to DataCite."""
        event = self._event
        attributes = {**self.metadata, "doi": self.doi, "url": self.url}
        return {**attributes, "event": event} if event else attributes

    @property
    def _event(self) -> str | None:
        """DataCite's event that leads to the state; there is none from public back to draft."""
        if self.state == "findable":
            return "publish"
        if self.state == "registered":
            return "hide" if self.current_state == "findable" else "register"
        return None

    @cached_property
    def hash(self) -> str:
        """Changes whenever DataCite needs an update."""
        content = {**self.metadata, "doi": self.doi, "url": self.url, "state": self.state}
        return content_hash(content)

    def is_accepted(self, current: CurrentRegistration) -> bool:
        """True if state and landing page are right and, unless it is a draft, the DOI resolves."""
        if current.state != self.state or current.url != self.url:
            return False
        return current.resolves or self.state == "draft"

    def matches(self, current: CurrentRegistration) -> bool:
        """True if it is accepted and its metadata are the same."""
        return self.is_accepted(current) and not self.different_properties(current)

    def different_properties(self, current: CurrentRegistration) -> list[str]:
        """Names of our properties that differ at DataCite, which adds some of its own.

        A property reported by mistake costs one superfluous update.
        """
        theirs = current.attributes
        return [k for k, ours in self.metadata.items() if not _contains(theirs.get(k), ours)]


def _contains(theirs: object, ours: object) -> bool:
    if isinstance(ours, Mapping):
        expected = cast("Attributes", ours)
        if not isinstance(theirs, Mapping):
            return False
        found = cast("Attributes", theirs)
        return all(k in found and _contains(found[k], v) for k, v in expected.items())
    if isinstance(ours, Sequence) and not isinstance(ours, str):
        items = cast("Sequence[object]", ours)
        if not isinstance(theirs, Sequence) or isinstance(theirs, str):
            return False
        others = cast("Sequence[object]", theirs)
        return len(others) == len(items) and all(map(_contains, others, items))
    return str(theirs) == str(ours)
