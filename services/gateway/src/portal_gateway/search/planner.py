"""Answers searches: of the engine's candidates exactly those that satisfy the filter.

Where the compiled filter is exact, the engine counts. Else candidates are read in batches and
judged here, by the same tree; only the doubtful ones, where some are certain.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from portal_shared.contracts.records import pid_key
from portal_shared.runtime.errors import Unavailable

from portal_gateway.catalogue import Catalogue
from portal_gateway.engine import compiler
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.engine.compiler import Filter
from portal_gateway.filters import includes, predicates, techniques
from portal_gateway.filters.ast import Row, Search
from portal_gateway.filters.schema import COLLECTIONS
from portal_gateway.filters.techniques import Names
from portal_gateway.search import dataset_join, query_words, relations
from portal_gateway.search.time_budget import Patience

PLAIN_SCORE = 0.5
BATCH = 1000
BATCH_WITH_RELATIONS = 200
_SORTED = {"number", "date"}


@dataclass(frozen=True)
class Plan:
    """How one search is asked of the engine."""

    search: Search
    names: Names
    filter: Filter
    question: str
    sort: tuple[str, ...] | None  # None: the engine cannot
    patience: Patience = field(default_factory=Patience)

    @property
    def index(self) -> str:
        return COLLECTIONS[self.search.entity.name]

    @property
    def below(self) -> str:
        """Before the fields of the datasets of a document."""
        return "d." if self.index == "documents" else ""

    @property
    def wanted(self) -> list[str]:
        """What is read of a candidate."""
        return relations.read(self.search.include)

    def asking(self, other: Filter) -> "Plan":
        """The same search of other candidates."""
        return replace(self, filter=other)

    def body(self, **more: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {"sort": list(self.sort or ("order:asc",)), **more}
        if self.filter.text:
            asked["filter"] = self.filter.text
        if self.question:
            asked |= {"q": self.question, "matchingStrategy": "last", "showRankingScore": True}
        return asked


class Searching:
    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self.engine = engine
        self._catalogue = catalogue
        self._relations = relations.Relations(engine, catalogue)

    async def count(self, search: Search) -> int:
        plan = await self.plan(search)
        if plan is None:
            return 0
        if plan.filter.exact:
            return await self._counted(plan)
        if dataset_join.liftable(search):
            lifted = await self._lifted(plan)
            if lifted is not None:
                return lifted
        certainly = 0
        if plan.filter.sure:
            certainly = await self._counted(plan.asking(Filter(plan.filter.sure, exact=True)))
            plan = plan.asking(Filter(plan.filter.doubtful, exact=False))
        return certainly + sum([len(b) async for b in self.selected(plan, told=False)])

    async def _lifted(self, plan: Plan) -> int | None:
        above = await dataset_join.documents(self.engine, plan.search, plan.names)
        if above is None:
            return None
        others = compiler.compiled(dataset_join.rest(plan.search), plan.names)
        if others.nothing or not above:
            return 0
        if others == compiler.ALL and not plan.search.query:
            return len(above)
        if others.exact and len(above) <= dataset_join.MOST_NAMED:
            named = dataset_join.named(dataset_join.pids(above), others)
            return await self._counted(plan.asking(named))
        return None

    async def _counted(self, plan: Plan) -> int:
        answer = await self.engine.search(plan.index, plan.body(hitsPerPage=0, page=1))
        return answer["totalHits"]

    async def facets(self, plan: Plan, fields: list[str], also: str = "") -> dict[str, Any]:
        """The engine's distributions over rows of an exact plan that satisfy `also`."""
        body = plan.body(hitsPerPage=0, page=1, facets=fields)
        if also:
            body["filter"] = f"({body['filter']}) AND {also}" if "filter" in body else also
        return await self.engine.search(plan.index, body)

    async def counts(self, plan: Plan, also: Sequence[str]) -> list[int]:
        """How many rows of an exact plan satisfy each of these besides."""
        if not also:
            return []
        bodies: list[dict[str, Any]] = []
        for one in also:
            body = plan.body(hitsPerPage=0, page=1)
            bodies.append(
                {**body, "filter": f"({body['filter']}) AND {one}" if "filter" in body else one}
            )
        return [a["totalHits"] for a in await self.engine.searches(plan.index, bodies)]

    async def plan(self, search: Search) -> Plan | None:
        """None when nothing can satisfy it."""
        names = await self._catalogue.terms_named(techniques.names_asked(search.include))
        compiled = compiler.compiled(search, names)
        if compiled.nothing:
            return None
        index = COLLECTIONS[search.entity.name]
        question = await self._question(index, search.query) if search.query else ""
        if question is None:
            return None
        return Plan(search, names, compiled, question, _sort(search))

    async def _question(self, index: str, query: str) -> str | None:
        """The query's words, the most telling first; None when nobody has any of them."""
        listed = query_words.words(query)
        if not listed:
            return None
        asked = [*(query_words.question([w], unfinished=False) for w in listed), listed[-1].text]
        counts = await self.engine.searches(
            index,
            [{"q": q, "matchingStrategy": "all", "hitsPerPage": 0, "page": 1} for q in asked],
        )
        whole = {w: c["totalHits"] for w, c in zip(listed, counts, strict=False)}
        return query_words.asked(listed, whole, begun=counts[-1]["totalHits"])

    async def selected(self, plan: Plan, *, told: bool = True) -> AsyncGenerator[list[Row]]:
        """All rows that satisfy the search, in the engine's order, batch by batch."""
        deeper = any(not i.relation.stored or i.include for i in plan.search.include)
        size = BATCH_WITH_RELATIONS if deeper else BATCH
        page = 1
        while True:
            body = plan.body(hitsPerPage=size, page=page, attributesToRetrieve=plan.wanted)
            answer = await self.engine.search(plan.index, body)
            yield await self.judge(plan, answer["hits"], told=told)
            if page >= answer["totalPages"]:
                return
            page += 1

    async def judge(self, plan: Plan, hits: Sequence[Hit], *, told: bool = True) -> list[Row]:
        """Those hits that satisfy the search, with the relations asked for."""
        search = plan.search
        candidates: list[tuple[Row, float]] = []
        plan.patience.begin()
        for hit in hits:
            await plan.patience.row()
            candidate = relations.row(hit)
            if predicates.holds(search.entity, search.where, candidate):
                candidates.append((candidate, score(hit)))
        await self._relations.attach(
            search.entity, [c for c, _ in candidates], search.include, plan.names
        )
        found: list[Row] = []
        plan.patience.begin()
        for candidate, its_score in candidates:
            await plan.patience.row()
            related = includes.selected(
                search.entity, candidate, search.include, plan.names, listed=True
            )
            if related is not None:
                plain = includes.plain(search.entity, candidate) if told else {}
                found.append({**plain, **related, "score": its_score})
        return found

    async def record(self, search: Search, pid: str) -> Row | None:
        """One record; its relations cut by the includes' conditions, never dropped by them."""
        kept = await self._kept(COLLECTIONS[search.entity.name], pid)
        return None if kept is None else await self._told(search, kept)

    async def sent(self, search: Search, pid: str) -> bytes | None:
        """A record as it is sent: as it is kept, where nothing else is asked for."""
        kept = await self._kept(COLLECTIONS[search.entity.name], pid)
        if kept is None:
            return None
        if not search.include and not search.shape.projects():
            return kept["json"].encode()
        return orjson.dumps(await self._told(search, kept))

    async def _kept(self, index: str, pid: str) -> Hit | None:
        """Of the engine, which is quick; of the catalogue what it lacks, or when it is away."""
        try:
            found = await self.engine.document(index, pid_key(pid))
        except Unavailable:
            found = None
        return found or await self._catalogue.record(index, pid)

    async def _told(self, search: Search, kept: Hit) -> Row:
        one = relations.row(kept)
        names = await self._catalogue.terms_named(techniques.names_asked(search.include))
        await self._relations.attach(search.entity, [one], search.include, names)
        related = includes.selected(search.entity, one, search.include, names, kept=True) or {}
        told = {**includes.plain(search.entity, one), **related}
        return includes.projected(told, search.shape, search.entity)


def _sort(search: Search) -> tuple[str, ...] | None:
    """The order in the engine's words, always down to the pid."""
    fields: list[str] = []
    if search.query and search.shape.order:
        return None
    for name, descending in search.shape.order:
        way = "desc" if descending else "asc"
        if name == "pid":
            return (*fields, f"order:{way}")
        if name == "score":
            continue  # all the same without a query
        if search.entity.fields[name] not in _SORTED:
            return None
        fields.append(f"n.{name}:{way}")
    return (*fields, "order:asc")


def score(hit: Hit) -> float:
    """Strictly inside 0 and 1, and mapped alike for all queries."""
    ranking: float | None = hit.get("_rankingScore")
    return PLAIN_SCORE if ranking is None else round(0.01 + 0.98 * ranking, 9)
