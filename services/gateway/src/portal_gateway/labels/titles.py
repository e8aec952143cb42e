"""Titles in words: "Left kidney of LADAF-2021-17, zoom VOI-01.1"."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal_gateway.labels import words
from portal_gateway.labels.fields import FieldTable

SIDES = frozenset(("left", "right"))
OVERVIEW, ZOOM = "overview", "zoom"
Texts = Mapping[str, str]  # the first text of each parameter


@dataclass(frozen=True)
class Facts:
    """The facts of a dataset that have a role in its profile."""

    organ: str | None = None
    side: str | None = None
    donor: str | None = None
    type: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, table: FieldTable, texts: Texts) -> "Facts":
        roles = table.profile.site.roles
        listed = {name: getattr(roles, name) for name in ("organ", "side", "donor", "type")}
        found = {name: texts.get(given) for name, given in listed.items() if given}
        region = texts.get(roles.region) if roles.region else None
        return cls(**found, region=None if region in roles.whole else region)


def organ_in_words(table: FieldTable, facts: Facts) -> str | None:
    """Returns the organ with its side: "left kidney", "testis 1", "upper lobe of the lung"."""
    roles = table.profile.site.roles
    if not facts.organ or not roles.organ:
        return None
    organ = table.value_text(roles.organ, facts.organ).label
    if not facts.side or not roles.side:
        return organ
    side = table.value_text(roles.side, facts.side).label
    if side in SIDES:
        return f"{side} {organ}"
    if side.isdigit():
        return f"{organ} {side}"
    return f"{side} of the {organ}" if " " in side else f"{organ} ({side})"


def title(table: FieldTable, facts: Facts, given: str) -> str:
    """Returns the title of a dataset in words; the given one if organ or donor are not known."""
    organ = organ_in_words(table, facts)
    if organ is None:
        return given
    head = words.capital(f"{organ} of {facts.donor}" if facts.donor else organ)
    parts = [head]
    if facts.type:
        kind = table.value_text(table.profile.site.roles.type or "", facts.type).label
        region = f" {facts.region}" if facts.region else ""
        parts.append(f"{kind}{region}")
    elif facts.region:
        parts.append(facts.region)
    return ", ".join(parts)
