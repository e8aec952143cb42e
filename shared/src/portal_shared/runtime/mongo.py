"""The one module that knows the MongoDB driver.

Transactions need a replica set (one node will do). A commit whose outcome is unknown is retried as
the driver's labels say; if it stays unknown, the caller fails and redelivery finds out.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from bson import ObjectId
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
from portal_shared.runtime.settings import Settings

Doc: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncIOMotorClient[Doc]
Database: TypeAlias = AsyncIOMotorDatabase[Doc]
Collection: TypeAlias = AsyncIOMotorCollection[Doc]
Session: TypeAlias = AsyncIOMotorClientSession
Write: TypeAlias = InsertOne[Doc] | UpdateOne | UpdateMany
T = TypeVar("T")

DUPLICATE_KEY = 11000  # the server's code, as write errors of a batch carry it
WRITE_CONFLICT = 112
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0  # seconds between the tries of a transaction

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
    "connect",
    "database",
    "ping",
    "transaction",
    "translate_errors",
    "write_all",
]


def connect(settings: Settings) -> Client:
    """A client with deadlines for everything; connects on first use."""
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
    """A service's own database (`ingest`, `doi`, `catalogue`, `gateway`, `downloader`)."""
    return client[settings.database_prefix + name]


async def ping(client: Client) -> None:
    """Raises Unavailable when the database does not answer."""
    with translate_errors():
        await client.admin.command("ping")


@contextmanager
def translate_errors() -> Generator[None]:
    """The driver's connection faults as ours; a duplicate key stays what it is: an answer.

    A write that met another's, outside a transaction, was not done: it is Unavailable, too.
    """
    try:
        yield
    except DuplicateKeyError:
        raise
    except (ConnectionFailure, ExecutionTimeout) as error:
        raise Unavailable(f"MongoDB: {error}") from error
    except OperationFailure as error:
        if error.code == WRITE_CONFLICT and not error.has_error_label("TransientTransactionError"):
            raise Unavailable(f"MongoDB: {error}") from error
        raise


async def write_all(
    collection: Collection, writes: Sequence[Write], *, session: Session | None = None
) -> int:
    """Do these in this order, by as few commands as there are kinds; how many updates matched."""
    result = await collection.bulk_write(list(writes), session=session)  # pyright: ignore[reportUnknownMemberType]
    return result.matched_count


class StaleVersion(Exception):
    """Another version of the record was written meanwhile; raised to abort a transaction."""


class WriteConflict(Unavailable):
    """Others write the same documents, or have died while they did: later it may go."""


async def transaction(
    client: Client,
    work: Callable[[Session], Coroutine[Any, Any, T]],
    *,
    max_tries: int | None = None,
) -> T:
    """Run `work` in one transaction, from the start again where the server asks for it.

    `work` must be free of effects outside the database. Raises Unavailable when the outcome stays
    unknown or the database is out of reach; WriteConflict after `max_tries`, or two minutes.
    """
    tries = 0

    async def one_try(session: Session) -> T:
        """The driver begins again at once; others want to work, too."""
        nonlocal tries
        if tries == max_tries:
            raise WriteConflict(f"MongoDB: {tries} tries met the writes of others")
        if tries:
            pause = min(FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE)
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
