"""Listings of a dataset: all files as JSON in pages, the content of a folder, or an HTML page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.records import Availability
from portal_shared.runtime.errors import Invalid, NotFound

from portal_downloader.bundles.selection import Selection
from portal_downloader.domain.file_rows import etag_of
from portal_downloader.domain.states import recall_outcome
from portal_downloader.http.problems import CORS
from portal_downloader.routes.bundles import FORMATS, BundleResponder
from portal_downloader.store.files import Files
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.file import FileRow

MAX_ENTRIES_PER_PAGE = 1000


@dataclass(frozen=True)
class Page:
    """Rows of files and names of folders in one order, and where the next page begins."""

    files: Sequence[FileRow]
    folders: Sequence[str]
    following: str | None


async def respond(
    request: Request, bundles: BundleResponder, dataset: DatasetRow, chosen: Selection
) -> Response:
    folder = chosen.folder
    limit, after = _limit(request), request.query_params.get("after", "")
    page_wanted = _prefers_html(request)
    files = bundles.selections.files
    if chosen.locations is not None:
        page = await _selected_page(files, chosen, chosen.locations, after=after, limit=limit)
    elif folder or page_wanted:
        page = await folder_page(files, dataset.pid, folder, after=after, limit=limit)
    else:
        page = await _dataset_page(files, dataset.pid, after=after, limit=limit)
    site, pid = bundles.access.site_url, dataset.pid
    following = None
    if page.following is not None:
        query = urlencode({"after": page.following, "limit": limit})
        base = bundles.base(chosen)
        following = f"{base}{'&' if chosen.query else '?'}{query}"
    headers = {**CORS, "Cache-Control": "no-cache", "Vary": "Accept"}
    states = await bundles.access.availabilities(pid, page.files)
    entries = list(zip(page.files, states, strict=True))
    if page_wanted:
        text = _html(dataset, chosen, page.folders, entries, following)
        return HTMLResponse(text, headers={**headers, "Content-Security-Policy": _POLICY})
    body: dict[str, Any] = {
        "pid": pid,
        "availability": dataset.availability,
        "total": dataset.files if chosen.locations is None else len(chosen.locations),
        "files": [_file_entry(site, row, state) for row, state in entries],
        "next": following,
    }
    if folder:
        body |= {"folder": folder, "folders": [f"{folder}{name}/" for name in page.folders]}
    return JSONResponse(body, headers=headers)


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation"


async def _dataset_page(files: Files, pid: str, *, after: str, limit: int) -> Page:
    rows = await files.page(pid, after, limit + 1)
    following = rows[limit - 1].location if len(rows) > limit else None
    return Page(rows[:limit], (), following)


async def _selected_page(
    files: Files, chosen: Selection, locations: Sequence[str], *, after: str, limit: int
) -> Page:
    """Returns the selected files. Raises NotFound if one of them does not exist."""
    remaining = sorted(name for name in locations if name > after)
    rows = await files.find_many(chosen.pid, remaining[:limit])
    if len(rows) < len(remaining[:limit]) and chosen.request is None:
        existing = {row.location for row in rows}
        missing = next(name for name in remaining if name not in existing)
        raise NotFound(f"the dataset has no file {missing[:200]!r}", field="file")
    rows.sort(key=lambda row: row.location)
    return Page(rows, (), remaining[limit - 1] if len(remaining) > limit else None)


async def folder_page(files: Files, pid: str, folder: str, *, after: str, limit: int) -> Page:
    """Returns the files and folders directly below; a folder is skipped at once, however large.

    Raises NotFound if the folder does not exist.
    """
    found: list[FileRow] = []
    folders: list[str] = []
    position = max(after, folder)
    while len(found) + len(folders) <= limit:
        rows = [
            r for r in await files.page(pid, position, limit + 1) if r.location.startswith(folder)
        ]
        for row in rows:
            position = row.location
            name, inside, _ = position[len(folder) :].partition("/")
            if inside:
                folders.append(name)
                position = f"{folder}{name}/\U0010ffff"
                break
            found.append(row)
            if len(found) + len(folders) > limit:
                break
        else:
            break
    if not found and not folders and not after:
        raise NotFound(f"the dataset {pid!r} has no folder {folder!r}")
    if len(found) + len(folders) <= limit:
        return Page(found, folders, None)
    last = max([r.location for r in found] + [f"{folder}{name}/" for name in folders])
    files_before = [r for r in found if r.location != last]
    folders_before = [name for name in folders if f"{folder}{name}/" != last]
    ends = [r.location for r in files_before] + [f"{folder}{n}/\U0010ffff" for n in folders_before]
    return Page(files_before, folders_before, max(ends))


def _limit(request: Request) -> int:
    value = request.query_params.get("limit", str(MAX_ENTRIES_PER_PAGE))
    is_number = value.isascii() and value.isdigit() and len(value) < 6  # noqa: PLR2004
    if not is_number or not 1 <= int(value) <= MAX_ENTRIES_PER_PAGE:
        raise Invalid(f"must be a number from 1 to {MAX_ENTRIES_PER_PAGE}", field="limit")
    return int(value)


def _prefers_html(request: Request) -> bool:
    """Returns whether the client is a browser; a client that accepts everything gets JSON."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "application/json" not in accepted


def _file_entry(site_url: str, row: FileRow, state: Availability) -> dict[str, Any]:
    return {
        "name": row.location,
        "size": row.known_size,
        "sha256": row.sha256 or None,
        "etag": etag_of(row.sha256) if row.sha256 else None,
        "state": state,
        "recall": recall_outcome(row.state),
        "reason": None if state == "ONLINE" else row.reason,
        "url": f"{site_url}{data_path(row.pid, row.location)}",
    }


def _ended(row: FileRow) -> str:
    ended = recall_outcome(row.state)
    return f" (recall {ended}: {html.escape(row.reason or '')})" if ended else ""


def _html(
    dataset: DatasetRow,
    chosen: Selection,
    folders: Sequence[str],
    files: Sequence[tuple[FileRow, Availability]],
    following: str | None,
) -> str:
    folder = chosen.folder
    title = html.escape(f"{dataset.title or dataset.pid}: /{folder}")
    rows = [
        f'<tr><td><a href="{quote(name)}/">{html.escape(name)}/</a></td><td></td><td></td></tr>'
        for name in folders
    ]
    rows += [
        f'<tr><td><a href="{quote(row.location[len(folder) :])}">'
        f"{html.escape(row.location[len(folder) :])}</a></td><td>{row.known_size}</td>"
        f"<td>{state}{_ended(row)}</td></tr>"
        for row, state in files
    ]
    up = '<p><a href="../">up</a></p>' if folder else ""
    more = f'<p><a href="{html.escape(following)}">more</a></p>' if following else ""
    query = html.escape(f"?{chosen.query}&" if chosen.query else "?")
    links = " · ".join(f'<a href="{query}format={kind}">{kind}</a>' for kind in FORMATS)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:1rem/1.5 sans-serif;margin:2rem}td{padding-right:2rem}</style>"
        f"<h1>{title}</h1>{up}<p>all of it as {links}</p><table><thead><tr><th>name</th>"
        f"<th>bytes</th><th>state</th></tr></thead>{''.join(rows)}</table>{more}</html>"
    )
