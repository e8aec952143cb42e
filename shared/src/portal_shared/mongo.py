"""The one module that knows the MongoDB driver.

Transactions need a replica set (one node will do). A commit whose outcome is unknown is retried as
the driver's labels say; if it stays unknown, the caller fails and redelivery finds out.
"""

from collections.abc import Callable, Coroutine, Generator
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

from portal_shared.errors import Unavailable
from portal_shared.settings import Settings

Doc: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncIOMotorClient[Doc]
Database: TypeAlias = AsyncIOMotorDatabase[Doc]
Collection: TypeAlias = AsyncIOMotorCollection[Doc]
Session: TypeAlias = AsyncIOMotorClientSession
T = TypeVar("T")

__all__ = [
    "ASCENDING",
    "DESCENDING",
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
    "UpdateMany",
    "UpdateOne",
    "connect",
    "database",
    "ping",
    "transaction",
    "translated",
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
    with translated():
        await client.admin.command("ping")


@contextmanager
def translated() -> Generator[None]:
    """The driver's connection faults as ours; a duplicate key stays what it is: an answer."""
    try:
        yield
    except DuplicateKeyError:
        raise
    except (ConnectionFailure, ExecutionTimeout) as error:
        raise Unavailable(f"MongoDB: {error}") from error


async def transaction(client: Client, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
    """Run `work` in one transaction, from the start again where the server asks for it.

    `work` must be free of effects outside the database. Raises Unavailable when the outcome stays
    unknown or the database is out of reach.
    """
    with translated():
        async with await client.start_session() as session:
            try:
                result: T = await session.with_transaction(work)
            except OperationFailure as error:
                if error.has_error_label("TransientTransactionError"):
                    raise Unavailable(f"MongoDB: {error}") from error
                raise
            return result
