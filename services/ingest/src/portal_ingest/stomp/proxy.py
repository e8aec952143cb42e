"""TCP proxy for pyicat-plus in front of RabbitMQ's stomp plugin.

The client leaves the header `host` of CONNECT empty, and the plugin refuses it as an unknown
virtual host. The proxy repairs this first frame and passes on everything else unchanged.
"""

import asyncio
import contextlib
import re

from portal_shared.runtime.logs import logger

log = logger(__name__)

MAX_CONNECT_BYTES = 10_000
CONNECT_SECONDS = 10
CHUNK_BYTES = 65_536
_EMPTY_HOST = re.compile(rb"^host:[ \t]*(?=\r?$)", re.MULTILINE)


def repair_frame(frame: bytes, virtual_host: str) -> bytes:
    """Returns the CONNECT frame with the virtual host in place of an empty `host`."""
    return _EMPTY_HOST.sub(b"host:" + virtual_host.encode(), frame, count=1)


class StompProxy:
    def __init__(self, broker: str, virtual_host: str) -> None:
        self._host, _, port = broker.rpartition(":")
        self._port = int(port)
        self._virtual_host = virtual_host

    async def open(self, host: str, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, host, port, limit=MAX_CONNECT_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client until either side closes."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                frame = await reader.readuntil(b"\0")
                inner, outer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as e:
            log.warning("stomp client refused", reason=repr(e))
            writer.close()
            return
        outer.write(repair_frame(frame, self._virtual_host))
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
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
