"""Snippets: parts of a record in which words of the query were found, as safe HTML.

Only the fields listed here are used. Free text about persons (the facts of a record) is searched,
but never shown in snippets.
"""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any, cast

import orjson
from portal_shared.contracts.records import pid_key

from portal_gateway.engine.client import Engine
from portal_gateway.errors import BadRequest
from portal_gateway.filters.ast import Search
from portal_gateway.filters.schema import COLLECTIONS
from portal_gateway.search import query_words
from portal_gateway.search.pagination import Page

HIGHLIGHTED_FIELDS = {
    "Document": ("title", "keywords", "summary", "datasets", "samples", "techniques"),
    "Dataset": ("title", "samples", "techniques"),
    "Instrument": ("name", "facility"),
}
SNIPPET_WORDS = 30
MAX_ROWS = 250  # of a page
_BEGIN, _END = "\ue000", "\ue001"  # private use characters: no record has them
_FLAGS = {None: False, "false": False, "true": True}


def parse_flag(given: str | None) -> bool:
    """Parses the `snippets` parameter. Raises BadRequest."""
    if given not in _FLAGS:
        raise BadRequest(
            f"The snippets parameter {given[:100] if given else given} is not valid: "
            "expected true or false"
        )
    return _FLAGS[given]


class Highlighter:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add_snippets(self, search: Search, page: Page) -> Page:
        """Returns the page with `snippets` in each row; unchanged without a query."""
        rows = [orjson.loads(row) for row in page.rows]
        words = query_words.parse_words(search.query)
        if not words or not rows:
            return page
        if len(rows) > MAX_ROWS or any("pid" not in row for row in rows):
            raise BadRequest(
                f"Snippets need the field pid and a page of at most {MAX_ROWS} rows: "
                f"include pid in fields and use limit {MAX_ROWS} or less"
            )
        name = search.entity.name
        body = {**_highlight_options(name), "q": query_words.join_words([w.shown for w in words])}
        ids = [pid_key(row["pid"]) for row in rows]
        answer = await self._engine.search(
            COLLECTIONS[name],
            {**body, "filter": f"id IN [{', '.join(ids)}]", "limit": len(ids)},
        )
        found = {hit["id"]: snippets(name, hit) for hit in answer["hits"]}
        marked = [{**row, "snippets": found.get(i, {})} for i, row in zip(ids, rows, strict=True)]
        return replace(page, rows=[orjson.dumps(row) for row in marked])


def _highlight_options(entity: str) -> dict[str, Any]:
    fields = list(HIGHLIGHTED_FIELDS[entity])
    return {
        "attributesToRetrieve": ["id", *fields],
        "attributesToHighlight": fields,
        "attributesToCrop": fields,
        "cropLength": SNIPPET_WORDS,
        "highlightPreTag": _BEGIN,
        "highlightPostTag": _END,
        "matchingStrategy": "last",
    }


def snippets(entity: str, hit: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns by field the parts with words of the query, each found word in <mark>."""
    formatted: Mapping[str, Any] = hit.get("_formatted") or {}
    found: dict[str, list[str]] = {}
    for field in HIGHLIGHTED_FIELDS[entity]:
        value = formatted.get(field)
        pieces = cast("list[Any]", value) if isinstance(value, list) else [value]
        marked = [_marked_html(p) for p in pieces if isinstance(p, str) and _BEGIN in p]
        if marked:
            found[field] = marked
    return found


def _marked_html(piece: str) -> str:
    return escape(piece).replace(_BEGIN, "<mark>").replace(_END, "</mark>")
