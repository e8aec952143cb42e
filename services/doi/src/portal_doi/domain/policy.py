"""Decides whose DOI a record has, and what this service does about it.

The record has no DOI            register one, if the profile requires it for this level
Its DOI has another prefix       adopt: record it, never register or change it
Its DOI has our prefix           registered by us for this record: update it
                                 else look it up at DataCite: if it exists, whoever made it, adopt;
                                 if it does not, register the record under it
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from portal_shared.contracts.identifiers import bare_doi, is_doi
from portal_shared.contracts.records import DoiLevel
from portal_shared.profile import DoiRules
from portal_shared.runtime.errors import Invalid

from portal_doi.domain import suffix as suffixes

_REGISTRABLE = re.compile(r"10\.\d{4,9}/[-._;()/a-z0-9]+", re.ASCII)  # what DataCite accepts


@dataclass(frozen=True)
class Adopt:
    doi: str


@dataclass(frozen=True)
class Register:
    """Under the DOI that we registered for the record before, or a new one made from its pid."""


@dataclass(frozen=True)
class LookUp:
    """The DOI has our prefix, but the registry does not have it for this record."""

    doi: str


@dataclass(frozen=True)
class NotRequired:
    """The record needs no DOI."""


Decision: TypeAlias = Adopt | Register | LookUp | NotRequired


def decide(
    given: str | None, level: DoiLevel, *, rules: DoiRules, prefix: str, our_doi: str | None
) -> Decision:
    """Decide by the DOI of the record and the one we registered for it before.

    Raises Invalid if `given` is not a DOI, or not one that could be registered under our prefix.
    """
    if not given:
        return Register() if level in rules.mint or our_doi else NotRequired()
    doi = bare_doi(given)
    if not is_doi(doi):
        raise Invalid(f"{given!r} is not a DOI; a DOI looks like 10.1234/abc", field="doi")
    if doi == our_doi:
        return Register()
    given_prefix, _, suffix = doi.partition("/")
    if given_prefix != prefix:
        return Adopt(doi)
    if not _REGISTRABLE.fullmatch(doi):
        raise Invalid(
            f"{given!r} contains characters that are not allowed under {prefix}; allowed are "
            "a-z, 0-9 and - . _ ; ( ) /",
            field="doi",
        )
    if suffixes.has_our_shape(suffix, rules.suffix) and not suffixes.is_valid(suffix, rules.suffix):
        raise Invalid(
            f"{given!r} is mistyped: its check character is wrong; compare it with the original",
            field="doi",
        )
    return LookUp(doi)
