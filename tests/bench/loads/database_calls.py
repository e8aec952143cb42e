"""A proxy in front of MongoDB that counts the commands of each database."""

import asyncio
import struct
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from bson import decode  # pyright: ignore[reportUnknownVariableType]

HEADER = struct.Struct("<iiii")  # length, request id, response to, opcode
OP_MSG = 2013
DOCUMENT_OFFSET = HEADER.size + 5  # flags, and the kind of the first section
WRITES = ("insert", "update", "delete", "findAndModify")
TRANSACTION_ENDS = ("commitTransaction", "abortTransaction")


class DatabaseCalls:
    """The commands that passed, by (database, command, collection, in a transaction)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str, bool]] = Counter()
        self._database_by_session: dict[bytes, str] = {}

    def record(self, message: bytes) -> None:
        """Counts one message of a client, unless it is not a command on a database."""
        if HEADER.unpack_from(message)[3] != OP_MSG:
            return
        size = struct.unpack_from("<i", message, DOCUMENT_OFFSET)[0]
        body: dict[str, Any] = decode(message[DOCUMENT_OFFSET : DOCUMENT_OFFSET + size])
        command, target = next(iter(body.items()))
        session = bytes(body["lsid"]["id"]) if "lsid" in body else b""
        database, is_in_transaction = str(body["$db"]), "txnNumber" in body
        if command in TRANSACTION_ENDS:
            database, target = self._database_by_session.get(session, database), ""
        elif session:
            self._database_by_session[session] = database
        self.counts[database, command, str(target), is_in_transaction] += 1

    def by_database(self) -> dict[str, Counter[str]]:
        """Returns the numbers of `calls`, `writes` and `transactions` of each database."""
        found: dict[str, Counter[str]] = {}
        for (database, command, _, _), count in self.counts.items():
            numbers = found.setdefault(database, Counter())
            numbers["calls"] += count
            numbers["writes"] += count * (command in WRITES)
            numbers["transactions"] += count * (command in TRANSACTION_ENDS)
        return found


@contextmanager
def counting_proxy(target_port: int) -> Generator[tuple[int, DatabaseCalls]]:
    """Passes connections on to a local server; yields the port and the counts."""
    calls = DatabaseCalls()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", target_port)
        answers = asyncio.create_task(_copy(upstream_reader, writer))
        try:
            while True:
                length = await reader.readexactly(4)
                message = length + await reader.readexactly(struct.unpack("<i", length)[0] - 4)
                calls.record(message)
                upstream_writer.write(message)
                await upstream_writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            upstream_writer.close()
            answers.cancel()
            writer.close()

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(handle, "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1], calls
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """Closes the server and ends its connections."""
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
