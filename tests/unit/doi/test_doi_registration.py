"""What DataCite is meant to hold, compared with what it says it holds; and what is said of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_doi import outcomes, standing
from portal_doi.pacing import taken
from portal_doi.registration import Answer, Registration, State, answer, wanted_state
from portal_shared.errors import Unavailable

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
    ("public", "now", "wanted"),
    [
        (True, None, "findable"),
        (True, "registered", "findable"),
        (False, None, "draft"),
        (False, "draft", "draft"),
        (False, "findable", "registered"),
        (False, "registered", "registered"),
    ],
)
def test_what_was_public_is_hidden_never_a_draft_again(
    *, public: bool, now: State | None, wanted: State
) -> None:
    assert wanted_state(public=public, now=now) == wanted


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
    row: dict[str, Any] = {"_id": "a", "level": "dataset", "version": 1, "said": None}
    fields, events = outcomes.minted(row, MEANT)
    assert len(events) == 1
    again = {**row, **fields, "version": 2}
    assert outcomes.minted(again, MEANT)[1] == []
    failed = {**again, **outcomes.failed(again, "no")[0]}
    assert len(outcomes.minted(failed, MEANT)[1]) == 1


def row(**fields: Any) -> dict[str, Any]:
    start = {"state": "minted", "doi": "10.1/a", "own_state": None, "left": []}
    return {**start, "record": {"is_public": True}, **fields}


@pytest.mark.parametrize(
    ("fields", "doi"),
    [
        ({}, "10.1/a"),
        ({"state": "pending"}, "10.1/a"),
        ({"state": "adopted"}, "10.1/a"),
        ({"state": "failed"}, None),
        ({"state": "failed", "own_state": "findable"}, "10.1/a"),  # it is there all the same
        ({"record": {"is_public": False}}, None),
        ({"state": "none", "doi": None}, None),
    ],
)
def test_relatives_name_only_dois_that_are_public_and_there(
    fields: dict[str, Any], doi: str | None
) -> None:
    assert standing.visible_doi(row(**fields)) == doi


def test_a_dataset_that_leaves_a_document_is_remembered_until_it_is_told() -> None:
    before = row(record={"datasets": ["a", "b"]}, left=["z", "c"])
    after = row(record={"datasets": ["b", "c"]})
    assert standing.relatives_see_change(before, after)
    assert standing.datasets_left(before, after) == ["a", "z"]
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
