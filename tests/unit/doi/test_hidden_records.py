"""The DOI of a record that is hidden: it stays as it was public, or nothing of it is public."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_doi.domain import state
from portal_doi.domain.desired import desired_registration
from portal_doi.domain.intent import registration_intent, withdrawal_intent
from portal_doi.domain.row import RegistryRow, new_row
from portal_doi.store.rows import from_row, to_row
from portal_shared.contracts.events import DatasetWithdrawn
from portal_shared.contracts.records import Change, Dataset, Relation

from tests.builders import dataset

NOW = datetime(2026, 5, 6, tzinfo=UTC)
SECRET = {"title": "Secret", "summary": "Secret", "relations": (Relation(type="Cites", pid="s"),)}


def registered(
    row: RegistryRow, record: Dataset, *, at: datetime = NOW, **found: Any
) -> RegistryRow:
    """Returns the row after a version of its record, and after `found` was seen at DataCite."""
    history = (Change(version=1, at=at, kind="registered"),)
    outcome = registration_intent(
        record, row.version + 1 if row.version > 0 else 1, row, prefix="10.5072", now=NOW,
        history=history,
    )  # fmt: skip
    return replace(row.changed(outcome.changes), **found)


def withdrawn(row: RegistryRow, public: Dataset | None = None) -> RegistryRow:
    event = DatasetWithdrawn(
        pid=row.pid, version=row.version + 1, reason="wrong donor", withdrawn_at=NOW, dataset=public
    )
    return row.changed(withdrawal_intent(event, row, now=NOW).changes)


def metadata(row: RegistryRow) -> str:
    made = desired_registration(
        row, (), site_url="https://portal.example", now=NOW, current_state=row.our_state
    )
    return str(made.metadata)


def test_a_hidden_version_changes_neither_metadata_nor_relations() -> None:
    public = registered(new_row("a", NOW), dataset("a", title="Public"), our_state="findable")
    later = NOW + timedelta(days=1)
    hidden = registered(public, dataset("a", is_public=False, **SECRET), at=later)
    assert metadata(hidden) == metadata(public)
    assert hidden.links == public.links == ()
    assert not state.relatives_see_change(public, hidden)
    assert state.why_closed(hidden, NOW) == "not public"
    gone = withdrawn(hidden)
    assert "Withdrawn: wrong donor" in metadata(gone)
    assert "Secret" not in metadata(gone)
    again = registered(hidden, dataset("a", title="Third"))
    assert "Third" in metadata(again)


def test_a_release_date_ahead_hides_a_public_record_until_then() -> None:
    public = registered(new_row("a", NOW), dataset("a", title="Public"), our_state="findable")
    ahead = NOW + timedelta(days=30)
    hidden = registered(public, dataset("a", title="Secret", release_date=ahead))
    assert state.why_closed(hidden, NOW) == "under embargo"
    assert "Secret" not in metadata(hidden)


def test_a_record_hidden_by_an_operator_is_updated() -> None:
    public = registered(new_row("a", NOW), dataset("a", title="Public"), our_state="registered")
    hidden = replace(public, operator_hold="hidden", is_public=False)
    assert "Second" in metadata(registered(hidden, dataset("a", title="Second")))


@pytest.mark.parametrize("at_datacite", ["draft", "registered"])  # by the profile's `doi.embargo`
def test_relatives_do_not_list_a_record_that_was_never_public(at_datacite: Any) -> None:
    hidden = registered(new_row("a", NOW), dataset("a", is_public=False), our_state=at_datacite)
    assert state.visible_doi(hidden) is None
    assert state.visible_doi(withdrawn(hidden)) is None
    shown = registered(hidden, dataset("a"), our_state="findable")
    assert state.visible_doi(shown) == shown.our_doi


def test_the_reason_of_a_withdrawal_is_only_given_of_a_record_that_was_public() -> None:
    hidden = registered(new_row("a", NOW), dataset("a", is_public=False), our_state="draft")
    gone = withdrawn(hidden)
    assert "wrong donor" not in metadata(gone)
    assert metadata(gone) == metadata(hidden)
    shown = withdrawn(hidden, public=dataset("a", title="Public"))  # the versions came out of order
    assert "wrong donor" in metadata(shown)
    assert "Public" in metadata(shown)


def test_rows_stored_before_this_rule_are_public_by_their_state() -> None:
    hidden = registered(new_row("a", NOW), dataset("a", is_public=False), our_state="draft")
    public = registered(new_row("a", NOW), dataset("a"), our_state="findable")
    for row in (hidden, public):
        stored = {k: v for k, v in to_row(row).items() if k != "never_public"}
        assert from_row(RegistryRow, stored).never_public == row.never_public
