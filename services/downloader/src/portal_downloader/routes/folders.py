"""What a dataset holds: all its files as JSON in pages, a folder's own, or either as a page."""

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
from portal_shared.runtime.mongo import Doc

from portal_downloader.bundles.selection import Selection
from portal_downloader.domain.file_rows import tag_of
from portal_downloader.domain.states import given_up
from portal_downloader.http.responses import CORS
from portal_downloader.routes.bundles import FORMATS, Delivery
from portal_downloader.store.files import Files

ENTRIES_A_PAGE = 1000


@dataclass(frozen=True)
class Page:
    """Rows of files, and names of folders, in one order; from where the next page goes on."""

    files: Sequence[Doc]
    folders: Sequence[str]
    following: str | None


async def answer(request: Request, delivery: Delivery, dataset: Doc, chosen: Selection) -> Response:
    folder = chosen.folder
    limit, after = _limit(request), request.query_params.get("after", "")
    page_wanted = _prefers_page(request)
    files = delivery.selected.files
    if chosen.locations is not None:
        page = await _named(files, chosen, chosen.locations, after=after, limit=limit)
    elif folder or page_wanted:
        page = await children(files, dataset["_id"], folder, after=after, limit=limit)
    else:
        page = await _flat(files, dataset["_id"], after=after, limit=limit)
    site, pid = delivery.store.site_url, dataset["_id"]
    following = None
    if page.following is not None:
        query = urlencode({"after": page.following, "limit": limit})
        base = delivery.base(chosen)
        following = f"{base}{'&' if chosen.query else '?'}{query}"
    headers = {**CORS, "Cache-Control": "no-cache", "Vary": "Accept"}
    states = await delivery.store.shown(pid, page.files)
    told = list(zip(page.files, states, strict=True))
    if page_wanted:
        text = _html(dataset, chosen, page.folders, told, following)
        return HTMLResponse(text, headers={**headers, "Content-Security-Policy": _POLICY})
    body: dict[str, Any] = {
        "pid": pid,
        "availability": dataset.get("availability"),
        "total": dataset.get("files") if chosen.locations is None else len(chosen.locations),
        "files": [_told(site, row, state) for row, state in told],
        "next": following,
    }
    if folder:
        body |= {"folder": folder, "folders": [f"{folder}{name}/" for name in page.folders]}
    return JSONResponse(body, headers=headers)


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation"


async def _flat(files: Files, pid: str, *, after: str, limit: int) -> Page:
    rows = await files.page(pid, after, limit + 1)
    following = rows[limit - 1]["location"] if len(rows) > limit else None
    return Page(rows[:limit], (), following)


async def _named(
    files: Files, chosen: Selection, locations: Sequence[str], *, after: str, limit: int
) -> Page:
    """Raises NotFound for one that an address names and that is none."""
    left = sorted(name for name in locations if name > after)
    rows = await files.named(chosen.pid, left[:limit])
    if len(rows) < len(left[:limit]) and chosen.request is None:
        there = {row["location"] for row in rows}
        absent = next(name for name in left if name not in there)
        raise NotFound(f"the dataset has no file {absent[:200]!r}", field="file")
    rows.sort(key=lambda row: row["location"])
    return Page(rows, (), left[limit - 1] if len(left) > limit else None)


async def children(files: Files, pid: str, folder: str, *, after: str, limit: int) -> Page:
    """The files and folders right below: a folder is passed over at once, however large.

    Raises NotFound for a folder that is none.
    """
    found: list[Doc] = []
    folders: list[str] = []
    at = max(after, folder)
    while len(found) + len(folders) <= limit:
        rows = [r for r in await files.page(pid, at, limit + 1) if r["location"].startswith(folder)]
        for row in rows:
            at = row["location"]
            name, inside, _ = at[len(folder) :].partition("/")
            if inside:
                folders.append(name)
                at = f"{folder}{name}/\U0010ffff"
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
    last = max([r["location"] for r in found] + [f"{folder}{name}/" for name in folders])
    kept_files = [r for r in found if r["location"] != last]
    kept_folders = [name for name in folders if f"{folder}{name}/" != last]
    ends = [r["location"] for r in kept_files] + [f"{folder}{n}/\U0010ffff" for n in kept_folders]
    return Page(kept_files, kept_folders, max(ends))


def _limit(request: Request) -> int:
    sent = request.query_params.get("limit", str(ENTRIES_A_PAGE))
    fits = sent.isascii() and sent.isdigit() and len(sent) < 6  # noqa: PLR2004
    if not fits or not 1 <= int(sent) <= ENTRIES_A_PAGE:
        raise Invalid(f"a number from 1 to {ENTRIES_A_PAGE}", field="limit")
    return int(sent)


def _prefers_page(request: Request) -> bool:
    """Browsers say so; programs that take anything get JSON."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "application/json" not in accepted


def _told(site: str, row: Doc, state: Availability) -> dict[str, Any]:
    return {
        "name": row["location"],
        "size": row["size"],
        "sha256": row["sha256"],
        "etag": tag_of(row["sha256"]) if row["sha256"] else None,
        "state": state,
        "recall": given_up(row["state"]),
        "reason": None if state == "ONLINE" else row.get("reason"),
        "url": f"{site}{data_path(row['pid'], row['location'])}",
    }


def _ended(row: Doc) -> str:
    ended = given_up(row["state"])
    return f" (recall {ended}: {html.escape(row['reason'] or '')})" if ended else ""


def _html(
    dataset: Doc,
    chosen: Selection,
    folders: Sequence[str],
    files: Sequence[tuple[Doc, Availability]],
    following: str | None,
) -> str:
    folder = chosen.folder
    title = html.escape(f"{dataset.get('title') or dataset['_id']}: /{folder}")
    rows = [
        f'<tr><td><a href="{quote(name)}/">{html.escape(name)}/</a></td><td></td><td></td></tr>'
        for name in folders
    ]
    rows += [
        f'<tr><td><a href="{quote(row["location"][len(folder) :])}">'
        f"{html.escape(row['location'][len(folder) :])}</a></td><td>{row['size']}</td>"
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
