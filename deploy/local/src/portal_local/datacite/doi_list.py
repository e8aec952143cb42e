"""GET /dois: filters, order and pages of the list, and the link to the next page."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from portal_local.datacite.refusals import Refused
from portal_local.datacite.registry import Doi

DEFAULT_SIZE = 25
MAX_SIZE = 1000
MAX_NUMBERED = 10_000  # DOIs that numbered pages reach; a cursor reaches all

ORDERS = {
    "name": "doi ASC",
    "-name": "doi DESC",
    "created": "created ASC, doi ASC",
    "-created": "created DESC, doi DESC",
    "updated": "updated ASC, doi ASC",
    "-updated": "updated DESC, doi DESC",
}
FIELDS = {"doi": "doi", "uid": "doi", "prefix": "prefix", "state": "state", "url": "url"}


@dataclass(frozen=True)
class Page:
    """A page of the list; `number` is None for a page by cursor."""

    where: str
    values: tuple[Any, ...]
    order: str
    size: int
    number: int | None
    after: tuple[str, str] | None = None

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size if self.number else 0


def parse_page(query: Mapping[str, str], *, public_only: bool) -> Page:
    """Parse a query string; without credentials only findable DOIs are listed."""
    conditions: list[str] = []
    values: list[Any] = []
    state = "findable" if public_only else query.get("state")
    for column, given in (("state", state), ("prefix", query.get("prefix"))):
        if given:
            several = [w.strip().lower() for w in given.split(",")]
            conditions.append(f"{column} IN ({', '.join('?' * len(several))})")
            values += several
    for term in query.get("query", "").split():
        condition, value = _term(term)
        conditions.append(condition)
        values += value
    size = min(_number(query, "page[size]", DEFAULT_SIZE), MAX_SIZE)
    where = " AND ".join(conditions) or "1"
    cursor = query.get("page[cursor]")
    if cursor is None:
        deepest = MAX_NUMBERED // size if size else 1
        number = min(max(_number(query, "page[number]", 1), 1), deepest)
        order = ORDERS.get(query.get("sort", ""), ORDERS["-updated"])
        return Page(where, tuple(values), order, size, number)
    return Page(where, tuple(values), ORDERS["created"], size, None, _position(cursor))


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else default  # noqa: PLR2004


def _term(term: str) -> tuple[str, list[str]]:
    """Translate a word of `query`: field:value with * for any text, or a word in any field."""
    name, colon, value = term.partition(":")
    if colon and name in FIELDS:
        return f"{FIELDS[name]} LIKE ? ESCAPE '\\'", [_pattern(value.strip('"'))]
    if colon and not name.startswith(("10.", "http")):
        raise Refused(400, f"No mapping found for [{name[:80]}]; known are {', '.join(FIELDS)}")
    word = f"%{_pattern(term.strip(chr(34)))}%"
    return "(doi LIKE ? ESCAPE '\\' OR url LIKE ? ESCAPE '\\' OR metadata LIKE ? ESCAPE '\\')", [
        word
    ] * 3


def _pattern(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _position(cursor: str) -> tuple[str, str] | None:
    """Parse a cursor: the last DOI of the page before; page[cursor]=1 is the beginning."""
    if cursor in ("", "1"):
        return None
    try:
        created, _, doi = (
            base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(",")
        )
    except ValueError as error:
        raise Refused(400, "Invalid base64 used for cursor") from error
    return created, doi


def next_link(address: str, query: Mapping[str, str], page: Page, found: list[Doi]) -> str | None:
    """Return the URL of the next page; None on the last."""
    if page.size == 0 or len(found) < page.size:
        return None
    params = {k: v for k, v in query.items() if k not in ("page[number]", "page[cursor]")}
    if page.number is None:
        last = f"{found[-1].created},{found[-1].doi}".encode()
        params["page[cursor]"] = base64.urlsafe_b64encode(last).decode()
    elif page.number < MAX_NUMBERED // page.size:
        params["page[number]"] = str(page.number + 1)
    else:
        return None
    return f"{address}?{urlencode(params)}"


def meta(page: Page, by_state: Mapping[str, int]) -> dict[str, Any]:
    total = sum(by_state.values())
    reachable = total if page.number is None else min(total, MAX_NUMBERED)
    meta: dict[str, Any] = {
        "total": total,
        "totalPages": ceil(reachable / page.size) if page.size else 0,
        "states": [{"id": s, "title": s.capitalize(), "count": n} for s, n in by_state.items()],
    }
    if page.number is not None:
        meta["page"] = page.number
    return meta
