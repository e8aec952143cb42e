"""The local database: what it acknowledged is there after it was killed."""

import threading
from pathlib import Path
from typing import Any

from portal_local import mongodb
from pymongo import MongoClient
from pymongo.errors import PyMongoError

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
