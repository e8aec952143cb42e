"""Addresses of all public pages with the day of their last change, for the sitemap of the site."""

from datetime import datetime
from urllib.parse import quote

from portal_shared.contracts.records import Level
from portal_shared.runtime.mongo import Doc
from pydantic import BaseModel

from portal_gateway.catalogue import Catalogue
from portal_gateway.results.cards import dataset_page, document_page

PAGE_SIZE = 10_000
LEVELS: tuple[Level, ...] = ("document", "dataset")


class SitemapEntry(BaseModel):
    page: str  # path on the site
    changed: str | None = None  # day


class Sitemap(BaseModel):
    """One part of the sitemap; the next one begins with `next`."""

    entries: list[SitemapEntry]
    next: str | None = None  # value of `after` for the next part; None: this is the last


class SitemapParts(BaseModel):
    """The values of `after` with which the parts of the sitemap begin."""

    parts: list[str]


async def find_parts(catalogue: Catalogue, size: int = PAGE_SIZE) -> SitemapParts:
    """Returns where parts of `size` pages begin: documents first, then datasets."""
    parts, room = [""], size
    for level in LEVELS:
        after = ""
        while pid := await catalogue.find_public_pid(level, after, room):
            parts.append(cursor(level, pid))
            after, room = pid, size
        room -= await catalogue.count_public(level, after)
    nothing_follows = room == size and len(parts) > 1
    return SitemapParts(parts=parts[:-1] if nothing_follows else parts)


def entry(level: str, row: Doc) -> SitemapEntry:
    page = dataset_page(row["record"]["name"]) if level == "dataset" else document_page(row["_id"])
    return SitemapEntry(page=page, changed=_day(row))


def _day(row: Doc) -> str | None:
    history = row.get("history") or ()
    found = history[-1]["at"] if history else row.get("packed_at")
    if isinstance(found, datetime):
        return found.date().isoformat()
    return str(found)[:10] if found else None


def cursor(level: str, pid: str) -> str:
    """Returns the value of `after` for what follows a record."""
    return f"{level}:{quote(pid, safe='')}"
