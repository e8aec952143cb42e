"""What DataCite is meant to hold, compared with what it says it holds; and what is said of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_doi.domain import outcome
from portal_doi.domain import state as standing
from portal_doi.domain.registration import Answer, Registration, State, answer
from portal_doi.store.rate_limit import taken
from portal_shared.runtime.errors import Unavailable

METADATA = {"titles": [{"title": "A"}], "publicationYear": "2026", "subjects": []}
MEANT = Registration("10.5072/x", "https://portal.example/x", "findable", METADATA)
THERE: dict[str, Any] = {
    "state": "findable",
    "url": "https://portal.example/x",
    "registered": "2026-01-01T00:00:00Z",
    "titles": [{"title": "A", "lang": None}],
    "publicationYear": 2026,
    "subjects": [],
    "more": "of theirs",
}


@pytest.mark.parametrize(
    ("closed", "now", "wanted"),
    [
        (None, None, "findable"),
        (None, "registered", "findable"),
        ("not public", None, "draft"),
        ("not public", "draft", "draft"),
        ("not public", "findable", "registered"),
        ("withdrawn", "registered", "registered"),
        ("withdrawn", "draft", "draft"),
        ("under embargo", None, "draft"),
        ("hidden", "findable", "registered"),
    ],
)
def test_what_was_public_is_hidden_never_a_draft_again(
    *, closed: str | None, now: State | None, wanted: State
) -> None:
    assert standing.wanted_state(closed, now, embargo="draft") == wanted


def test_a_profile_may_let_the_doi_of_an_embargoed_record_resolve() -> None:
    assert standing.wanted_state("under embargo", None, embargo="registered") == "registered"


@pytest.mark.parametrize(
    ("state", "now", "event"),
    [
        ("findable", None, "publish"),
        ("findable", "registered", "publish"),
        ("registered", "findable", "hide"),
        ("registered", "draft", "register"),
        ("draft", "findable", None),  # there is no way back: nothing is asked for
    ],
)
def test_the_event_follows_from_where_the_doi_stands(
    state: State, now: State | None, event: str | None
) -> None:
    made = Registration("10.5072/x", "https://portal.example/x", state, METADATA, now)
    assert made.attributes.get("event") == event


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"titles": [{"title": "B"}]}, False),
        ({"titles": [{"title": "A"}, {"title": "B"}]}, False),
        ({"titles": None}, False),
        ({"publicationYear": 2025}, False),
        ({"subjects": [{"subject": "old"}]}, False),
        ({"url": "https://elsewhere.example"}, False),
        ({"state": "draft"}, False),
        ({"registered": None}, False),
    ],
)
def test_it_is_held_when_nothing_meant_is_missing_or_different(
    *, change: dict[str, Any], held: bool
) -> None:
    assert MEANT.is_held(answer({**THERE, **change})) == held


def test_a_draft_is_accepted_though_it_does_not_resolve() -> None:
    draft = Registration("10.5072/x", "https://portal.example/x", "draft", {})
    assert draft.is_accepted(Answer("draft", draft.url, resolves=False, attributes={}))
    assert "event" not in draft.attributes


@pytest.mark.parametrize("rubbish", [None, [], "<html>", {}, {"state": "gone"}])
def test_an_answer_that_is_none_is_no_refusal(rubbish: object) -> None:
    with pytest.raises(Unavailable):
        answer(rubbish)


def test_the_hash_changes_with_everything_that_is_told() -> None:
    others = [
        Registration("10.5072/y", MEANT.url, MEANT.state, METADATA),
        Registration(MEANT.doi, "https://elsewhere.example", MEANT.state, METADATA),
        Registration(MEANT.doi, MEANT.url, "draft", METADATA),
        Registration(MEANT.doi, MEANT.url, MEANT.state, {**METADATA, "subjects": [1]}),
    ]
    assert len({MEANT.hash, *(o.hash for o in others)}) == 5
    same = Registration(MEANT.doi, MEANT.url, MEANT.state, dict(reversed(METADATA.items())))
    assert same.hash == MEANT.hash


def test_the_same_outcome_is_said_once_until_something_else_was_said() -> None:
    record = {
        "pid": "a", "name": "a", "title": "A", "profile": "human-organs",
        "created": "2021-03-04T00:00:00Z",
    }  # fmt: skip
    row: dict[str, Any] = {
        "_id": "a", "level": "dataset", "version": 1, "said": None, "revision": 0, "record": record,
    }  # fmt: skip
    first = outcome.minted(row, MEANT)
    assert len(first.events) == 1
    again = {**row, **first.fields, "version": 2}
    assert outcome.minted(again, MEANT).events == ()
    failure = outcome.failed(again, "no")
    assert failure.dead is not None
    assert failure.dead.event.version == 2
    failed = {**again, **failure.fields}
    second = outcome.minted(failed, MEANT)
    assert [e.revision for e in (*first.events, *second.events)] == [1, 2]  # type: ignore[attr-defined]


def row(**fields: Any) -> dict[str, Any]:
    start = {
        "state": "minted", "doi": "10.1/a", "own_state": None, "left": [], "open": True,
        "links": [],
    }  # fmt: skip
    return {**start, **fields}


@pytest.mark.parametrize(
    ("fields", "doi"),
    [
        ({}, "10.1/a"),
        ({"state": "pending"}, "10.1/a"),
        ({"state": "adopted"}, "10.1/a"),
        ({"state": "failed"}, None),
        ({"state": "failed", "own_state": "findable"}, "10.1/a"),  # it is there all the same
        ({"open": False}, None),
        ({"open": False, "own_state": "draft"}, None),
        ({"open": False, "own_state": "registered"}, "10.1/a"),  # it leads to a tombstone
        ({"state": "none", "doi": None}, None),
    ],
)
def test_relatives_name_only_dois_that_are_public_and_there(
    fields: dict[str, Any], doi: str | None
) -> None:
    assert standing.visible_doi(row(**fields)) == doi


def test_a_dataset_that_leaves_a_document_is_remembered_until_it_is_told() -> None:
    before = row(links=[["HasPart", "a"], ["HasPart", "b"]], left=["z", "c"])
    after = row(links=[["HasPart", "b"], ["HasPart", "c"]])
    assert standing.relatives_see_change(before, after)
    assert standing.left_behind(before, after) == ["a", "z"]
    assert not standing.relatives_see_change(after, after)


def test_the_bucket_lets_a_burst_go_and_then_keeps_the_rate() -> None:
    now = full = datetime(2026, 1, 1, tzinfo=UTC)
    waits: list[float] = []
    for _ in range(6):
        full, wait = taken(full, now, calls=1, rate=2, burst=4)
        waits.append(wait)
    assert waits == [0, 0, 0, 0, 0.5, 1.0]
    later = now + timedelta(hours=1)
    assert taken(full, later, calls=1, rate=2, burst=4)[1] == 0
