"""Builds the view of a record from its row and what is related to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import quote

from portal_shared.citation.datacite import landing_page
from portal_shared.contracts.identifiers import doi_url, shown_doi
from portal_shared.contracts.records import Dataset, Document, Member, doi_level
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import DOI
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.licences import licence
from portal_gateway.labels.titles import Facts
from portal_gateway.records import links, metadata, sentences, signposting
from portal_gateway.records.models import (
    AvailabilityView,
    PersonView,
    RecordLink,
    RecordView,
    RegistrationView,
    Relations,
    Sentences,
)
from portal_gateway.records.related import RelatedCards
from portal_gateway.results.cards import dataset_page, document_page, number
from portal_gateway.results.models import Card

AXES = 3
MAX_WARNINGS = 50


@dataclass(frozen=True)
class Related:
    """A record and the public records around it."""

    record: Dataset | Document
    card: Card | None = None
    cards: RelatedCards = field(default_factory=RelatedCards)
    documents: Sequence[Doc] = ()
    datasets: Sequence[Card] = ()
    parts: Sequence[Doc] = ()
    editions: frozenset[str] | set[str] = frozenset()


def record_view(
    table: FieldTable,
    row: Doc,
    related: Related,
    *,
    cited: CitedRecord,
    citation: str,
    site_url: str,
) -> RecordView:
    """Builds the view; `site_url` is without a slash at its end."""
    record, card = related.record, related.card
    doi = shown_doi(row.get(DOI), record.doi)
    grouped = metadata.groups(table, record)
    parts = {
        **_identity(table, row, related, doi),
        **_dates(row, record, related),
        **_addresses(related, doi, site_url),
        **_citation(table, related, doi, cited=cited, citation=citation, site_url=site_url),
    }
    return RecordView(
        card=card.model_copy(update={"zooms": len(related.cards.zooms)}) if card else None,
        keywords=list(record.keywords),
        groups=grouped,
        not_recorded=[label for group in grouped for label in group.not_recorded],
        documents=[record_link(found) for found in related.documents],
        datasets=list(related.datasets),
        parts=[record_link(found) for found in related.parts],
        relations=_relations(record, related),
        registration=_registration(table, record),
        availability=_availability(
            table, row.get("availability_detail") or row.get("availability")
        ),
        warnings=_texts(record.details.get("warnings")),
        **parts,
    )


def _identity(table: FieldTable, row: Doc, related: Related, doi: str | None) -> dict[str, Any]:
    record, card = related.record, related.card
    return {
        "pid": record.pid,
        "level": _level(related),
        "type": record.type.lower() if isinstance(record, Document) else None,
        "name": record.name,
        "title": card.title if card else record.title,
        "citation_title": record.title,
        "summary": record.summary,
        "page": dataset_page(record.name) if card else document_page(record.pid),
        "doi": doi,
        "doi_url": doi_url(doi) if doi else None,
        "doi_state": _doi_state(table, row, record, doi),
        "version": row["version"],
        "edition": record.edition if isinstance(record, Dataset) else None,
    }


def _level(related: Related) -> Literal["dataset", "document"]:
    return "dataset" if related.card else "document"


def _dates(row: Doc, record: Dataset | Document, related: Related) -> dict[str, Any]:
    moments = [datetime.fromisoformat(c["at"]) for c in row.get("history") or ()]
    found: dict[str, Any] = {
        "registered": moments[0] if moments else row.get("packed_at"),
        "updated": moments[-1] if moments else row.get("packed_at"),
    }
    if isinstance(record, Document):
        return {**found, "start_date": record.start_date, "end_date": record.end_date}
    before, after = record.supersedes, record.superseded_by
    return {
        **found,
        "created": record.created,
        "supersedes": before if before in related.editions else None,
        "superseded_by": after if after in related.editions else None,
    }


def _addresses(related: Related, doi: str | None, site_url: str) -> dict[str, Any]:
    record, path = related.record, links.record_path(related.record.pid)
    people = [p for p in map(person_view, record.members) if p is not None]
    under, exports = licence(record.license), links.formats(record.pid, doi)
    typed = signposting.typed_links(
        level=_level(related),
        pid_path=path,
        site_url=site_url,
        doi_url=doi_url(doi) if doi else None,
        licence=under,
        people=people,
        formats=exports,
        items=links.items(record, related.datasets, site_url),
    )
    return {
        "licence": under,
        "people": people,
        "files": links.files(record) if isinstance(record, Dataset) else None,
        "downloads": links.downloads(record, site_url),
        "formats": exports,
        "history_url": f"{path}/history",
        "timeline_url": f"{path}/timeline",
        "usage_url": f"{path}/usage" if isinstance(record, Dataset) else None,
        "links": typed,
        "link_header": signposting.header(typed),
    }


def _citation(
    table: FieldTable,
    related: Related,
    doi: str | None,
    *,
    cited: CitedRecord,
    citation: str,
    site_url: str,
) -> dict[str, Any]:
    record = related.record
    page = landing_page(site_url, _level(related), record.pid)
    return {
        "publisher": cited.publisher,
        "published": cited.date("Available") if cited.year else None,
        "year": cited.year,
        "sentences": Sentences(
            citation=citation,
            methods=_methods(table, record, related.card),
            availability=sentences.availability(licence(record.license), doi, page),
        ),
    }


def _doi_state(
    table: FieldTable, row: Doc, record: Dataset | Document, doi: str | None
) -> Literal["registered", "pending", "none"]:
    if row.get(DOI):
        return "registered"
    return "pending" if doi or doi_level(record) in table.profile.doi.mint else "none"


def person_view(given: Member | Mapping[str, Any]) -> PersonView | None:
    """Returns a member as pages show it; None without a name."""
    member = given if isinstance(given, Member) else Member.model_validate(given)
    person, place = member.person, member.affiliation
    name = person.full_name if person else place.name if place else None
    if not name:
        return None
    found = PersonView(
        name=name,
        organisation=person.organisation if person else True,
        roles=list(member.roles) or ([member.role] if member.role else []),
        affiliation=place.name if place and person else None,
        ror=place.ror if place else None,
    )
    if person is None or person.organisation:
        return found
    return found.model_copy(
        update={
            "given_name": person.first_name,
            "family_name": person.last_name,
            "orcid": person.orcid,
            "page": f"/people/{quote(person.orcid or person.id, safe='')}",
        }
    )


def record_link(row: Doc) -> RecordLink:
    """Returns the link to a document of the catalogue."""
    record: Mapping[str, Any] = row["record"]
    return RecordLink(
        pid=row["_id"],
        level="document",
        type=str(record["type"]).lower(),
        title=record["title"],
        page=document_page(row["_id"]),
        doi=shown_doi(row.get(DOI), record.get("doi")),
    )


def _relations(record: Dataset | Document, related: Related) -> Relations:
    cards, card = related.cards, related.card
    outside = [links.outside_link(item) for item in record.related]
    overview = next(iter(cards.overview), None)
    return Relations(
        overview=overview,
        overview_not_public=card.overview if card and overview is None else None,
        zooms=cards.zooms,
        siblings=cards.siblings,
        same_donor=cards.same_donor,
        similar=cards.similar,
        papers=[one for one in outside if one.relation in links.PAPERS],
        cited_by=[one for one in outside if one.relation in links.CITED_BY],
        others=[o for o in outside if o.relation not in links.PAPERS | links.CITED_BY],
    )


def _registration(table: FieldTable, record: Dataset | Document) -> RegistrationView | None:
    """Returns the registration in the details of the record, as far as it has the known form."""
    given = record.details.get("registration")
    if not isinstance(record, Dataset) or not isinstance(given, dict):
        return None
    found = cast("dict[str, Any]", given)
    target = table.profile.site.roles.overview
    texts = metadata.first_texts(record.parameters)
    return RegistrationView(
        state=_text(found.get("state")),
        target=texts.get(target) if target else None,
        translation=_numbers(found.get("translation")),
        rotation=_number(found.get("rotation")),
        scale=_number(found.get("scale")),
        box_start=_numbers(found.get("box_start")),
        box_end=_numbers(found.get("box_end")),
    )


def _availability(table: FieldTable, state: str | None) -> AvailabilityView:
    label = table.value_label("availability", state) if state else None
    return AvailabilityView(state=state, label=label)


def _methods(table: FieldTable, record: Dataset | Document, card: Card | None) -> str | None:
    if not isinstance(record, Dataset) or card is None:
        return None
    values = {p.name: [p.value, *([p.unit] if p.unit else [])] for p in record.parameters}
    return sentences.methods(
        table,
        Facts.of(table, metadata.first_texts(record.parameters)),
        voxel_um=card.voxel_um,
        energy_kev=number(values, table.profile.site.roles.energy, "keV"),
        instrument=record.instrument.name if record.instrument else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _numbers(value: object) -> list[float] | None:
    if not isinstance(value, list) or len(cast("list[Any]", value)) != AXES:
        return None
    found = [_number(one) for one in cast("list[Any]", value)]
    return [n for n in found if n is not None] if None not in found else None


def _texts(value: object) -> list[str]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [one for one in listed if isinstance(one, str)][:MAX_WARNINGS]
