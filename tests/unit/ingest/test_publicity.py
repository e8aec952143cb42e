"""What stays public of records that were hidden, withdrawn, or never public."""

from dataclasses import replace
from typing import Any, Literal

from portal_ingest.domain import versioning
from portal_ingest.domain.events import record_event
from portal_ingest.domain.publicity import last_public, public_history
from portal_ingest.domain.stored_record import StoredRecord
from portal_shared.contracts.events import DatasetWithdrawn, DocumentWithdrawn, Withdrawn
from portal_shared.contracts.records import Dataset, Document

from tests.builders import CREATED, dataset, document

TOMBSTONE = {"reason": "wrong donor", "title": "of the last version", "at": CREATED}


def version_after(
    old: StoredRecord | None, record: Dataset | Document, **fields: Any
) -> StoredRecord:
    kind: Literal["dataset", "document"] = "dataset" if isinstance(record, Dataset) else "document"
    return versioning.next_version(
        old, kind, record.pid, record, job_id="j", sender="ada@example.org", **fields
    )


def versions(*records: Dataset | Document) -> StoredRecord:
    stored: StoredRecord | None = None
    for record in records:
        stored = version_after(stored, record)
    assert stored is not None
    return stored


def withdrawn(stored: StoredRecord) -> Withdrawn:
    record = stored.model()
    assert record is not None
    hidden = record.model_copy(update={"is_public": False})
    event = record_event(version_after(stored, hidden, why="withdrawn", withdrawn=TOMBSTONE))
    assert isinstance(event, Withdrawn)
    return event


def test_the_withdrawal_of_a_record_that_was_never_public_carries_nothing_of_it() -> None:
    for record in (dataset("a", is_public=False), document("a", is_public=False)):
        changed = record.model_copy(update={"title": "Second secret"})
        event = withdrawn(versions(record, changed))
        assert isinstance(event, DatasetWithdrawn | DocumentWithdrawn)
        assert (event.last_public, event.title, event.history) == (None, "", ())
        assert record.title not in event.model_dump_json()


def test_a_tombstone_has_the_state_that_was_public_last() -> None:
    public = dataset("a", title="Public")
    hidden = dataset("a", title="Secret", keywords=("cause of death",), is_public=False)
    event = withdrawn(versions(public, hidden, hidden.model_copy(update={"summary": "Secret"})))
    assert isinstance(event, DatasetWithdrawn)
    assert event.last_public == public
    assert event.title == "Public"
    assert [(c.version, c.kind) for c in event.history] == [(1, "registered"), (4, "withdrawn")]
    assert "Secret" not in event.model_dump_json()
    assert "keywords" not in event.model_dump_json(include={"history"})


def test_a_record_that_is_public_again_has_its_new_state() -> None:
    first, hidden, again = (
        dataset("a", title=title, is_public=shown)
        for title, shown in (("First", True), ("Secret", False), ("Again", True))
    )
    stored = versions(first, hidden, again)
    assert last_public(stored) == again
    assert stored.public_body is None
    assert [c.fields for c in public_history(stored)] == [(), (), ("is_public", "title")]


def test_a_second_reason_of_a_withdrawal_changes_nothing_else() -> None:
    public = dataset("a", title="Public")
    hidden = public.model_copy(update={"is_public": False})
    stored = version_after(versions(public), hidden, why="withdrawn", withdrawn=TOMBSTONE)
    again = version_after(stored, hidden, why="withdrawn", withdrawn={**TOMBSTONE, "reason": "b"})
    event = record_event(again)
    assert isinstance(event, DatasetWithdrawn)
    assert (event.reason, event.last_public) == ("b", public)


def test_what_was_public_of_records_stored_by_earlier_versions_is_known_if_it_can_be() -> None:
    public = dataset("a", title="Public")
    hidden = public.model_copy(update={"is_public": False})
    before = replace(versions(public, hidden), public_body=None)
    assert last_public(before) == public
    changed = hidden.model_copy(update={"title": "Secret"})
    unknown = replace(versions(public, hidden, changed), public_body=None)
    assert last_public(unknown) is None
