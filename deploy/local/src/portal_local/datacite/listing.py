"""GET /dois: which DOIs, in which order, which page; the links to the next. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from portal_local.datacite.refusals import Refused
from portal_local.datacite.registry import Doi

SIZE = 25
DEEPEST = 10_000  # DOIs that numbered pages reach; a cursor reaches all

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
    """`number` is None where a cursor is followed."""

    where: str
    values: tuple[Any, ...]
    order: str
    size: int
    number: int | None
    after: tuple[str, str] | None = None

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size if self.number else 0


def page(query: Mapping[str, str], *, public_only: bool) -> Page:
    """What a query string asks for; the anonymous see findable DOIs only."""
    conditions: list[str] = []
    values: list[Any] = []
    state = "findable" if public_only else query.get("state")
    for column, wanted in (("state", state), ("prefix", query.get("prefix"))):
        if wanted:
            several = [w.strip().lower() for w in wanted.split(",")]
            conditions.append(f"{column} IN ({', '.join('?' * len(several))})")
            values += several
    for term in query.get("query", "").split():
        condition, value = _term(term)
        conditions.append(condition)
        values += value
    size = min(_number(query, "page[size]", SIZE), 1000)
    where = " AND ".join(conditions) or "1"
    cursor = query.get("page[cursor]")
    if cursor is None:
        deepest = DEEPEST // size if size else 1
        number = min(max(_number(query, "page[number]", 1), 1), deepest)
        order = ORDERS.get(query.get("sort", ""), ORDERS["-updated"])
        return Page(where, tuple(values), order, size, number)
    return Page(where, tuple(values), ORDERS["created"], size, None, _position(cursor))


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else default  # noqa: PLR2004


def _term(term: str) -> tuple[str, list[str]]:
    """One word of `query`: field:value with * for any text, or a word anywhere in the record."""
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
    """Where a cursor has got to; page[cursor]=1 begins."""
    if cursor in ("", "1"):
        return None
    try:
        created, _, doi = (
            base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(",")
        )
    except ValueError as error:
        raise Refused(400, "Invalid base64 used for cursor") from error
    return created, doi


def next_link(address: str, query: Mapping[str, str], asked: Page, found: list[Doi]) -> str | None:
    """The address of the page after this one, None on the last."""
    if asked.size == 0 or len(found) < asked.size:
        return None
    kept = {k: v for k, v in query.items() if k not in ("page[number]", "page[cursor]")}
    if asked.number is None:
        last = f"{found[-1].created},{found[-1].doi}".encode()
        kept["page[cursor]"] = base64.urlsafe_b64encode(last).decode()
    elif asked.number < DEEPEST // asked.size:
        kept["page[number]"] = str(asked.number + 1)
    else:
        return None
    return f"{address}?{urlencode(kept)}"


def meta(asked: Page, by_state: Mapping[str, int]) -> dict[str, Any]:
    total = sum(by_state.values())
    reachable = total if asked.number is None else min(total, DEEPEST)
    told: dict[str, Any] = {
        "total": total,
        "totalPages": ceil(reachable / asked.size) if asked.size else 0,
        "states": [{"id": s, "title": s.capitalize(), "count": n} for s, n in by_state.items()],
    }
    if asked.number is not None:
        told["page"] = asked.number
    return told
