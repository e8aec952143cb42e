"""What DataCite is meant to hold of a DOI, and whether it does. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, cast

from portal_shared.errors import Unavailable

State: TypeAlias = Literal["draft", "registered", "findable"]
Attributes: TypeAlias = Mapping[str, Any]

_EVENTS: dict[State, str | None] = {"findable": "publish", "registered": "hide", "draft": None}


def wanted_state(*, public: bool, now: State | None) -> State:
    """What was public once cannot become a draft again: it is hidden, and resolves as before."""
    if public:
        return "findable"
    return "draft" if now in (None, "draft") else "registered"


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
    if state not in _EVENTS:
        raise Unavailable(f"DataCite: answered with the state {str(state)[:40]!r}")
    return Answer(state, told.get("url"), bool(told.get("registered")), told)


@dataclass(frozen=True)
class Registration:
    doi: str
    url: str
    state: State
    metadata: Attributes

    @property
    def attributes(self) -> dict[str, Any]:
        """What is sent."""
        event = _EVENTS[self.state]
        told = {**self.metadata, "doi": self.doi, "url": self.url}
        return {**told, "event": event} if event else told

    @cached_property
    def hash(self) -> str:
        """Changes when DataCite has to be told something new."""
        told = {**self.metadata, "doi": self.doi, "url": self.url, "state": self.state}
        text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def is_accepted(self, found: Answer) -> bool:
        """It is in the state that was wanted and, unless a draft, leads to the landing page."""
        if found.state != self.state or found.url != self.url:
            return False
        return found.resolves or self.state == "draft"

    def is_held(self, found: Answer) -> bool:
        """Accepted, and nothing of the metadata is missing or different.

        A false no costs one more update; DataCite adds fields, so only ours are compared.
        """
        return self.is_accepted(found) and _holds(found.attributes, self.metadata)


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
