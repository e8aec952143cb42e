"""An application over a socket, for clients that know nothing of it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import uvicorn
from fastapi import FastAPI


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[int]:
    """Its port; its lifespan is entered already."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="warning", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task
