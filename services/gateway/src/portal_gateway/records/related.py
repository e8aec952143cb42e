"""Datasets related to a dataset, found by the index: only public ones."""

from dataclasses import dataclass, field
from typing import Any

from portal_shared.contracts.records import pid_key
from portal_shared.search import index_fields

from portal_gateway.criteria.compiler import number_field
from portal_gateway.engine.client import Engine
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.titles import OVERVIEW
from portal_gateway.results.cards import listed_card
from portal_gateway.results.models import Card

MAX_ZOOMS = 200
MAX_OTHERS = 60
MAX_SIMILAR = 6
MAX_DATASETS = 500  # of a document
SIMILAR = 1.25  # ratio of voxel sizes
BY_NAME = [f"{index_fields.NAME_ORDER}:asc", f"{index_fields.ORDER}:asc"]


@dataclass(frozen=True)
class RelatedCards:
    overview: list[Card] = field(default_factory=list[Card])
    zooms: list[Card] = field(default_factory=list[Card])
    siblings: list[Card] = field(default_factory=list[Card])
    same_donor: list[Card] = field(default_factory=list[Card])
    similar: list[Card] = field(default_factory=list[Card])


class RelatedDatasets:
    def __init__(self, engine: Engine, table: FieldTable) -> None:
        self._engine = engine
        self._table = table

    async def of_dataset(self, card: Card) -> RelatedCards:
        """Finds overview, zooms, other organs of the donor and similar datasets at once."""
        queries = {
            name: (condition, limit)
            for name, condition, limit in (
                ("overview", self._with_name(card.overview), 1),
                ("zooms", self._registered_to(card.name), MAX_ZOOMS),
                ("siblings", self._registered_to(card.overview), MAX_ZOOMS),
                ("same_donor", self._same_donor(card), MAX_OTHERS),
                ("similar", self._similar(card), MAX_SIMILAR),
            )
            if condition
        }
        if not queries:
            return RelatedCards()
        own = f"NOT {index_fields.ID} = {pid_key(card.pid)}"
        bodies = [_query(f"{c} AND {own}", limit) for c, limit in queries.values()]
        answers = await self._engine.multi_search(index_fields.DATASETS, bodies)
        found = {n: self._cards(a) for n, a in zip(queries, answers, strict=True)}
        return RelatedCards(**found)

    async def of_document(self, pid: str) -> list[Card]:
        """Returns the public datasets of a document, in the order of their names."""
        above = f'{index_fields.PARENT_DOCUMENTS} = "{index_fields.ancestor_key(pid)}"'
        answer = await self._engine.search(index_fields.DATASETS, _query(above, MAX_DATASETS))
        return self._cards(answer)

    def _cards(self, answer: dict[str, Any]) -> list[Card]:
        return [listed_card(self._table, hit[index_fields.CARD]) for hit in answer["hits"]]

    def _with_name(self, name: str | None) -> str | None:
        if not name:
            return None
        return f'{index_fields.NAME_DIGEST} = "{index_fields.digest(name)}"'

    def _registered_to(self, name: str | None) -> str | None:
        target = self._table.profile.site.roles.overview
        return self._equals(target, name)

    def _equals(self, parameter: str | None, value: str | None) -> str | None:
        if not parameter or not value:
            return None
        key = index_fields.parameter_key(parameter)
        return f'{index_fields.PARAMETERS}.{key}.s = "{index_fields.digest(value)}"'

    def _same_donor(self, card: Card) -> str | None:
        roles = self._table.profile.site.roles
        donor, organ = self._equals(roles.donor, card.donor), self._equals(roles.organ, card.organ)
        if not donor or not organ:
            return None
        overview = self._equals(roles.type, OVERVIEW)
        side = self._equals(roles.side, card.side)
        other = f"NOT ({organ} AND {side})" if side else f"NOT {organ}"
        return " AND ".join(part for part in (donor, overview, other) if part)

    def _similar(self, card: Card) -> str | None:
        roles = self._table.profile.site.roles
        organ, donor = self._equals(roles.organ, card.organ), self._equals(roles.donor, card.donor)
        if not organ or not donor or not roles.voxel or not card.voxel_um:
            return None
        name = number_field(self._table.by_name[roles.voxel])
        metres = card.voxel_um * 1e-6
        near = f"{name} {metres / SIMILAR!r} TO {metres * SIMILAR!r}"
        kind = self._equals(roles.type, card.type)
        return " AND ".join(part for part in (organ, near, kind, f"NOT {donor}") if part)


def _query(condition: str, limit: int) -> dict[str, Any]:
    return {
        "filter": condition,
        "limit": limit,
        "sort": BY_NAME,
        "attributesToRetrieve": [index_fields.CARD],
    }
