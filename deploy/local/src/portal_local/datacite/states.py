"""The three states of a DOI and the events that lead from one to another."""

from typing import Literal

State = Literal["draft", "registered", "findable"]

STATES: tuple[State, ...] = ("draft", "registered", "findable")

TRANSITIONS: dict[tuple[str, State], State] = {
    ("register", "draft"): "registered",
    ("publish", "draft"): "findable",
    ("publish", "registered"): "findable",
    ("show", "registered"): "findable",
    ("hide", "findable"): "registered",
}


def after(event: object, state: State) -> State:
    """Return the next state; as at DataCite, an event that does not apply is ignored."""
    return TRANSITIONS.get((event, state), state) if isinstance(event, str) else state
