"""Starts a private MongoDB: mongod if it is installed, otherwise SecantusDB (same protocol)."""

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
SECANTUSDB = "portal_local.launcher.secantusdb"  # the module that is started
TRANSACTION_SECONDS = 20  # mongod then rolls back; a killed client leaves its transaction open
# transaction_sync: a commit is written to the page cache of the system before it is acknowledged,
# not to the disk. It survives a crash of the process (tested by killing it) but not of the machine,
# and takes a third of the time.
# SecantusDB runs standalone: it then writes no oplog, which nobody here reads (a fifth of the cost
# of a write), and unlike mongod it still has transactions.
# eviction_*: a write waits when the cache is full of data that open transactions still see, and
# these transactions may wait for that write. The limits allow nearly the whole cache, which is more
# than can be written before transactions expire.
WIREDTIGER = (
    "transaction_sync=(enabled=true,method=none),log=(file_max=4MB),"
    "eviction_dirty_target=50,eviction_dirty_trigger=95,"
    "eviction_updates_target=50,eviction_updates_trigger=95"
)
CACHE_SIZE = "512M"  # maximum; the Human Organ Atlas uses a tenth of it

# SecantusDB has a thread for each connection. The C library gives each its own arena of memory, and
# what is free in one is of no use to the others: with two arenas it needs a third less.
ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True)
class Server:
    child: Child
    port: int
    url: str

    def stop(self) -> None:
        self.child.stop()

    def kill(self) -> None:
        self.child.kill()


def start(folder: Path, *, port: int | None = None, inherited: Sequence[int] = ()) -> Server:
    """Starts it with its data in `folder`; returns when it accepts transactions.

    Raises NotStarted.
    """
    folder = folder.resolve()
    port = port or free_port()
    mongod = shutil.which("mongod")
    data = folder / ("mongod" if mongod else "secantus")
    data.mkdir(parents=True, exist_ok=True)
    command: Sequence[str]
    if mongod:
        command = [mongod, "--port", str(port), "--dbpath", str(data), "--bind_ip", "127.0.0.1",
                   "--replSet", REPLICA_SET,
                   "--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_SECONDS}",
                   ]  # fmt: skip
    else:
        command = [sys.executable, "-m", SECANTUSDB, "--host", "127.0.0.1",
                   "--port", str(port), "--storage-path", str(data), "--cache-size", CACHE_SIZE,
                   "--sync-on-commit", "--standalone", "--log-level", "WARNING"]  # fmt: skip
    environment = {} if mongod else {"WIREDTIGER_CONFIG": WIREDTIGER, **ALLOCATOR}
    log = folder / "mongodb.log"
    child = Child("mongodb", command, log=log, environment=environment, inherited=inherited)
    try:
        wait_until(lambda: listens(port), child, START_SECONDS)
        url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        if not mongod:  # retryable writes cost SecantusDB a scan; redelivery replaces them
            url += "&retryWrites=false"
        if mongod:
            initiate_replica_set(url, port)
    except BaseException:  # also a signal meanwhile: nobody else knows the process yet
        child.kill()
        raise
    return Server(child, port, url)


def initiate_replica_set(url: str, port: int) -> None:
    """Makes mongod a replica set of one, which transactions need, and waits for the primary."""
    client: MongoClient[dict[str, object]] = MongoClient(url, serverSelectionTimeoutMS=10_000)
    try:
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as error:
            if "already" not in str(error):
                raise NotStarted(f"mongod cannot become a replica set: {error}") from error
        end = time.monotonic() + START_SECONDS
        while not client.admin.command("hello").get("isWritablePrimary"):
            if time.monotonic() > end:
                raise NotStarted(f"mongod did not become primary within {START_SECONDS} s")
            time.sleep(0.2)
    except PyMongoError as error:
        raise NotStarted(f"mongod could not be configured: {error}") from error
    finally:
        client.close()
