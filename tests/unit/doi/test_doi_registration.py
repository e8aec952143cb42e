"""Desired and current registrations compared, outcomes, relations and the rate limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_doi.domain import outcome, state
from portal_doi.domain.registration import (
    CurrentRegistration,
    Registration,
    State,
    current_registration,
)
from portal_doi.domain.row import RegistryRow, new_row
from portal_doi.store.rate_limit import take_from_bucket
from portal_doi.store.rows import from_row, to_row
from portal_shared.contracts.events import DoiMinted
from portal_shared.runtime.errors import Unavailable

from tests.builders import dataset

NOW = datetime(2026, 1, 1, tzinfo=UTC)
METADATA = {"titles": [{"title": "A"}], "publicationYear": "2026", "subjects": []}
DESIRED = Registration("10.5072/x", "https://portal.example/x", "findable", METADATA)
CURRENT: dict[str, Any] = {
    "state": "findable",
    "url": "https://portal.example/x",
    "registered": "2026-01-01T00:00:00Z",
    "titles": [{"title": "A", "lang": None}],
    "publicationYear": 2026,
    "subjects": [],
    "more": "of theirs",
}


@pytest.mark.parametrize(
    ("closed", "current", "desired"),
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
def test_a_public_doi_is_hidden_and_never_becomes_a_draft(
    *, closed: str | None, current: State | None, desired: State
) -> None:
    assert state.desired_state(closed, current, embargo="draft") == desired


def test_a_profile_may_let_the_doi_of_an_embargoed_record_resolve() -> None:
    assert state.desired_state("under embargo", None, embargo="registered") == "registered"


@pytest.mark.parametrize(
    ("desired", "current", "event"),
    [
        ("findable", None, "publish"),
        ("findable", "registered", "publish"),
        ("registered", "findable", "hide"),
        ("registered", "draft", "register"),
        ("draft", "findable", None),  # no event leads back
    ],
)
def test_the_event_follows_from_the_current_state(
    desired: State, current: State | None, event: str | None
) -> None:
    made = Registration("10.5072/x", "https://portal.example/x", desired, METADATA, current)
    assert made.attributes.get("event") == event


@pytest.mark.parametrize(
    ("change", "is_same"),
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
def test_a_registration_matches_if_no_property_is_missing_or_different(
    *, change: dict[str, Any], is_same: bool
) -> None:
    assert DESIRED.matches(current_registration({**CURRENT, **change})) == is_same


def test_a_draft_is_accepted_though_it_does_not_resolve() -> None:
    draft = Registration("10.5072/x", "https://portal.example/x", "draft", {})
    assert draft.is_accepted(CurrentRegistration("draft", draft.url, resolves=False, attributes={}))
    assert "event" not in draft.attributes


@pytest.mark.parametrize("rubbish", [None, [], "<html>", {}, {"state": "gone"}])
def test_an_answer_without_a_doi_is_not_a_refusal(rubbish: object) -> None:
    with pytest.raises(Unavailable):
        current_registration(rubbish)


def test_the_hash_changes_with_everything_that_is_sent() -> None:
    others = [
        Registration("10.5072/y", DESIRED.url, DESIRED.state, METADATA),
        Registration(DESIRED.doi, "https://elsewhere.example", DESIRED.state, METADATA),
        Registration(DESIRED.doi, DESIRED.url, "draft", METADATA),
        Registration(DESIRED.doi, DESIRED.url, DESIRED.state, {**METADATA, "subjects": [1]}),
    ]
    assert len({DESIRED.hash, *(o.hash for o in others)}) == 5
    same = Registration(DESIRED.doi, DESIRED.url, DESIRED.state, dict(reversed(METADATA.items())))
    assert same.hash == DESIRED.hash


def test_the_same_outcome_is_published_once_until_another_was_published() -> None:
    record = dataset("a").model_dump(mode="json")
    row = replace(new_row("a", NOW), version=1, record=record)
    first = outcome.minted(row, DESIRED)
    assert len(first.events) == 1
    next_version = replace(row.changed(first.changes), version=2)
    assert outcome.minted(next_version, DESIRED).events == ()
    failure = outcome.failed(next_version, "no")
    assert failure.dead_letter is not None
    assert failure.dead_letter.event.version == 2
    second = outcome.minted(next_version.changed(failure.changes), DESIRED)
    events = [*first.events, *second.events]
    assert [e.revision for e in events if isinstance(e, DoiMinted)] == [1, 2]


def test_a_row_is_the_same_after_it_was_stored() -> None:
    row = replace(new_row("a", NOW), version=1, links=(("HasPart", "b"),), related_pids=("b",))
    row = row.changed(outcome.minted(row, DESIRED).changes)
    assert from_row(RegistryRow, to_row(row)) == row


def row_with(**fields: Any) -> RegistryRow:
    defaults = {"state": "minted", "doi": "10.1/a", "is_public": True}
    return replace(new_row("a", NOW), **{**defaults, **fields})


@pytest.mark.parametrize(
    ("fields", "doi"),
    [
        ({}, "10.1/a"),
        ({"state": "pending"}, "10.1/a"),
        ({"state": "adopted"}, "10.1/a"),
        ({"state": "failed"}, None),
        ({"state": "failed", "our_state": "findable"}, "10.1/a"),  # DataCite has it all the same
        ({"is_public": False}, None),
        ({"is_public": False, "our_state": "draft"}, None),
        ({"is_public": False, "our_state": "registered"}, "10.1/a"),  # it leads to a tombstone
        ({"state": "none", "doi": None}, None),
    ],
)
def test_only_dois_that_resolve_are_visible_to_relatives(
    fields: dict[str, Any], doi: str | None
) -> None:
    assert state.visible_doi(row_with(**fields)) == doi


def test_a_removed_relative_is_remembered_until_it_was_updated() -> None:
    before = row_with(
        links=(("HasPart", "a"), ("HasPart", "b")),
        related_pids=("a", "b"),
        former_relatives=("z", "c"),
    )
    after = row_with(links=(("HasPart", "b"), ("HasPart", "c")), related_pids=("b", "c"))
    assert state.relatives_see_change(before, after)
    assert state.removed_relatives(before, after) == ["a", "z"]
    assert not state.relatives_see_change(after, after)


def test_the_bucket_allows_a_burst_and_then_the_rate() -> None:
    full = NOW
    waits: list[float] = []
    for _ in range(6):
        full, wait = take_from_bucket(full, NOW, calls=1, rate=2, burst=4)
        waits.append(wait)
    assert waits == [0, 0, 0, 0, 0.5, 1.0]
    later = NOW + timedelta(hours=1)
    assert take_from_bucket(full, later, calls=1, rate=2, burst=4)[1] == 0
