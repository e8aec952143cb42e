"""Suggestions for a search box, in groups: values of facets, datasets, documents, people.

Without a typed text: the most frequent values of the first facets.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from portal_shared.search import index_fields, query_terms
from pydantic import BaseModel

from portal_gateway.criteria.parser import MAX_WORDS_CHARACTERS
from portal_gateway.engine.client import Engine
from portal_gateway.errors import BadRequest
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.people import count_people
from portal_gateway.results.cards import document_page, parse_card
from portal_gateway.results.facets import index_field
from portal_gateway.search import query_words
from portal_gateway.search.suggestions import begins, fits

MAX_VALUES, MAX_DATASETS, MAX_DOCUMENTS, MAX_PEOPLE = 8, 5, 3, 4
POPULAR_FACETS, POPULAR_VALUES = 4, 6
Distribution = Mapping[str, Mapping[str, int]]


class ValueSuggestion(BaseModel):
    """A value of a facet."""

    field: str
    field_label: str
    value: str
    label: str
    count: int  # datasets
    search: str  # the query string that finds them


class RecordSuggestion(BaseModel):
    """A dataset or document."""

    pid: str
    title: str
    page: str
    thumbnail: str | None = None


class PersonSuggestion(BaseModel):
    id: str
    name: str
    count: int  # datasets
    page: str


class Suggestions(BaseModel):
    """Suggestions for a typed text; the values are popular ones if it is empty."""

    typed: str
    values: list[ValueSuggestion]
    datasets: list[RecordSuggestion]
    documents: list[RecordSuggestion]
    people: list[PersonSuggestion]


class SuggestionSearch:
    def __init__(self, engine: Engine, table: FieldTable) -> None:
        self._engine = engine
        self._table = table
        choices = (table.by_name[n] for n in table.facets if n in table.by_name)
        self._fields = {f.name: index_field(f) for f in choices if f.kind == "choice"}

    async def suggest(self, typed: str) -> Suggestions:
        """Raises BadRequest for a text that is too long."""
        if len(typed) > MAX_WORDS_CHARACTERS:
            raise BadRequest(f"q has more than {MAX_WORDS_CHARACTERS} characters", field="q")
        words = query_words.parse_words(typed)
        counted = {"hitsPerPage": 0, "page": 1,
                   "facets": [*self._fields.values(), index_fields.PERSONS]}  # fmt: skip
        queries = [(index_fields.DATASETS, counted)]
        if words:
            text = query_words.join_words(words, unfinished=words[-1].may_be_unfinished)
            queries += [
                (index, _page(index, text, limit))
                for index, limit in ((index_fields.DATASETS, MAX_DATASETS),
                                     (index_fields.DOCUMENTS, MAX_DOCUMENTS))
            ]  # fmt: skip
        answer, *pages = await self._engine.search_indexes(queries)
        counts: Distribution = answer["facetDistribution"]
        if not words:
            popular = self._popular(counts)
            return Suggestions(typed=typed, values=popular, datasets=[], documents=[], people=[])
        datasets, documents = pages
        return Suggestions(
            typed=typed,
            values=self._values(counts, typed),
            datasets=[self._dataset(hit) for hit in datasets["hits"]],
            documents=[_document(hit) for hit in documents["hits"]],
            people=_people(counts.get(index_fields.PERSONS, {}), typed),
        )

    def _popular(self, counts: Distribution) -> list[ValueSuggestion]:
        found: list[ValueSuggestion] = []
        for name in list(self._fields)[:POPULAR_FACETS]:
            listed = sorted(self._counted(counts, name), key=lambda one: -one.count)
            found += listed[:POPULAR_VALUES]
        return found

    def _values(self, counts: Distribution, typed: str) -> list[ValueSuggestion]:
        """Returns the values that fit the text or a synonym of it: beginnings first, then many."""
        texts = query_terms.same_meaning(typed)
        fitting = [
            one
            for name in self._fields
            for one in self._counted(counts, name)
            if any(fits(one.label, t) or fits(one.value, t) for t in texts)
        ]
        fitting.sort(key=lambda one: (not any(begins(one.label, t) for t in texts), -one.count))
        return fitting[:MAX_VALUES]

    def _counted(self, counts: Distribution, name: str) -> Iterable[ValueSuggestion]:
        field = self._table.by_name[name]
        for stored, count in counts.get(self._fields[name], {}).items():
            value = stored if name == "year" else index_fields.parse_facet_value(stored)
            if value is not None:
                yield ValueSuggestion(
                    field=name,
                    field_label=field.label,
                    value=value,
                    label=self._table.value_label(name, value),
                    count=count,
                    search=urlencode([(field.address, value)], quote_via=quote, safe="~"),
                )

    def _dataset(self, hit: Mapping[str, Any]) -> RecordSuggestion:
        card = parse_card(self._table, hit[index_fields.CARD])
        return RecordSuggestion(
            pid=card.pid, title=card.title, page=card.page, thumbnail=card.thumbnail
        )


def _page(index: str, text: str, limit: int) -> dict[str, Any]:
    wanted = index_fields.CARD if index == index_fields.DATASETS else index_fields.JSON
    return {
        "q": text,
        "limit": limit,
        "matchingStrategy": "all",
        "attributesToSearchOn": list(index_fields.DESCRIBING[index]),
        "attributesToRetrieve": [wanted],
    }


def _document(hit: Mapping[str, Any]) -> RecordSuggestion:
    row = orjson.loads(hit[index_fields.JSON])
    return RecordSuggestion(pid=row["pid"], title=row["title"], page=document_page(row["pid"]))


def _people(distribution: Mapping[str, int], typed: str) -> list[PersonSuggestion]:
    """Returns each person once, under the most frequent name that fits."""
    found: list[PersonSuggestion] = []
    for identifier, person in count_people(distribution).items():
        name = next((name for name in person.names if fits(name, typed)), None)
        if name:
            page = f"/people/{quote(identifier, safe='')}"
            found.append(PersonSuggestion(id=identifier, name=name, count=person.count, page=page))
    return sorted(found, key=lambda one: (-one.count, one.name))[:MAX_PEOPLE]
