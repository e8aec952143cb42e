"""Finds documents by conditions that one of their datasets must satisfy together.

The index of documents has the values of all datasets of a document together. Therefore the index
of datasets is searched, and its facet of documents lists those of the matching datasets. A few
undecided datasets are evaluated one by one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from portal_shared.contracts.records import pid_key
from portal_shared.search import index_fields
from portal_shared.search.index_fields import PARENT_DOCUMENTS

from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.filter import Filter, conjunction
from portal_gateway.filters import includes, predicates
from portal_gateway.filters.ast import Include, Search
from portal_gateway.filters.schema import DATASET, DOCUMENT
from portal_gateway.filters.techniques import Names
from portal_gateway.search import relations

MAX_UNDECIDED = 1000  # datasets evaluated one by one
MAX_PIDS_IN_FILTER = 2000
DocumentKeys = dict[str, Any]  # by key, in the order of the engine, so quick to sort


def can_join_on_datasets(search: Search) -> bool:
    """Whether a condition of the search can be decided by the index of datasets."""
    return search.entity is DOCUMENT and any(map(_decided_by_datasets, search.include))


def _decided_by_datasets(one: Include) -> bool:
    return one.relation.entity == "Dataset" and one.conditional and _all_stored(one.include)


def _all_stored(includes: Sequence[Include]) -> bool:
    return all(i.relation.stored and _all_stored(i.include) for i in includes if i.conditional)


def remaining_conditions(search: Search) -> Search:
    """Returns the search without the conditions that the index of datasets decides."""
    return replace(search, include=tuple(i for i in search.include if not _decided_by_datasets(i)))


async def find_documents(engine: Engine, search: Search, names: Names) -> list[str] | None:
    """Returns the keys of matching documents, in the order of their pids.

    None if the index of datasets cannot decide. The list can be long: convert the keys of one page
    only, with document_pids().
    """
    found: DocumentKeys | None = None
    for one in filter(_decided_by_datasets, search.include):
        keys = await _documents_above(engine, compiler.dataset_search(one), names)
        if keys is None:
            return None
        found = keys if found is None else {k: n for k, n in found.items() if k in keys}
    keys = found or {}
    return sorted(keys) if index_fields.all_pids_known(keys) else None


def document_pids(keys: Sequence[str]) -> list[str]:
    """Returns the pids of document keys."""
    return [pid for one in keys if (pid := index_fields.ancestor_pid(one)) is not None]


async def _documents_above(engine: Engine, search: Search, names: Names) -> DocumentKeys | None:
    compiled = compiler.compile_filter(search, names)
    if compiled.nothing:
        return {}
    if not compiled.exact and not compiled.certain:
        return None
    facet: dict[str, Any] = {"hitsPerPage": 0, "page": 1, "facets": [PARENT_DOCUMENTS]}
    if compiled.lower_bound:
        facet["filter"] = compiled.lower_bound
    queries = [facet]
    if not compiled.exact:
        attributes = [*relations.RECORD_AND_RELATIONS, PARENT_DOCUMENTS]
        page = {"attributesToRetrieve": attributes, "hitsPerPage": MAX_UNDECIDED, "page": 1}
        queries.append({"filter": compiled.undecided, **page})
    certain, *undecided = await engine.multi_search(index_fields.DATASETS, queries)
    found: DocumentKeys = certain["facetDistribution"].get(PARENT_DOCUMENTS, {})
    if len(found) >= index_fields.MAX_FACET_VALUES:
        return None  # the engine may have left out values
    for answer in undecided:
        if answer["totalHits"] > MAX_UNDECIDED:
            return None
        found |= dict.fromkeys(_evaluate(answer["hits"], search, names), 1)
    return found


def _evaluate(hits: Sequence[Hit], search: Search, names: Names) -> set[str]:
    """Returns the document keys of the datasets that satisfy the search."""
    found: set[str] = set()
    for hit in hits:
        row = relations.parse_row(hit)
        matches = predicates.satisfies(DATASET, search.where, row)
        if matches and includes.select_relations(DATASET, row, search.include, names) is not None:
            found.update(hit[PARENT_DOCUMENTS])
    return found


def pid_filter(pids: Sequence[str], others: Filter) -> Filter:
    """Returns the filter for records with these pids that also match the other filter."""
    keys = ", ".join(map(pid_key, pids))
    return conjunction([others, Filter(f"id IN [{keys}]", exact=True)])
