"""The card of a dataset: what lists show of it, stored as JSON beside its search document."""

import json
from functools import cache
from typing import Any

from portal_shared import profile
from portal_shared.contracts.records import Dataset

from portal_indexer.panosc_records import PanoscRecord


def card(record: Dataset, api_record: PanoscRecord) -> str:
    """Returns what a list shows of a dataset, as JSON; `p` has values and units by parameter."""
    shown = card_parameters()
    parameters: dict[str, list[Any]] = {}
    for one in record.parameters:
        if one.name in shown:
            parameters.setdefault(one.name, [one.value, *([one.unit] if one.unit else [])])
    made = {
        "pid": record.pid,
        "name": record.name,
        "title": record.title,
        "created": api_record["creationDate"],
        "size": record.size,
        "doi": api_record.get("doi"),
        "license": record.license,
        "availability": api_record.get("availabilityDetail") or api_record.get("availability"),
        "document": record.document,
        "p": parameters,
    }
    present = {name: value for name, value in made.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


@cache
def card_parameters() -> frozenset[str]:
    """Returns the parameters that have a role in some profile."""
    found: set[str] = set()
    for name in profile.names():
        roles = profile.load(name).site.roles.model_dump(exclude={"whole"}).values()
        for value in roles:
            found.update([value] if isinstance(value, str) else value or ())
    return frozenset(found)
