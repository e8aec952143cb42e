"""The catalogue in memory is what a statement would read from the tables."""

import contextlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("secantus")

from portal_local.launcher.secantusdb import catalogue
from secantus.storage import Storage

KEY = {"a": 1}
COMPARISONS = 200


class Patched(Storage):
    """Storage with the catalogue in memory."""


catalogue.apply(Patched)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Patched]:
    made = Patched(str(tmp_path), enable_oplog=False)
    made.insert("d", "rows", [{"_id": n, "a": n} for n in range(5)])
    made.create_index("d", "rows", "a_1", KEY)
    yield made
    made.close()


def stored(storage: Storage, coll: str = "rows") -> Any:
    """Returns what is in the tables for a collection, read in this thread."""
    indexes = [(name, dict(o)) for name, _, o in Storage._iter_indexes(storage, "d", coll)]
    return Storage._coll_options(storage, "d", coll), indexes


def remembered(storage: Storage, coll: str = "rows") -> Any:
    """Returns the same as a statement gets it."""
    indexes = [(name, dict(o)) for name, _, o in storage._iter_indexes("d", coll)]
    return storage._coll_options("d", coll), indexes


def index_names(storage: Storage) -> list[str]:
    """Returns the indexes that a statement finds, which begins with a new snapshot."""
    storage._refresh_read_snapshot()
    return [name for name, _ in remembered(storage)[1]]


def test_an_update_reads_no_table_of_the_catalogue_twice(
    storage: Patched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        storage.update_matching("d", "rows", {"_id": 1}, {"$inc": {"a": 10}})
    read: list[str] = []
    original = Storage._cursor

    def counted(self: Storage, table: str, **more: Any) -> Any:
        read.append(table)
        return original(self, table, **more)

    for kind in (Storage, Patched):
        monkeypatch.setattr(kind, "_cursor", counted)
    storage.update_matching("d", "rows", {"_id": 1}, {"$inc": {"a": 10}})
    patched = [table for table in read if table in catalogue.TABLES]
    assert len(patched) == 2, "one makes the snapshot, one is not used"
    assert storage.find_matching("d", "rows", {"a": 41})[0]["_id"] == 1
    read.clear()
    plain = Storage.__new__(Storage)
    vars(plain).update(vars(storage))
    plain.update_matching("d", "rows", {"_id": 1}, {"$inc": {"a": 10}})
    assert sum(table in catalogue.TABLES for table in read) > 6, "the patch is no longer needed"


def test_changes_are_seen_by_the_next_statement_of_every_thread(storage: Patched) -> None:
    for round_ in range(3):
        for _ in range(3):
            assert index_names(storage) == ["a_1"]
        other = threading.Thread(target=storage.create_index, args=("d", "rows", "b_1", {"b": 1}))
        other.start()
        other.join()
        assert index_names(storage) == ["a_1", "b_1"], round_
        storage.drop_index("d", "rows", "b_1")


def test_a_changed_result_does_not_change_the_catalogue(storage: Patched) -> None:
    for _ in range(3):
        found = storage.get_collection_options("d", "rows")
        assert "own" not in found
        found["own"] = 1


def test_what_a_transaction_creates_is_seen_by_others_when_it_is_committed(
    storage: Patched,
) -> None:
    for ends, expected in ((storage.abort_user_transaction, None), (commit(storage), {})):
        for _ in range(3):
            assert storage._coll_options("d", "new") is None
        handle = storage.begin_user_transaction()
        with storage.use_user_transaction(handle):
            storage.insert("d", "new", [{"_id": 1}])
            assert storage._coll_options("d", "new") == {}
        assert storage._coll_options("d", "new") is None
        ends(handle)
        for _ in range(3):
            storage._refresh_read_snapshot()
            assert storage._coll_options("d", "new") == expected


def commit(storage: Storage) -> Any:
    return storage.commit_user_transaction


def test_a_transaction_keeps_the_catalogue_of_its_snapshot(storage: Patched) -> None:
    handle = storage.begin_user_transaction()
    with storage.use_user_transaction(handle):
        for _ in range(3):
            assert index_names(storage) == ["a_1"]
    storage.drop_index("d", "rows", "a_1")
    for _ in range(3):
        assert index_names(storage) == []
    with storage.use_user_transaction(handle):
        assert remembered(storage) == stored(storage)
        assert index_names(storage) == ["a_1"]
    storage.commit_user_transaction(handle)
    assert index_names(storage) == []


class Contest:
    """Threads that change the catalogue, and threads that compare memory and tables."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.ended = threading.Event()
        self.different: list[Any] = []
        self.compared = [0, 0]

    def change(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        while not self.ended.is_set():
            name = f"{chance.choice('bcd')}_1"
            match chance.randrange(4):
                case 0:
                    self.storage.create_index("d", "rows", name, {name[0]: 1})
                case 1:
                    self.storage.drop_index("d", "rows", name)
                case 2:
                    self.storage.insert("d", "rows", [{name[0]: [1, 2]}])  # now it is multikey
                case _:
                    self.storage.drop_collection("d", f"new{seed}")

    def change_in_transactions(self) -> None:
        ends = (self.storage.abort_user_transaction, self.storage.commit_user_transaction)
        number = 0
        while not self.ended.is_set():
            number += 1
            handle = self.storage.begin_user_transaction()
            with contextlib.suppress(Exception), self.storage.use_user_transaction(handle):
                self.storage.insert("d", f"new{number % 3}", [{"a": 1}])
            ends[number % 2](handle)

    def compare(self, place: int) -> None:
        chance = random.Random(place)  # noqa: S311
        while not self.ended.is_set() and self.compared[place] < COMPARISONS:
            coll = chance.choice(("rows", "new0", "new1"))
            with self.storage._batch_transaction():
                for _ in range(3):
                    found, expected = remembered(self.storage, coll), stored(self.storage, coll)
                    if found != expected:
                        self.different.append((found, expected))
            self.compared[place] += 1


def test_memory_and_tables_agree_in_each_snapshot_while_others_change_them(
    storage: Patched,
) -> None:
    contest = Contest(storage)
    changing = [threading.Thread(target=contest.change, args=(seed,)) for seed in (1, 2)]
    changing.append(threading.Thread(target=contest.change_in_transactions))
    comparing = [threading.Thread(target=contest.compare, args=(place,)) for place in (0, 1)]
    for thread in changing + comparing:
        thread.start()
    for thread in comparing:
        thread.join()
    contest.ended.set()
    for thread in changing:
        thread.join()
    assert contest.compared == [COMPARISONS] * 2
    assert contest.different == []
    storage._refresh_read_snapshot()
    for coll in ("rows", "new0", "new1", "new2"):
        assert remembered(storage, coll) == stored(storage, coll)
    assert catalogue.of(storage).stable_version() is not None, "a change has no end"
