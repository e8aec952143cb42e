"""The downloader's sending alone: one file and one zip of a cache, without broker or database."""

import os
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from portal_downloader.bundles import bagit
from portal_downloader.bundles.bagit import DatasetInfo, Member
from portal_downloader.bundles.zip import Zip
from portal_downloader.cache.disk import Cache
from portal_downloader.http import responses, segments
from portal_downloader.http.access import FileAccess
from portal_downloader.http.responses import FileView
from portal_downloader.http.segments import StoredContent
from portal_downloader.http.sendfile import SendfileApplication
from starlette.responses import FileResponse

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
FOLDER = Path(os.environ.get("BENCH_FOLDER", "."))


class _Access(FileAccess):
    """As the real one, of what is in the cache for certain."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def protect(self, _digests: Collection[str]) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return nullcontext()


def members(folder: Path) -> list[Member]:
    """As `listed` wrote them down."""
    found: list[Member] = []
    for line in (folder / "members").read_text("utf-8").splitlines():
        name, size, sha256, crc32 = line.split("\t")
        found.append(Member(name, int(size), sha256, int(crc32)))
    return found


def build() -> FastAPI:
    app = SendfileApplication()
    cache = Cache(FOLDER / "cache")
    access = _Access(cache)
    large, *small = members(FOLDER)
    about = DatasetInfo("bench", created=MOMENT)
    entries = bagit.bag_entries(about, small)
    layout = Zip(entries, about.moment)
    tag = bagit.bundle_etag("zip", about, entries)

    @app.get("/file")
    async def file(request: Request) -> Response:
        stored = StoredContent(large.sha256, large.size)
        shown = FileView(
            segments.from_list([stored]), f'"{large.sha256}"', MOMENT, [large.sha256], stored
        )
        return responses.file_response(
            request,
            shown,
            responses.content_headers("application/octet-stream"),
            access,
        )

    @app.get("/zip")
    async def archive(request: Request) -> Response:
        shown = FileView(layout.segments, tag, MOMENT, ())
        headers = responses.content_headers("application/zip")
        return responses.file_response(request, shown, headers, access)

    @app.get("/stock")
    async def stock() -> Response:
        return FileResponse(FOLDER / "cache" / "objects" / cache.object_name(large.sha256))

    return app
