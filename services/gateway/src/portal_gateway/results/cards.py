"""Cards: what lists show of a dataset, made from the facts that the index stores for it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson
from portal_shared import units
from portal_shared.contracts.identifiers import shown_doi
from portal_shared.contracts.records import Dataset
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import DOI
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.titles import Facts, organ_in_words, title
from portal_gateway.labels.words import capital
from portal_gateway.results.models import Card

Values = Mapping[str, list[Any]]  # value and unit of each parameter
CACHED = 4096  # cards in the cache, by what the index stores for them


@lru_cache(maxsize=CACHED)
def listed_card(table: FieldTable, stored: str) -> Card:
    """Like parse_card, for lists that show the same datasets again. It is shared: not changed."""
    return parse_card(table, stored)


def parse_card(table: FieldTable, stored: str) -> Card:
    """Returns the card of a search document."""
    return make_card(table, orjson.loads(stored))


def make_card(table: FieldTable, row: Mapping[str, Any]) -> Card:
    values: Values = row["p"]
    roles = table.profile.site.roles
    texts = {name: found[0] for name, found in values.items() if isinstance(found[0], str)}
    facts = Facts.of(table, texts)
    organ = organ_in_words(table, facts)
    voxel = number(values, roles.voxel, "um")
    sides = [number(values, name, None) for name in roles.shape]
    shape = [round(side) for side in sides if side is not None and side > 0]
    whole = len(shape) == len(sides) and bool(shape)
    kind, availability = facts.type, row.get("availability")
    raw = number(values, roles.raw_bytes, "B")
    return Card(
        pid=row["pid"],
        name=row["name"],
        title=title(table, facts, row["title"]),
        page=dataset_page(row["name"]),
        thumbnail=f"/data/{quote(row['pid'], safe='')}/thumbnail/small",
        organ=facts.organ,
        organ_label=capital(organ) if organ else None,
        side=facts.side,
        donor=facts.donor,
        type=kind,
        type_label=table.value_label(roles.type, kind) if roles.type and kind else None,
        region=texts.get(roles.region) if roles.region else None,
        voxel_um=voxel,
        size_um=[float(f"{n * voxel:.6g}") for n in shape] if whole and voxel else None,
        shape=shape if whole else None,
        bytes=row.get("size"),
        full_bytes=round(raw) if raw else None,
        date=row["created"],
        availability=availability,
        availability_label=table.value_label("availability", availability)
        if availability
        else None,
        overview=texts.get(roles.overview) if roles.overview else None,
        doi=row.get("doi"),
        licence=row.get("license"),
    )


def dataset_page(name: str) -> str:
    """Returns the address of a dataset's page on the site."""
    return f"/datasets/{quote(name, safe='')}"


def document_page(pid: str) -> str:
    return f"/documents/{quote(pid, safe='')}"


def number(values: Values, name: str | None, unit: str | None) -> float | None:
    """Returns the number of a parameter in a unit; None if there is none."""
    found = values.get(name) if name else None
    if not name or not found or isinstance(found[0], str):
        return None
    given = found[1] if len(found) > 1 else None
    if unit is None or given is None:
        return found[0]
    own, wanted = units.find(given, name), units.find(unit)
    if own is None or wanted is None or own.dimension != wanted.dimension:
        return None
    return float(f"{wanted.from_si(own.to_si(found[0])):.12g}")


def card_of_record(table: FieldTable, row: Doc, record: Dataset) -> Card:
    """Returns the card of a catalogue row, the same as that of its search document."""
    parameters: dict[str, list[Any]] = {}
    for one in record.parameters:
        parameters.setdefault(one.name, [one.value, *([one.unit] if one.unit else [])])
    return make_card(
        table,
        {
            "pid": record.pid,
            "name": record.name,
            "title": record.title,
            "created": record.created,
            "size": record.size,
            "doi": shown_doi(row.get(DOI), record.doi),
            "license": record.license,
            "availability": row.get("availability_detail") or row.get("availability"),
            "p": parameters,
        },
    )
