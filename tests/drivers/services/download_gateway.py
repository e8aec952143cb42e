"""The part of the gateway that handles downloads."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from portal_gateway import app as gateway_app
from portal_gateway.catalogue import Catalogue
from portal_gateway.settings import GatewaySettings
from portal_local.launcher.ports import free_port
from portal_shared.contracts.records import File
from portal_shared.runtime import mongo
from portal_shared.service.app import Service

from tests.drivers.services.downloader import DownloaderClient


class DownloadGateway:
    """The gateway's routes and workers for downloads, as an application of its own."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.service = Service("gateway", settings)
        self.settings = settings
        self.catalogue = mongo.database(self.service.client, settings, "catalogue")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.dois: dict[str, list[dict[str, str]]] = {}
        self.found: dict[str, list[str]] = {}  # pids by the words of a search

    def app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
            async with self.service.running():
                yield

        app = self.service.app(lifespan)
        app.state.service = self.service
        app.state.catalogue = Catalogue(self.catalogue)
        gateway_app.add_downloads(app, self.service, self.catalogue, self.settings)
        gateway_app.add_error_handlers(app)

        @app.get("/api/Datasets")
        async def search(query: str, request: Request) -> list[dict[str, str]]:
            most: int = json.loads(request.query_params["filter"])["limit"]
            return [{"pid": pid} for pid in self.found[query][:most]]

        @app.get("/api/records/{pid:path}/citation")
        async def cite(pid: str, request: Request) -> Response:
            if request.query_params["format"] == "text":
                return PlainTextResponse(f"Someone (2026). {pid}.\n")
            return JSONResponse({"DOI": f"10.1234/{pid}"})

        @app.get("/doi/{doi:path}")
        async def doi(doi: str) -> JSONResponse:
            found = self.dois.get(doi)
            return JSONResponse({"doi": doi, "records": found}, 200 if found else 404)

        return app

    async def index_dataset(self, pid: str, files: list[File], folder: str | None = "x") -> None:
        """Stores a dataset in the catalogue as the indexer does."""
        summary = {"count": len(files), "bytes": sum(f.size or 0 for f in files)}
        record = {"pid": pid, "folder": folder, "files": summary}
        row = {"_id": pid, "public": True, "json": "{}", "record": record}
        await self.catalogue["datasets"].insert_one(row)
        rows = [{"pid": pid, "location": f.location, "size": f.size} for f in files]
        if rows:
            await self.catalogue["files"].insert_many(rows)

    async def publish_dataset(
        self, downloader: DownloaderClient, files: list[File], name: str = "p"
    ) -> str:
        """Makes a public dataset known to gateway and downloader; returns its pid."""
        await downloader.register(name, files)
        pid = downloader.pid(name)
        await self.index_dataset(pid, files)
        return pid


@asynccontextmanager
async def serve_gateway(
    environment: dict[str, str], downloader_url: str, *, smtp_port: int
) -> AsyncGenerator[DownloadGateway]:
    """Serves a gateway that shares the downloader's broker and database server."""
    settings = GatewaySettings.model_validate(
        {
            "amqp_url": environment["PORTAL_AMQP_URL"],
            "mongo_url": environment["PORTAL_MONGO_URL"],
            "database_prefix": environment["PORTAL_DATABASE_PREFIX"],
            "retry_delays": (0.2, 0.4),
            "downloader_url": downloader_url,
            "smtp_host": "127.0.0.1",
            "smtp_port": smtp_port,
            "webhook_private": True,
            "notice_pause": 0.1,
            "most_notices_a_day": 20,
            "most_downloads_waiting": 12,
        }
    )
    gateway = DownloadGateway(settings)
    config = uvicorn.Config(gateway.app(), port=gateway.port, log_level="warning", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(90):
        while not server.started or gateway.service.failing_checks():
            await asyncio.sleep(0.05)
    yield gateway
    server.should_exit = True
    await serving
