"""The door that pyicat-plus knocks at, before RabbitMQ's stomp plugin.

Its client leaves the header `host` of CONNECT empty, which the plugin takes for a virtual host of
that name and refuses. The first frame is mended; everything after it passes as it is.
"""

import asyncio
import contextlib
import re

from portal_shared.runtime.logs import logger

log = logger(__name__)

LONGEST_CONNECT = 10_000  # bytes
CONNECT_SECONDS = 10
CHUNK = 65_536
_EMPTY_HOST = re.compile(rb"^host:[ \t]*(?=\r?$)", re.MULTILINE)


def mended(frame: bytes, virtual_host: str) -> bytes:
    """A CONNECT frame whose empty host names the virtual host. Pure."""
    return _EMPTY_HOST.sub(b"host:" + virtual_host.encode(), frame, count=1)


class Door:
    def __init__(self, broker: str, virtual_host: str) -> None:
        self._host, _, port = broker.rpartition(":")
        self._port = int(port)
        self._virtual_host = virtual_host

    async def open(self, host: str, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._passed, host, port, limit=LONGEST_CONNECT)

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side ends."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                frame = await reader.readuntil(b"\0")
                inner, outer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as e:
            log.warning("stomp client turned away", reason=repr(e))
            writer.close()
            return
        outer.write(mended(frame, self._virtual_host))
        sides = [
            asyncio.create_task(_pipe(reader, outer)),
            asyncio.create_task(_pipe(inner, writer)),
        ]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            outer.close()
            writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
