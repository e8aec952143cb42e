"""Server-sent events of one download: its state whenever it changes, until it is done."""

import json
import time
from collections.abc import AsyncGenerator

from portal_shared.runtime.mongo import Doc

from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.views import told

RETRY_MILLISECONDS = 3000
HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 1.0
LONGEST_SECONDS = 3600.0  # then the reader comes again by itself
KINDS = {"ONLINE": "ready", "FAILED": "failed"}


def event(row: Doc) -> str:
    """One event; its id is the version, so that a reader who comes again is not told twice."""
    kind = KINDS.get(row["state"], "progress") if row["done"] else "progress"
    return f"id: {row['version']}\nevent: {kind}\ndata: {json.dumps(told(row))}\n\n"


async def stream(downloads: Downloads, row: Doc, *, seen: int) -> AsyncGenerator[str]:
    """From the state as it is to the end; comments in between keep the line open."""
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    started = said = time.monotonic()
    while True:
        now = time.monotonic()
        if row["version"] > seen:
            seen, said = row["version"], now
            yield event(row)
        elif now - said > HEARTBEAT_SECONDS:
            said = now
            yield ": still here\n\n"
        if row["done"] or now - started > LONGEST_SECONDS:
            return
        await downloads.wait(row["_id"], LOOK_SECONDS)
        row = await downloads.find(row["_id"])
