"""Responses with content: conditions, ranges, and whether this process sends the bytes."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from portal_downloader.domain.file_rows import etag_of
from portal_downloader.http import conditional, media_types, ranges, segments
from portal_downloader.http.access import FileAccess
from portal_downloader.http.problems import CORS, problem
from portal_downloader.http.segments import Segments, StoredContent
from portal_downloader.http.streaming import SegmentsResponse
from portal_downloader.store.rows.file import FileRow

ACCEL_HEADER = "x-accel-mapping"  # from a proxy that can send the objects of the cache itself
# the proxy would compare its own tag
PRECONDITIONS = ("if-match", "if-unmodified-since")


@dataclass(frozen=True)
class FileView:
    """Content to send, with its identity."""

    segments: Segments
    tag: str
    modified: datetime
    digests: Collection[str]
    file: StoredContent | None = None  # if the content is one whole file


def content_headers(media_type: str) -> dict[str, str]:
    """Returns the headers of every response with content."""
    return {
        **CORS,
        "Accept-Ranges": "bytes",
        "Content-Type": media_type,
        "Cache-Control": "public, max-age=300, no-transform",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def collection_header(site_url: str, pid: str) -> dict[str, str]:
    """Returns the link from content back to the page of its dataset (https://signposting.org)."""
    page = f"{site_url}/datasets/{quote(pid, safe='')}"
    return {"Link": f'<{page}>; rel="collection"; type="text/html"'}


def stored_file_response(
    request: Request,
    file: FileRow,
    access: FileAccess,
    changed_headers: dict[str, str] | None = None,
) -> Response:
    """Returns the content of a file that is in the cache."""
    kind = media_types.media_type(file.location)
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    headers = {
        **content_headers(kind),
        **collection_header(access.site_url, file.pid),
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    if media_types.is_active(kind):
        headers["Content-Disposition"] = "attachment"
    stored = StoredContent(file.sha256, file.size)
    view = FileView(
        segments.from_list([stored]),
        etag_of(stored.sha256),
        file.changed_at,
        [stored.sha256],
        stored,
    )
    return file_response(request, view, {**headers, **(changed_headers or {})}, access)


def file_response(
    request: Request, view: FileView, all_headers: dict[str, str], access: FileAccess
) -> Response:
    """Returns 200, 206, 304, 412 or 416, or lets the proxy send a file of the cache."""
    tag, modified, size = view.tag, view.modified, view.segments.length
    all_headers = {**all_headers, "ETag": tag, "Last-Modified": conditional.http_date(modified)}
    verdict = conditional.evaluate_conditions(request.headers, tag=tag, modified=modified)
    if verdict != 200:  # noqa: PLR2004
        return Response(status_code=verdict, headers=all_headers)
    spans = None
    if request.method == "GET" and conditional.if_range_matches(
        request.headers.get("if-range"), tag=tag, modified=modified
    ):
        try:
            spans = ranges.parse_range(",".join(request.headers.getlist("range")) or None, size)
        except ranges.Unsatisfiable:
            detail = f"the content has {size} bytes; at most {ranges.MAX_RANGES} ranges are allowed"
            unsatisfied = {"Content-Range": f"bytes */{size}", "ETag": tag}
            return problem(416, detail, {**unsatisfied, "Accept-Ranges": "bytes"})
    mapping = request.headers.get(ACCEL_HEADER)
    handles_itself = any(n in request.headers for n in PRECONDITIONS) or (
        spans is None and "range" in request.headers  # the proxy may accept an invalid range
    )
    if mapping and view.file and size and not handles_itself:
        target = f"{mapping.rstrip('/')}/{access.object_path(view.file)}"
        del all_headers["Accept-Ranges"]  # the proxy adds its own
        return Response(None, 200, {**all_headers, "X-Accel-Redirect": target})
    return SegmentsResponse(
        view.segments,
        access.open_content,
        spans=spans,
        headers=all_headers,
        holding=access.protect(view.digests),
    )
