"""GET /data/{pid}/{location}: the bytes; GET /data/{pid}/: what there is. Neither recalls a file.

What is named is looked up in the database; no path of the disk is ever made from it.
"""

import asyncio
import base64
import os
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from portal_shared.data_paths import data_path, named
from portal_shared.errors import Gone, Invalid, NotFound
from portal_shared.mongo import Doc

from portal_downloader import conditional, media, ranges
from portal_downloader.cache import Cache
from portal_downloader.datasets import Datasets
from portal_downloader.problems import CORS, problem
from portal_downloader.rows import Files
from portal_downloader.sending import FileBytes

router = APIRouter()

RETRY_SECONDS = 10
FILES_A_PAGE = 1000
SHOWN: Mapping[str, str] = {
    "online": "ONLINE",
    "archived": "ARCHIVED",
    "failed": "ARCHIVED",
    "lost": "LOST",
    "unverifiable": "UNAVAILABLE",
}
ALLOWED = "GET, HEAD, OPTIONS"


def tag_of(sha256: str) -> str:
    """Of the content alone: a file that changes has another, a copy made again the same."""
    return f'"sha256-{sha256}"'


class Store:
    """What can be read, and whether it may be."""

    def __init__(self, site_url: str, datasets: Datasets, files: Files, cache: Cache) -> None:
        self.site_url = site_url
        self._datasets = datasets
        self._files = files
        self._cache = cache

    async def dataset(self, pid: str) -> Doc:
        """Raises NotFound for one that is not there, or not for everybody; Gone if withdrawn."""
        row = await self._datasets.find(pid)
        if row is not None and row.get("withdrawn"):
            raise Gone(f"the dataset {pid!r} was withdrawn: {row['withdrawn']}")
        if row is None or not row.get("is_public") or "list_version" not in row:
            raise NotFound(f"no public dataset {pid!r}")
        return row

    async def file(self, pid: str, location: str) -> Doc:
        await self.dataset(pid)
        row = await self._files.find(pid, location)
        if row is None:
            raise NotFound(f"the dataset {pid!r} has no file {location!r}")
        return row

    async def page(self, pid: str, after: str, limit: int) -> list[Doc]:
        return await self._files.page(pid, after, limit)

    async def opened(self, row: Doc) -> int | None:
        """A descriptor of a file that is online; notes it if it is there no more."""
        if row["state"] != "online":
            return None
        found = await asyncio.to_thread(self._cache.open, row["sha256"], row["size"])
        if found is None:
            await self._files.move({"_id": row["_id"]}, ("online",), "archived")
            row["state"] = "archived"
        return found


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


Stored = Annotated[Store, Depends(_store)]


@router.api_route("/data/{rest:path}", methods=["GET", "HEAD"], include_in_schema=False)
async def read(request: Request, store: Stored) -> Response:
    found = named(bytes(request.scope["raw_path"]))
    if found is None:
        raise NotFound("this names no dataset")
    pid, location = found
    if not location:
        return await _listing(request, store, pid)
    row = await store.file(pid, location)
    descriptor = await store.opened(row)
    if descriptor is None:
        return _not_online(store, row)
    return _answer(request, row, descriptor)


@router.options("/data/{rest:path}", include_in_schema=False)
async def allow(rest: str) -> Response:  # noqa: ARG001  # the same for all
    headers = {
        **CORS,
        "Access-Control-Allow-Methods": ALLOWED,
        "Access-Control-Allow-Headers": (
            "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since"
        ),
        "Access-Control-Max-Age": "86400",
        "Allow": ALLOWED,
    }
    return Response(status_code=204, headers=headers)


def _answer(request: Request, row: Doc, descriptor: int) -> Response:
    tag, modified = tag_of(row["sha256"]), row["changed_at"]
    headers = {**_headers(row), "ETag": tag, "Last-Modified": conditional.http_date(modified)}
    verdict = conditional.judged(request.headers, tag=tag, modified=modified)
    if verdict != 200:  # noqa: PLR2004
        os.close(descriptor)
        return Response(status_code=verdict, headers=headers)
    spans = None
    if request.method == "GET" and conditional.range_holds(
        request.headers.get("if-range"), tag=tag, modified=modified
    ):
        try:
            spans = ranges.spans(",".join(request.headers.getlist("range")) or None, row["size"])
        except ranges.Unsatisfiable:
            os.close(descriptor)
            detail = f"the file has {row['size']} bytes; at most {ranges.MOST} ranges are answered"
            unsatisfied = {"Content-Range": f"bytes */{row['size']}", "ETag": tag}
            return problem(416, detail, {**unsatisfied, "Accept-Ranges": "bytes"})
    return FileBytes(descriptor, size=row["size"], spans=spans, headers=headers)


def _headers(row: Doc) -> dict[str, str]:
    kind = media.media_type(row["location"])
    digest = base64.b64encode(bytes.fromhex(row["sha256"])).decode()
    headers = {
        **CORS,
        "Accept-Ranges": "bytes",
        "Content-Type": kind,
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "public, max-age=300, no-transform",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if media.is_active(kind):
        headers["Content-Disposition"] = "attachment"
    return headers


def _not_online(store: Store, row: Doc) -> Response:
    """Where it is, and how to ask for it."""
    state = SHOWN.get(row["state"], "RESTORING")
    more: dict[str, Any] = {"state": state, "pid": row["pid"], "location": row["location"]}
    if row.get("reason"):
        more["reason"] = row["reason"]
    if state in ("UNAVAILABLE", "LOST"):
        return problem(503, f"{row['location']!r} cannot be read: {row['reason']}", **more)
    more["request"] = {
        "method": "POST",
        "href": f"{store.site_url}/api/downloads",
        "body": {"pid": row["pid"], "files": [row["location"]]},
    }
    detail = "the file is on tape: ask for it by the request given here, then come again"
    if state == "RESTORING":
        detail = "the file is on its way from tape: come again"
    return problem(503, detail, {"Retry-After": str(RETRY_SECONDS)}, **more)


async def _listing(request: Request, store: Store, pid: str) -> Response:
    limit, after = _limit(request), request.query_params.get("after", "")
    dataset = await store.dataset(pid)
    rows = await store.page(pid, after, limit + 1)
    following = None
    if len(rows) > limit:
        query = urlencode({"after": rows[limit - 1]["location"], "limit": limit})
        following = f"{store.site_url}{data_path(pid)}?{query}"
    body = {
        "pid": pid,
        "availability": dataset.get("availability"),
        "total": dataset.get("files"),
        "files": [_told(store, row) for row in rows[:limit]],
        "next": following,
    }
    return JSONResponse(body, headers={**CORS, "Cache-Control": "no-cache"})


def _limit(request: Request) -> int:
    sent = request.query_params.get("limit", str(FILES_A_PAGE))
    if not (sent.isascii() and sent.isdigit() and len(sent) < 6 and 1 <= int(sent) <= FILES_A_PAGE):  # noqa: PLR2004
        raise Invalid(f"a number from 1 to {FILES_A_PAGE}", field="limit")
    return int(sent)


def _told(store: Store, row: Doc) -> dict[str, Any]:
    return {
        "name": row["location"],
        "size": row["size"],
        "sha256": row["sha256"],
        "etag": tag_of(row["sha256"]) if row["sha256"] else None,
        "state": SHOWN.get(row["state"], "RESTORING"),
        "url": f"{store.site_url}{data_path(row['pid'], row['location'])}",
    }
