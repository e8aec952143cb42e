"""The local database: what it acknowledged is there after it was killed."""

import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from portal_local.launcher import mongodb
from pymongo import MongoClient
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

WRITERS = 4


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    server = mongodb.start(tmp_path)
    acknowledged: list[int] = []
    enough = threading.Event()

    def write(first: int) -> None:
        with MongoClient[dict[str, Any]](server.url) as client:
            for number in range(first, 1_000_000, WRITERS):
                try:
                    client.ledger.rows.insert_one({"_id": number})
                except PyMongoError:
                    return
                acknowledged.append(number)
                if len(acknowledged) > 1000:
                    enough.set()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    server.kill()
    for writer in writers:
        writer.join(60)
    again = mongodb.start(tmp_path, port=server.port)
    try:
        with MongoClient[dict[str, Any]](again.url) as client:
            there = {row["_id"] for row in client.ledger.rows.find({}, {"_id": 1})}
        assert not set(acknowledged) - there
    finally:
        again.stop()


@pytest.mark.timeout(120)
def test_who_died_within_a_transaction_holds_up_nobody_for_ever(tmp_path: Path) -> None:
    """Nor does who waits for it: a write of many, and a transaction that needs its collection."""
    if shutil.which("mongod"):
        pytest.skip("it waits for the others' end, and holds up nobody else")
    server = mongodb.start(tmp_path)
    with MongoClient[dict[str, Any]](server.url) as client, client.start_session() as dead:
        rows = client.ledger.rows
        rows.insert_many([{"_id": number, "times": 0} for number in range(3)])
        dead.start_transaction()
        rows.update_one({"_id": 0}, {"$inc": {"times": 1}}, session=dead)

        def write_all() -> str:
            with pytest.raises(OperationFailure) as refused:
                rows.update_many({}, {"$inc": {"times": 1}})
            return str(refused.value)

        with ThreadPoolExecutor(1) as others:
            many = others.submit(write_all)
            time.sleep(1)  # it is waiting by then
            with client.start_session() as alive:
                alive.with_transaction(
                    lambda session: rows.update_one(
                        {"_id": 2}, {"$set": {"done": True}}, session=session
                    )
                )
            assert "WriteConflict" in many.result(60)
        assert rows.count_documents({"done": True}) == 1
        dead.abort_transaction()
    server.stop()


KILLED_CLIENT = """
import sys, time
from pymongo import MongoClient
client = MongoClient(sys.argv[1])
session = client.start_session()
session.start_transaction()
client.ledger.rows.update_one({"_id": 0}, {"$inc": {"times": 1}}, session=session)
print("changed", flush=True)
time.sleep(600)
"""


def test_a_client_killed_within_a_transaction_leaves_no_row_locked(tmp_path: Path) -> None:
    server = mongodb.start(tmp_path)
    with MongoClient[dict[str, Any]](server.url, socketTimeoutMS=45_000) as client:
        rows = client.ledger.rows
        rows.insert_one({"_id": 0, "times": 0})
        command = [sys.executable, "-c", KILLED_CLIENT, server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == b"changed\n"
            killed.kill()
        rows.update_one({"_id": 0}, {"$inc": {"times": 10}})
        assert rows.find_one({"_id": 0}) == {"_id": 0, "times": 10}
    server.stop()


def test_a_transaction_left_open_does_not_stop_the_writes_of_others(tmp_path: Path) -> None:
    """The cache has to keep what it sees for as long: more than a tenth of it here."""
    server = mongodb.start(tmp_path)
    left: MongoClient[dict[str, Any]] = MongoClient(server.url)
    other: MongoClient[dict[str, Any]] = MongoClient(server.url, socketTimeoutMS=30_000)
    try:
        rows = other["t"]["rows"]
        rows.insert_many([{"_id": n, "text": ""} for n in range(20)])
        with left.start_session() as session, session.start_transaction():
            left["t"]["rows"].find_one({"_id": 0}, session=session)
            for number in range(600):
                text = str(number) * 40_000
                rows.update_one({"_id": number % 20}, {"$set": {"text": text[:100_000]}})
        assert rows.count_documents({}) == 20
    finally:
        left.close()
        other.close()
        server.kill()


def test_an_index_is_in_force_for_every_statement_that_follows(tmp_path: Path) -> None:
    """Whoever made it, and within a transaction, too."""
    server = mongodb.start(tmp_path)
    with (
        MongoClient[dict[str, Any]](server.url) as one,
        MongoClient[dict[str, Any]](server.url) as other,
    ):
        rows, theirs = one["t"]["rows"], other["t"]["rows"]
        rows.insert_many([{"_id": 1, "name": "a"}, {"_id": 2, "name": "b"}])
        assert theirs.count_documents({"name": "a"}) == 1
        made = theirs.create_index("name", unique=True)
        with pytest.raises(DuplicateKeyError):
            rows.insert_one({"_id": 3, "name": "a"})
        with (
            pytest.raises(DuplicateKeyError),
            one.start_session() as session,
            session.start_transaction(),
        ):
            rows.update_one({"_id": 2}, {"$set": {"name": "a"}}, session=session)
        rows.insert_one({"_id": 4, "name": ["c", "d"]})
        assert [row["_id"] for row in theirs.find({"name": "d"})] == [4]
        theirs.drop_index(made)
        rows.insert_one({"_id": 3, "name": "a"})
        assert sorted(row["_id"] for row in theirs.find({"name": "a"})) == [1, 3]
    server.stop()


def test_an_index_made_while_others_write_has_all_that_they_wrote(tmp_path: Path) -> None:
    server = mongodb.start(tmp_path)
    try:
        with MongoClient[dict[str, Any]](server.url) as client, ThreadPoolExecutor(2) as threads:
            rows = client.ledger.rows
            rows.insert_one({"_id": -1, "kind": 0})

            def write(start: int) -> None:
                rows.insert_many([{"_id": start + n, "kind": n % 7} for n in range(4000)])

            writing = [threads.submit(write, start) for start in (0, 4000)]
            time.sleep(0.1)
            rows.create_index("kind")
            for one in writing:
                one.result(60)
            found = sum(len(list(rows.find({"kind": kind}))) for kind in range(7))
            assert found == rows.count_documents({}) == 8001
    finally:
        server.stop()
