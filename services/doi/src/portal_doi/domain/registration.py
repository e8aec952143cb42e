"""What DataCite is meant to hold of a DOI, and whether it does. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, cast

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.hashing import content_hash

State: TypeAlias = Literal["draft", "registered", "findable"]
Attributes: TypeAlias = Mapping[str, Any]

STATES: tuple[State, ...] = ("draft", "registered", "findable")


@dataclass(frozen=True)
class Answer:
    """What DataCite says it holds."""

    state: State
    url: str | None
    resolves: bool  # the handle system took it: DataCite answers success without, too
    attributes: Attributes


def answer(attributes: object) -> Answer:
    """Raises Unavailable for what no DataCite answers."""
    if not isinstance(attributes, Mapping):
        raise Unavailable("DataCite: answered without attributes")
    told = cast("Attributes", attributes)
    state = told.get("state")
    if state not in STATES:
        raise Unavailable(f"DataCite: answered with the state {str(state)[:40]!r}")
    return Answer(state, told.get("url"), bool(told.get("registered")), told)


@dataclass(frozen=True)
class Registration:
    doi: str
    url: str
    state: State
    metadata: Attributes
    now: State | None = None  # where it stands at DataCite, as far as we know

    @property
    def attributes(self) -> dict[str, Any]:
        """What is sent."""
        event = self._event
        told = {**self.metadata, "doi": self.doi, "url": self.url}
        return {**told, "event": event} if event else told

    @property
    def _event(self) -> str | None:
        """There is none that makes a draft of what was public: DataCite has no such thing."""
        if self.state == "findable":
            return "publish"
        if self.state == "registered":
            return "hide" if self.now == "findable" else "register"
        return None

    @cached_property
    def hash(self) -> str:
        """Changes when DataCite has to be told something new."""
        told = {**self.metadata, "doi": self.doi, "url": self.url, "state": self.state}
        return content_hash(told)

    def is_accepted(self, found: Answer) -> bool:
        """It is in the state that was wanted and, unless a draft, leads to the landing page."""
        if found.state != self.state or found.url != self.url:
            return False
        return found.resolves or self.state == "draft"

    def is_held(self, found: Answer) -> bool:
        """Accepted, and nothing of the metadata is missing or different."""
        return self.is_accepted(found) and not self.differing(found)

    def differing(self, found: Answer) -> list[str]:
        """Properties that DataCite holds otherwise; it adds some, so only ours are compared.

        A false yes costs one more update.
        """
        theirs = found.attributes
        return [k for k, ours in self.metadata.items() if not _holds(theirs.get(k), ours)]


def _holds(theirs: object, ours: object) -> bool:
    if isinstance(ours, Mapping):
        wanted = cast("Attributes", ours)
        if not isinstance(theirs, Mapping):
            return False
        there = cast("Attributes", theirs)
        return all(k in there and _holds(there[k], v) for k, v in wanted.items())
    if isinstance(ours, Sequence) and not isinstance(ours, str):
        several = cast("Sequence[object]", ours)
        if not isinstance(theirs, Sequence) or isinstance(theirs, str):
            return False
        others = cast("Sequence[object]", theirs)
        return len(others) == len(several) and all(map(_holds, others, several))
    return str(theirs) == str(ours)
