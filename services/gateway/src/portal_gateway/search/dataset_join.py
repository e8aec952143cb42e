"""Documents by conditions on one and the same of their datasets: the datasets are asked for.

What a document's index says of its datasets it says of all together. So the index of datasets is
asked, and counts the documents above those that satisfy the conditions; a few doubtful datasets are
judged one by one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from portal_shared.contracts.records import pid_key
from portal_shared.search import index_fields

from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.compiler import Filter
from portal_gateway.filters import includes as joining
from portal_gateway.filters import predicates
from portal_gateway.filters.ast import Include, Search
from portal_gateway.filters.schema import DATASET, DOCUMENT
from portal_gateway.filters.techniques import Names
from portal_gateway.search import relations

DOUBTFUL = 1000  # datasets judged one by one
MOST_NAMED = 2000  # documents named in a filter
Above = dict[str, Any]  # by name, in order as the engine counts them, so soon sorted


def liftable(search: Search) -> bool:
    """Whether the datasets alone decide: with all that their conditions ask for."""
    return search.entity is DOCUMENT and any(map(_of_datasets, search.include))


def _of_datasets(one: Include) -> bool:
    return one.relation.entity == "Dataset" and one.conditional and _stored(one.include)


def _stored(includes: Sequence[Include]) -> bool:
    return all(i.relation.stored and _stored(i.include) for i in includes if i.conditional)


def rest(search: Search) -> Search:
    """The search without what the datasets decide."""
    return replace(search, include=tuple(i for i in search.include if not _of_datasets(i)))


async def documents(engine: Engine, search: Search, names: Names) -> list[str] | None:
    """The documents above as prepared.above() names them, in the order of their pids.

    None where it is not for the engine to say. There may be very many, of which a page tells a
    few: pids() makes pids of those.
    """
    found: Above | None = None
    for one in filter(_of_datasets, search.include):
        above = await _above(engine, compiler.below(one), names)
        if above is None:
            return None
        found = above if found is None else {k: n for k, n in found.items() if k in above}
    told = found or {}
    return sorted(told) if index_fields.all_pids_known(told) else None


def pids(above: Sequence[str]) -> list[str]:
    """Of documents as documents() names them."""
    return [pid for named in above if (pid := index_fields.ancestor_pid(named)) is not None]


async def _above(engine: Engine, search: Search, names: Names) -> Above | None:
    filtered = compiler.compiled(search, names)
    if filtered.nothing:
        return {}
    if not filtered.exact and not filtered.sure:
        return None
    counted: dict[str, Any] = {"hitsPerPage": 0, "page": 1, "facets": ["up"]}
    if filtered.known:
        counted["filter"] = filtered.known
    asked = [counted]
    if not filtered.exact:
        wanted = {
            "attributesToRetrieve": [*relations.KEPT, "up"],
            "hitsPerPage": DOUBTFUL,
            "page": 1,
        }
        asked.append({"filter": filtered.doubtful, **wanted})
    certain, *doubtful = await engine.searches(index_fields.DATASETS, asked)
    found: Above = certain["facetDistribution"].get("up", {})
    if len(found) >= index_fields.MAX_FACET_VALUES:
        return None  # there may be more
    for answer in doubtful:
        if answer["totalHits"] > DOUBTFUL:
            return None
        found |= dict.fromkeys(_judged(answer["hits"], search, names), 1)
    return found


def _judged(hits: Sequence[Hit], search: Search, names: Names) -> set[str]:
    found: set[str] = set()
    for hit in hits:
        row = relations.row(hit)
        held = predicates.holds(DATASET, search.where, row)
        if held and joining.selected(DATASET, row, search.include, names) is not None:
            found.update(hit["up"])
    return found


def named(pids: Sequence[str], others: Filter) -> Filter:
    """These documents, as far as they satisfy the rest."""
    keys = ", ".join(map(pid_key, pids))
    return compiler.both([others, Filter(f"id IN [{keys}]", exact=True)])
