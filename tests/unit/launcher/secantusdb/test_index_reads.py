"""What the local database reads for a statement, counted in its own storage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from portal_local.launcher.secantusdb import reads

pytest.importorskip("secantus")

from secantus.storage import Storage

ROWS = 2000


class Counted(Storage):
    """Storage that reads as it was mended, and counts the documents."""

    read = 0
    scans = 0

    def _docs_by_recordids(self, db: str, coll: str, recordids: list[int]) -> list[Any]:
        self.read += len(recordids)
        return super()._docs_by_recordids(db, coll, recordids)

    def _scan_docs(self, db: str, coll: str) -> Any:
        self.scans += 1
        return super()._scan_docs(db, coll)

    def _scan_docs_natural(self, db: str, coll: str) -> Any:
        self.scans += 1
        return super()._scan_docs_natural(db, coll)


reads.apply(Counted)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Counted]:
    made = Counted(str(tmp_path))
    rows = [{"_id": n, "state": "queued" if n % 2 else "online", "n": n} for n in range(ROWS)]
    made.insert("d", "rows", rows)
    made.create_index("d", "rows", "state_1", {"state": 1})
    made.read = made.scans = 0
    yield made
    made.close()


def test_a_document_that_is_found_and_modified_is_looked_up_by_its_id(storage: Counted) -> None:
    """The server asserts the filter again, as `$and`."""
    which: dict[str, Any] = {"_id": 7, "$and": [{"state": "queued"}]}
    assert storage.update_matching("d", "rows", which, {"$set": {"n": 0}})["matched"] == 1
    other: dict[str, Any] = {"_id": 8, "$and": [{"state": "queued"}]}
    assert storage.update_matching("d", "rows", other, {"$set": {"n": 0}})["matched"] == 0
    assert storage.scans == 0
    assert storage.find_matching("d", "rows", {"_id": 7})[0]["n"] == 0


def test_operators_beside_a_field_narrow_what_its_index_finds(storage: Counted) -> None:
    which: dict[str, Any] = {"state": "online", "$or": [{"n": 2}, {"n": 4}, {"n": 5}]}
    assert [row["n"] for row in storage.find_matching("d", "rows", which)] == [2, 4]
    assert storage.scans == 0
    alone: dict[str, Any] = {"$or": [{"n": 2}, {"n": 5}]}
    assert [row["n"] for row in storage.find_matching("d", "rows", alone)] == [2, 5]


def test_one_requested_value_is_not_searched_among_all(storage: Counted) -> None:
    [row] = storage.find_matching("d", "rows", {"state": "queued"}, limit=1)
    assert row["state"] == "queued"
    assert storage.read <= reads.BATCH_DOCUMENTS + 1
    which: dict[str, Any] = {"state": "queued", "n": {"$gte": 3}}
    found = storage.find_matching("d", "rows", which, limit=3, projection={"n": 1})
    assert found == [{"_id": n, "n": n} for n in (3, 5, 7)]
    none: dict[str, Any] = {"state": "queued", "n": ROWS}
    assert storage.find_matching("d", "rows", none, limit=1) == []
    assert storage.scans == 0


def test_where_order_matters_all_are_compared(storage: Counted) -> None:
    last = storage.find_matching("d", "rows", {"state": "queued"}, limit=1, sort={"n": -1})
    assert [row["n"] for row in last] == [ROWS - 1]
