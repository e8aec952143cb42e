"""A private MongoDB: mongod where it is installed, else SecantusDB, which speaks its protocol."""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from portal_local.launcher.ports import NotStarted, free_port, listens, wait_until
from portal_local.launcher.processes import Child

START_SECONDS = 60
REPLICA_SET = "portal"
# A commit is written to the system's cache before it is acknowledged, not to the disk: it survives
# the end of the process (tested by killing it), not of the machine, and costs a third.
# Standalone it writes no oplog, which nobody here follows: a fifth of what a write costs. Unlike
# mongod it has transactions all the same.
# A write that finds the cache full of what open transactions still see waits for them, and they for
# it: so that is allowed nearly all of the cache, more than can be written before they expire.
WIREDTIGER = (
    "transaction_sync=(enabled=true,method=none),"
    "eviction_dirty_target=50,eviction_dirty_trigger=95,"
    "eviction_updates_target=50,eviction_updates_trigger=95"
)
CACHE = "512M"  # at most; an Atlas takes a tenth


@dataclass(frozen=True)
class Server:
    child: Child
    port: int
    url: str

    def stop(self) -> None:
        self.child.stop()

    def kill(self) -> None:
        self.child.kill()


def start(folder: Path, *, port: int | None = None) -> Server:
    """Start it on its data in `folder`; return when it takes transactions. Raises NotStarted."""
    folder = folder.resolve()
    port = port or free_port()
    mongod = shutil.which("mongod")
    data = folder / ("mongod" if mongod else "secantus")
    data.mkdir(parents=True, exist_ok=True)
    command: Sequence[str]
    if mongod:
        command = [mongod, "--port", str(port), "--dbpath", str(data), "--bind_ip", "127.0.0.1",
                   "--replSet", REPLICA_SET]  # fmt: skip
    else:
        command = [sys.executable, "-m", "portal_local.launcher.secantusdb", "--host", "127.0.0.1",
                   "--port", str(port), "--storage-path", str(data), "--cache-size", CACHE,
                   "--sync-on-commit", "--standalone", "--log-level", "WARNING"]  # fmt: skip
    environment = {} if mongod else {"WIREDTIGER_CONFIG": WIREDTIGER}
    child = Child("mongodb", command, log=folder / "mongodb.log", environment=environment)
    try:
        wait_until(lambda: listens(port), child, START_SECONDS)
        url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        if not mongod:  # SecantusDB pays for retryable writes with a scan; redelivery covers them
            url += "&retryWrites=false"
        if mongod:
            initiate(url, port)
    except NotStarted:
        child.kill()
        raise
    return Server(child, port, url)


def initiate(url: str, port: int) -> None:
    """Make a new mongod a replica set of one, which transactions need; wait until it is primary."""
    client: MongoClient[dict[str, object]] = MongoClient(url, serverSelectionTimeoutMS=10_000)
    try:
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as error:
            if "already" not in str(error):
                raise NotStarted(f"mongod refuses to be a replica set: {error}") from error
        end = time.monotonic() + START_SECONDS
        while not client.admin.command("hello").get("isWritablePrimary"):
            if time.monotonic() > end:
                raise NotStarted("mongod does not become primary")
            time.sleep(0.2)
    except PyMongoError as error:
        raise NotStarted(f"mongod: {error}") from error
    finally:
        client.close()
