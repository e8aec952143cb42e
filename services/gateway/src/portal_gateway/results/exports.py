"""Exports of exactly the result of a search: a link for each format."""

from portal_gateway.criteria.criteria import Criteria
from portal_gateway.labels.fields import FieldTable
from portal_gateway.results.models import ExportLink

FORMATS: tuple[tuple[str, str, str], ...] = ()  # name, label, media type
PATH = "/api/search/export"


def links(table: FieldTable, criteria: Criteria) -> list[ExportLink]:
    query = criteria.address(table, paged=False)
    return [
        ExportLink(
            format=name,
            label=label,
            media_type=media_type,
            href=f"{PATH}?{f'{query}&' if query else ''}format={name}",
        )
        for name, label, media_type in FORMATS
    ]
