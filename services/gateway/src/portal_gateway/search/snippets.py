"""Snippets: where in a record the words of a query were found, as HTML that is safe to show.

Only the fields listed here are quoted. What is prose about a person (the facts of a record) is
searched, but never quoted.
"""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any, cast

import orjson
from portal_shared.contracts.records import pid_key

from portal_gateway.engine.client import Engine
from portal_gateway.errors import Refused
from portal_gateway.filters.ast import Search
from portal_gateway.filters.schema import COLLECTIONS
from portal_gateway.search import query_words
from portal_gateway.search.pagination import Page

QUOTED = {
    "Document": ("title", "keywords", "summary", "datasets", "samples", "techniques"),
    "Dataset": ("title", "samples", "techniques"),
    "Instrument": ("name", "facility"),
}
WORDS = 30  # of a snippet
MOST_ROWS = 250  # of a page: the largest that a portal asks for
_BEGIN, _END = "\ue000", "\ue001"  # private characters: no text of a record has them
_YES_OR_NO = {None: False, "false": False, "true": True}


def asked(given: str | None) -> bool:
    if given not in _YES_OR_NO:
        raise Refused(f"The snippets parameter {given[:100] if given else given} is not valid")
    return _YES_OR_NO[given]


class Quoting:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def quoted(self, search: Search, page: Page) -> Page:
        """The page with `snippets` in each row; without a query there is nothing to quote."""
        told = [orjson.loads(item) for item in page.items]
        words = query_words.words(search.query)
        if not words or not told:
            return page
        if len(told) > MOST_ROWS or any("pid" not in row for row in told):
            raise Refused(f"Snippets are told with the pid, on pages of at most {MOST_ROWS} rows")
        name = search.entity.name
        body = {**_wanted(name), "q": query_words.question(words, unfinished=False)}
        ids = [pid_key(row["pid"]) for row in told]
        answer = await self._engine.search(
            COLLECTIONS[name],
            {**body, "filter": f"id IN [{', '.join(ids)}]", "limit": len(ids)},
        )
        found = {hit["id"]: snippets(name, hit) for hit in answer["hits"]}
        items = [{**row, "snippets": found.get(i, {})} for i, row in zip(ids, told, strict=True)]
        return replace(page, items=[orjson.dumps(item) for item in items])


def _wanted(entity: str) -> dict[str, Any]:
    fields = list(QUOTED[entity])
    return {
        "attributesToRetrieve": ["id", *fields],
        "attributesToHighlight": fields,
        "attributesToCrop": fields,
        "cropLength": WORDS,
        "highlightPreTag": _BEGIN,
        "highlightPostTag": _END,
        "matchingStrategy": "last",
    }


def snippets(entity: str, hit: Mapping[str, Any]) -> dict[str, list[str]]:
    """By field, the pieces in which a word was found; each found word in <mark>."""
    formatted: Mapping[str, Any] = hit.get("_formatted") or {}
    told: dict[str, list[str]] = {}
    for field in QUOTED[entity]:
        value = formatted.get(field)
        pieces = cast("list[Any]", value) if isinstance(value, list) else [value]
        marked = [_marked(p) for p in pieces if isinstance(p, str) and _BEGIN in p]
        if marked:
            told[field] = marked
    return told


def _marked(piece: str) -> str:
    return escape(piece).replace(_BEGIN, "<mark>").replace(_END, "</mark>")
