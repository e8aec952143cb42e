"""Exports of exactly the result of a search, by the same parameters as its pages."""

from dataclasses import dataclass

from portal_gateway.criteria.criteria import Criteria
from portal_gateway.errors import BadRequest
from portal_gateway.labels.fields import FieldTable
from portal_gateway.results.models import ExportLink

PATH = "/api/search/export"


@dataclass(frozen=True)
class ExportFormat:
    name: str
    label: str
    media_type: str
    ending: str


FORMATS = {
    one.name: one
    for one in (
        ExportFormat("tsv", "Table (TSV)", "text/tab-separated-values; charset=utf-8", "tsv"),
        ExportFormat("csv", "Table (CSV)", "text/csv; charset=utf-8; header=present", "csv"),
        ExportFormat("json", "JSON", "application/json; charset=utf-8", "json"),
        ExportFormat("bibtex", "BibTeX", "application/x-bibtex; charset=utf-8", "bib"),
        ExportFormat("ris", "RIS", "application/x-research-info-systems; charset=utf-8", "ris"),
        ExportFormat("atom", "Feed (Atom)", "application/atom+xml; charset=utf-8", "atom"),
        ExportFormat("metalink", "Metalink (files)", "application/metalink4+xml", "meta4"),
    )
}


def find_format(name: str) -> ExportFormat:
    """Raises BadRequest for an unknown name."""
    found = FORMATS.get(name.lower())
    if found is None:
        known = ", ".join(FORMATS)
        raise BadRequest(f"format: {name[:80]!r} is not known; known are {known}", field="format")
    return found


def links(table: FieldTable, criteria: Criteria) -> list[ExportLink]:
    query = criteria.address(table, paged=False)
    return [
        ExportLink(
            format=one.name,
            label=one.label,
            media_type=one.media_type.partition(";")[0],
            href=f"{PATH}?{f'{query}&' if query else ''}format={one.name}",
        )
        for one in FORMATS.values()
    ]


def headers(one: ExportFormat) -> dict[str, str]:
    kind = "inline" if one.name == "atom" else "attachment"  # feeds are read, not stored
    return {
        "content-type": one.media_type,
        "content-disposition": f'{kind}; filename="datasets.{one.ending}"',
        "x-content-type-options": "nosniff",
    }
