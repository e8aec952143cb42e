"""Loads totals, organs, donors, people and proposals. Only public records count."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
from portal_shared.contracts.identifiers import normalize_orcid
from portal_shared.contracts.records import Parameter
from portal_shared.search import index_fields

from portal_gateway.aggregates.models import (
    DonorList,
    DonorSummary,
    DonorView,
    OrganList,
    OrganSummary,
    PersonRecord,
    ProposalView,
    RoleCount,
    Totals,
    ValueCount,
)
from portal_gateway.aggregates.summaries import Summaries
from portal_gateway.catalogue import Catalogue
from portal_gateway.criteria.compiler import number_field
from portal_gateway.engine.client import Engine, Hit
from portal_gateway.errors import ResourceNotFound
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.people import count_people
from portal_gateway.labels.titles import OVERVIEW
from portal_gateway.labels.words import capital
from portal_gateway.records.metadata import parameter_groups
from portal_gateway.records.models import RecordLink
from portal_gateway.records.view import person_view, record_link
from portal_gateway.results.cards import listed_card
from portal_gateway.results.facets import index_field
from portal_gateway.results.models import Card

NEWEST = 8
MAX_DATASETS = 500
PATHOLOGY = "pathology"
BY_NAME = [f"{index_fields.NAME_ORDER}:asc", f"{index_fields.ORDER}:asc"]


class Aggregates:
    def __init__(self, engine: Engine, catalogue: Catalogue, table: FieldTable) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._summaries = Summaries(engine, table)
        self._table = table
        self._roles = table.profile.site.roles

    async def totals(self) -> Totals:
        ((summary, _),) = await self._summaries.load([(None, "")])
        newest = {
            "limit": NEWEST,
            "sort": [f"{number_field(self._table.by_name['created'])}:desc", *BY_NAME],
            "attributesToRetrieve": [index_fields.CARD],
        }
        answer = await self._engine.search(index_fields.DATASETS, newest)
        return Totals(**summary.model_dump(), newest=self._cards(answer["hits"]))

    async def organs(self) -> OrganList:
        """Returns each organ that has public datasets, most first."""
        organ = self._roles.organ
        if not organ:
            return OrganList(organs=[])
        values = await self._ordered(organ)
        found = await self._summaries.load(
            [(self._summaries.equals(organ, v), self._summaries.search(organ, v)) for v in values]
        )
        return OrganList(
            organs=[
                OrganSummary(
                    **summary.model_dump(),
                    value=value,
                    label=self._table.value_label(organ, value),
                    plural=self._table.value_text(organ, value).plural,
                    link=self._table.value_link(organ, value),
                )
                for value, (summary, _) in zip(values, found, strict=False)
            ]
        )

    async def donors(self) -> DonorList:
        """Returns each donor with public datasets, most first."""
        donor = self._roles.donor
        values = await self._ordered(donor) if donor else []
        return DonorList(donors=await self._donor_summaries(values))

    async def donor(self, name: str) -> DonorView:
        """Raises ResourceNotFound if there is no public dataset of the donor."""
        donor = self._roles.donor
        found = await self._donor_summaries([name]) if donor else []
        if not donor or not found or not found[0].datasets:
            raise ResourceNotFound(f"There is no public dataset of the donor {name[:100]!r}")
        hits = await self._hits(self._summaries.equals(donor, name), ["relations", "up"])
        return DonorView(
            **found[0].model_dump(),
            groups=parameter_groups(self._table, _parameters(hits), self._donor_group()),
            documents=await self._documents_above(hits),
            overviews_first=_overviews_first(self._cards(hits)),
        )

    async def person(self, name: str) -> PersonRecord:
        """Raises ResourceNotFound if no public dataset or document has the person."""
        identifier = normalize_orcid(name) or name
        digest = index_fields.digest(identifier)
        persons = index_field(self._table.by_name["person"])
        search = self._summaries.search("person", identifier)
        ((summary, counts),) = await self._summaries.load(
            [(f'{index_fields.PERSON_IDS} = "{digest}"', search)]
        )
        rows = await self._documents_of(digest)
        roles, names = _roles_and_names(rows, identifier)
        known = count_people(counts.get(persons, {})).get(identifier)
        shown = known.names[0] if known else next(iter(names), None)
        if shown is None:
            raise ResourceNotFound(f"There is no public record of the person {name[:100]!r}")
        orcid = normalize_orcid(identifier)
        return PersonRecord(
            **summary.model_dump(),
            id=identifier,
            name=shown,
            orcid=orcid,
            orcid_url=f"https://orcid.org/{orcid}" if orcid else None,
            roles=[RoleCount(role=role, count=count) for role, count in roles.most_common()],
            documents=await self._links([row["pid"] for row in rows]),
        )

    async def proposal(self, number: str) -> ProposalView:
        """Raises ResourceNotFound if no public record has the number."""
        name = self._roles.proposal
        if not name:
            raise ResourceNotFound("This portal has no proposals")
        expression = self._summaries.equals(name, number)
        ((summary, _),) = await self._summaries.load(
            [(expression, self._summaries.search(name, number))]
        )
        rows = await self._documents(expression)
        own = next((row for row in rows if str(row.get("type")).lower() == "proposal"), None)
        if own is None and not summary.datasets:
            raise ResourceNotFound(f"There is no public record of the proposal {number[:100]!r}")
        found = await self._catalogue.load_record("documents", own["pid"]) if own else None
        if found is None:
            return ProposalView(**summary.model_dump(), number=number)
        return ProposalView(
            **summary.model_dump(),
            number=number,
            title=found["record"]["title"],
            document=record_link(found),
            people_list=[p for m in found["record"]["members"] if (p := person_view(m))],
        )

    async def _ordered(self, name: str) -> list[str]:
        counted = await self._summaries.values(name)
        return sorted(counted, key=lambda value: (-counted[value], value))

    async def _donor_summaries(self, names: list[str]) -> list[DonorSummary]:
        donor = self._roles.donor or ""
        known = self._table.by_name.get(PATHOLOGY)
        more = [index_field(known)] if known else []
        found = await self._summaries.load(
            [(self._summaries.equals(donor, n), self._summaries.search(donor, n)) for n in names],
            more,
        )
        return [
            DonorSummary(
                **summary.model_dump(),
                donor=name,
                pathology=self._pathology(counts.get(more[0], {})) if more else [],
            )
            for name, (summary, counts) in zip(names, found, strict=False)
        ]

    def _pathology(self, distribution: Mapping[str, int]) -> list[ValueCount]:
        return self._summaries.value_counts(PATHOLOGY, distribution)

    def _donor_group(self) -> str:
        return self._table.by_name[self._roles.donor or ""].group

    async def _hits(self, expression: str, attributes: list[str]) -> list[Hit]:
        query = {
            "filter": expression,
            "limit": MAX_DATASETS,
            "sort": BY_NAME,
            "attributesToRetrieve": [index_fields.CARD, *attributes],
        }
        hits: list[Hit] = (await self._engine.search(index_fields.DATASETS, query))["hits"]
        return hits

    def _cards(self, hits: list[Hit]) -> list[Card]:
        return [listed_card(self._table, hit[index_fields.CARD]) for hit in hits]

    async def _documents_above(self, hits: list[Hit]) -> list[RecordLink]:
        keys = dict.fromkeys(
            key for hit in hits for key in hit.get(index_fields.PARENT_DOCUMENTS, ())
        )
        pids = (index_fields.ancestor_pid(key) for key in keys)
        return await self._links([pid for pid in pids if pid is not None])

    async def _links(self, pids: list[str]) -> list[RecordLink]:
        rows = await self._catalogue.load_links(pids, "document")
        return [record_link(row) for row in rows]

    async def _documents_of(self, digest: str) -> list[dict[str, Any]]:
        person = f"{index_fields.MEMBERS}.person"
        return await self._documents(f'({person}.orcid = "{digest}" OR {person}.id = "{digest}")')

    async def _documents(self, expression: str) -> list[dict[str, Any]]:
        """Returns the public documents with their members."""
        query = {
            "filter": expression,
            "limit": MAX_DATASETS,
            "sort": ["order:asc"],
            "attributesToRetrieve": [index_fields.JSON, index_fields.RELATIONS],
        }
        answer = await self._engine.search(index_fields.DOCUMENTS, query)
        return [
            {**orjson.loads(hit[index_fields.JSON]), **orjson.loads(hit[index_fields.RELATIONS])}
            for hit in answer["hits"]
        ]


def _parameters(hits: list[Hit]) -> list[Parameter]:
    """Returns the different parameters of all datasets."""
    found: dict[tuple[str, str], Parameter] = {}
    for hit in hits:
        for row in orjson.loads(hit[index_fields.RELATIONS])["parameters"]:
            one = Parameter(name=row["name"], value=row["value"], unit=row.get("unit"))
            found.setdefault((one.name, repr(one.value)), one)
    return list(found.values())


def _overviews_first(cards: list[Card]) -> list[Card]:
    return sorted(cards, key=lambda c: (c.organ or "", c.side or "", c.type != OVERVIEW))


def _roles_and_names(
    rows: list[dict[str, Any]], identifier: str
) -> tuple[Counter[str], dict[str, None]]:
    roles: Counter[str] = Counter()
    names: dict[str, None] = {}
    for row in rows:
        for member in row["members"]:
            person: Mapping[str, str] = member.get("person") or {}
            if identifier not in (person.get("orcid"), person.get("id")):
                continue
            names[person["fullName"]] = None
            roles.update(capital(part.strip()) for part in (member.get("role") or "").split(","))
    del roles[""]
    return roles, names
