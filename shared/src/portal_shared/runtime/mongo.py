"""The only module that imports the MongoDB driver.

Transactions need a replica set; one node is enough. A commit with an unknown outcome is retried
according to the labels of the driver; if it stays unknown, the caller fails and the message is
delivered again.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple, TypeAlias, TypeVar

import pymongo
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import (
    ASCENDING,
    DESCENDING,
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    ReturnDocument,
    UpdateMany,
    UpdateOne,
)
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
)

from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.progress import note_progress
from portal_shared.runtime.settings import Settings

Doc: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncIOMotorClient[Doc]
Database: TypeAlias = AsyncIOMotorDatabase[Doc]
Collection: TypeAlias = AsyncIOMotorCollection[Doc]
Session: TypeAlias = AsyncIOMotorClientSession
Write: TypeAlias = (
    InsertOne[Doc] | UpdateOne | UpdateMany | ReplaceOne[Doc] | DeleteOne | DeleteMany
)
T = TypeVar("T")

DUPLICATE_KEY = 11000  # the server's code, as write errors of a batch carry it
WRITE_CONFLICT = 112
_RAW: Any = CodecOptions(document_class=RawBSONDocument)
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.01, 1.0  # between attempts of a transaction

__all__ = [
    "ASCENDING",
    "DESCENDING",
    "DUPLICATE_KEY",
    "BulkWriteError",
    "Client",
    "Collection",
    "Database",
    "DeleteMany",
    "DeleteOne",
    "Doc",
    "DuplicateKeyError",
    "InsertOne",
    "ObjectId",
    "OperationFailure",
    "ReplaceOne",
    "ReturnDocument",
    "Session",
    "StaleVersion",
    "UpdateMany",
    "UpdateOne",
    "Write",
    "WriteConflict",
    "WriteCounts",
    "connect",
    "database",
    "deadline",
    "insert_raw",
    "is_duplicate_key",
    "ping",
    "raw_documents",
    "snapshot_session",
    "transaction",
    "translate_errors",
    "write_all",
    "write_unordered",
]


def connect(settings: Settings) -> Client:
    """Returns a client with time limits for every operation; connects on first use."""
    client: Client = AsyncIOMotorClient(
        settings.mongo_url.get_secret_value(),
        tz_aware=True,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=60_000,
        w="majority",
        appname="portal",
    )
    return client


def database(client: Client, settings: Settings, name: str) -> Database:
    """Returns the database of a service (`ingest`, `doi`, `catalogue`, `gateway`, `downloader`)."""
    return client[settings.database_prefix + name]


@contextmanager
def deadline(seconds: float) -> Generator[None]:
    """Limits the operations within the block; the server ends those that take longer."""
    with pymongo.timeout(seconds):
        yield


async def ping(client: Client) -> None:
    """Raises Unavailable if the database does not respond."""
    with translate_errors():
        await client.admin.command("ping")


@contextmanager
def translate_errors() -> Generator[None]:
    """Turns connection errors of the driver into Unavailable; DuplicateKeyError stays as it is.

    A write conflict outside a transaction is Unavailable too, in several writes WriteConflict: the
    write was not done.
    """
    try:
        yield
        note_progress()
    except DuplicateKeyError:
        raise
    except (ConnectionFailure, ExecutionTimeout) as error:
        raise Unavailable(f"MongoDB: {error}") from error
    except OperationFailure as error:
        if error.has_error_label("TransientTransactionError"):
            raise
        if error.code == WRITE_CONFLICT:
            raise Unavailable(f"MongoDB: {error}") from error
        if isinstance(error, BulkWriteError) and _has_write_conflict(error):
            raise WriteConflict(f"MongoDB: {error}") from error
        raise


def is_duplicate_key(error: BulkWriteError) -> bool:
    """Whether all writes of a batch that failed did so because their key existed."""
    return all(one.get("code") == DUPLICATE_KEY for one in error.details["writeErrors"])


def _has_write_conflict(error: BulkWriteError) -> bool:
    return any(one.get("code") == WRITE_CONFLICT for one in error.details["writeErrors"])


class WriteCounts(NamedTuple):
    """How many documents matched the filters of updates, and how many updates inserted."""

    matched: int
    upserted: int


async def write_all(
    collection: Collection, writes: Sequence[Write], *, session: Session | None = None
) -> int:
    """Executes the writes in this order; returns the number of documents matched by updates."""
    return (await _write(collection, writes, is_ordered=True, session=session)).matched


async def write_unordered(
    collection: Collection, writes: Sequence[Write], *, session: Session | None = None
) -> WriteCounts:
    """Executes the writes in any order, all of them also if one fails.

    Raises BulkWriteError, whose details have the counts, if one failed.
    """
    return await _write(collection, writes, is_ordered=False, session=session)


async def _write(
    collection: Collection, writes: Sequence[Write], *, is_ordered: bool, session: Session | None
) -> WriteCounts:
    result = await collection.bulk_write(  # pyright: ignore[reportUnknownMemberType]
        list(writes), ordered=is_ordered, session=session
    )
    return WriteCounts(result.matched_count, result.upserted_count)


class StaleVersion(Exception):
    """Another version of the record was written meanwhile; raised to abort a transaction."""


class WriteConflict(Unavailable):
    """Another client writes the same documents; a later attempt may succeed."""


async def transaction(
    client: Client,
    work: Callable[[Session], Coroutine[Any, Any, T]],
    *,
    max_tries: int | None = None,
) -> T:
    """Runs `work` in one transaction, and repeats it if the server requires that.

    `work` must not have effects outside the database. Raises Unavailable if the outcome stays
    unknown or the database cannot be reached; WriteConflict after `max_tries` or two minutes.
    """
    tries = 0

    async def one_try(session: Session) -> T:
        """Pauses before a repetition: the driver would repeat at once."""
        nonlocal tries
        if tries == max_tries:
            raise WriteConflict(f"MongoDB: write conflict in {tries} attempts")
        if tries:
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), MAX_PAUSE_SECONDS)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # no secret
        tries += 1
        return await work(session)

    with translate_errors():
        async with await client.start_session() as session:
            try:
                result: T = await session.with_transaction(one_try)
            except OperationFailure as error:
                if error.has_error_label("TransientTransactionError"):
                    raise WriteConflict(f"MongoDB: {error}") from error
                raise
            return result


@asynccontextmanager
async def snapshot_session(client: Client) -> AsyncGenerator[Session | None]:
    """Yields a session whose queries all see one moment; None if the server has none.

    A replica set of MongoDB remembers `minSnapshotHistoryWindowInSeconds`, five minutes by default.
    """
    async with await client.start_session(snapshot=True) as session:
        try:
            await client["admin"]["system.version"].find_one({}, session=session)
        except OperationFailure:
            is_supported = False
        else:
            is_supported = True
        yield session if is_supported else None


async def raw_documents(
    database: Database, name: str, session: Session | None
) -> AsyncGenerator[bytes]:
    """Yields the documents of a collection as BSON, in no order."""
    rows: Any = database.get_collection(name, codec_options=_RAW)
    async for row in rows.find({}, session=session):
        yield row.raw


async def insert_raw(database: Database, name: str, documents: Sequence[bytes]) -> None:
    """Inserts documents that are BSON. Raises BulkWriteError if one exists already."""
    rows: Any = database.get_collection(name, codec_options=_RAW)
    await rows.insert_many([RawBSONDocument(one) for one in documents], ordered=False)
