"""An answer with bytes of content: conditions, ranges, and who sends it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from portal_downloader.http import conditional, ranges
from portal_downloader.http.access import Store
from portal_downloader.http.problems import CORS, problem
from portal_downloader.http.segments import Pieces, Stored
from portal_downloader.http.streaming import PiecesResponse

__all__ = ["CORS", "Shown", "answer", "headers", "problem"]

ACCEL = "x-accel-mapping"  # a server in front says below which address it has our objects
WRITTEN_HERE = ("if-match", "if-unmodified-since")  # such a server would judge these by its own tag


@dataclass(frozen=True)
class Shown:
    """What is to be sent, and what identifies it."""

    pieces: Pieces
    tag: str
    modified: datetime
    digests: Collection[str]
    file: Stored | None = None  # where it is one file as a whole


def headers(media_type: str) -> dict[str, str]:
    """Of all content."""
    return {
        **CORS,
        "Accept-Ranges": "bytes",
        "Content-Type": media_type,
        "Cache-Control": "public, max-age=300, no-transform",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def answer(request: Request, shown: Shown, told: dict[str, str], store: Store) -> Response:
    """200, 206, 304, 412 or 416; or left to the server in front, for a file of the cache."""
    tag, modified, size = shown.tag, shown.modified, shown.pieces.length
    told = {**told, "ETag": tag, "Last-Modified": conditional.http_date(modified)}
    verdict = conditional.judged(request.headers, tag=tag, modified=modified)
    if verdict != 200:  # noqa: PLR2004
        return Response(status_code=verdict, headers=told)
    spans = None
    if request.method == "GET" and conditional.range_holds(
        request.headers.get("if-range"), tag=tag, modified=modified
    ):
        try:
            spans = ranges.spans(",".join(request.headers.getlist("range")) or None, size)
        except ranges.Unsatisfiable:
            detail = f"it has {size} bytes; at most {ranges.MOST} ranges are answered"
            unsatisfied = {"Content-Range": f"bytes */{size}", "ETag": tag}
            return problem(416, detail, {**unsatisfied, "Accept-Ranges": "bytes"})
    mapping = request.headers.get(ACCEL)
    own = any(n in request.headers for n in WRITTEN_HERE) or (
        spans is None and "range" in request.headers  # it may take for a range what is none
    )
    if mapping and shown.file and size and not own:
        place = f"{mapping.rstrip('/')}/{store.place(shown.file)}"
        del told["Accept-Ranges"]  # it says so itself
        return Response(None, 200, {**told, "X-Accel-Redirect": place})
    return PiecesResponse(
        shown.pieces, store.opened, spans=spans, headers=told, holding=store.reading(shown.digests)
    )
