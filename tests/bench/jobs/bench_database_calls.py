"""Processor time of the local database for a call, beside SecantusDB without patches.

Both servers run at once and take turns; the least time of PORTAL_BENCH_ROUNDS rounds counts.
"""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from portal_local.launcher import mongodb
from pymongo import IndexModel, MongoClient, ReturnDocument, UpdateOne

ROUNDS = int(os.environ.get("PORTAL_BENCH_ROUNDS", "10"))
CALLS = 20  # in a round
ROWS = 500
Doc = dict[str, Any]
Call = Callable[[int], object]


def row(number: int) -> Doc:
    files = [{"name": f"f{n}.h5", "size": n * 1000, "sha256": "ab" * 32} for n in range(5)]
    parameters = {f"p{n}": {"value": n * 1.5, "unit": "mm"} for n in range(10)}
    record = {"pid": f"10.1/{number}", "parameters": parameters, "files": files}
    return {"_id": number, "state": "waiting", "owner": f"u{number % 7}", "created": number,
            "next": float(number), "version": 1, "record": record}  # fmt: skip


def prepare(client: MongoClient[Doc]) -> None:
    rows = client["bench"]["rows"]
    rows.insert_many([row(number) for number in range(ROWS)])
    rows.create_indexes([
        IndexModel("owner"), IndexModel([("state", 1), ("next", 1)]),
        IndexModel([("owner", 1), ("created", 1)]), IndexModel("record.pid", unique=True),
    ])  # fmt: skip
    client["bench"]["outbox"].create_index("seq")


def calls_of(client: MongoClient[Doc]) -> dict[str, Call]:
    database = client["bench"]
    rows, outbox = database["rows"], database["outbox"]

    def transaction(n: int) -> None:
        with client.start_session() as session, session.start_transaction():
            rows.find_one({"_id": n % ROWS}, session=session)
            rows.update_one({"_id": n % ROWS}, {"$set": {"version": n}}, session=session)
            outbox.insert_one({"_id": f"t{n}", "seq": n}, session=session)

    def make_and_drop(n: int) -> None:
        made = client[f"made{n}"]
        for name in ("a", "b"):
            made[name].create_indexes([IndexModel("x"), IndexModel([("y", 1), ("z", -1)])])
        made["a"].insert_one({"x": 1})
        client.drop_database(made.name)

    return {
        "hello": lambda _: client.admin.command("hello"),
        "find one by _id": lambda n: rows.find_one({"_id": n % ROWS}),
        "find 10 by index, in order": lambda _: list(
            rows.find({"owner": "u3", "created": {"$lt": 200}}).sort("created").limit(10)
        ),
        "count by index": lambda _: rows.count_documents({"owner": "u3"}),
        "update, no index": lambda n: rows.update_one({"_id": n % ROWS}, {"$set": {"version": n}}),
        "update, one index of four": lambda n: rows.update_one(
            {"_id": n % ROWS}, {"$set": {"next": n / 2}}
        ),
        "find and update": lambda n: rows.find_one_and_update(
            {"_id": n % ROWS, "state": "waiting"}, {"$set": {"next": n / 3}},
            return_document=ReturnDocument.AFTER,
        ),
        "10 updates in a call": lambda n: rows.bulk_write(
            [UpdateOne({"_id": (n + k) % ROWS}, {"$set": {"version": n}}) for k in range(10)]
        ),
        "insert one": lambda n: rows.insert_one(row(ROWS + n)),
        "insert 10": lambda n: outbox.insert_many([{"seq": n + k} for k in range(10)]),
        "transaction: find, update, insert": transaction,
        "database, 4 indexes, dropped": make_and_drop,
    }  # fmt: skip


def cpu_ms(pid: int) -> float:
    """Returns the processor time of all threads of a process that have not ended."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e6


def test_processor_time_of_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patched = mongodb.start(tmp_path / "patched")
    monkeypatch.setattr(mongodb, "SECANTUSDB", "secantus")
    original = mongodb.start(tmp_path / "original")
    servers = (original, patched)
    try:
        started = [cpu_ms(server.child.pid) for server in servers]
        clients: list[MongoClient[Doc]] = [MongoClient(server.url) for server in servers]
        for client in clients:
            prepare(client)
        print(f"\n{'ms of processor':36}{'original':>10}{'patched':>10}{'ratio':>8}")
        print(f"{'start':36}{started[0]:10.0f}{started[1]:10.0f}{started[1] / started[0]:8.2f}")
        calls = [calls_of(client) for client in clients]
        numbers = count()
        for name in calls[0]:
            least = [float("inf")] * 2
            for _ in range(ROUNDS):
                first = next(numbers) * CALLS
                for place, server in enumerate(servers):
                    before = cpu_ms(server.child.pid)
                    for number in range(first, first + CALLS):
                        calls[place][name](number)
                    spent = (cpu_ms(server.child.pid) - before) / CALLS
                    least[place] = min(least[place], spent)
            print(f"{name:36}{least[0]:10.2f}{least[1]:10.2f}{least[1] / least[0]:8.2f}")
        for client in clients:
            client.close()
    finally:
        for server in servers:
            server.kill()
