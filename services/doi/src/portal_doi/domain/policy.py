"""Whose DOI a record has, and what that means for us. Pure.

It brought none               we register one, where the profile says so for its level
It brought one of others      adopted: recorded, never registered or changed by us
It brought one of our prefix  registered by us for it before: kept up
                              else DataCite is asked: known there, by whoever made it: adopted
                                                      unknown: what it wishes to be registered as
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from portal_shared.contracts.identifiers import bare_doi, is_doi
from portal_shared.contracts.records import DoiLevel
from portal_shared.profile import DoiRules
from portal_shared.runtime.errors import Invalid

from portal_doi.domain import suffix as suffixes

_OURS = re.compile(r"10\.\d{4,9}/[-._;()/a-z0-9]+", re.ASCII)  # what DataCite lets us register


@dataclass(frozen=True)
class Adopt:
    doi: str


@dataclass(frozen=True)
class Register:
    """Under the DOI that was registered for it before, or a new one made of its pid."""


@dataclass(frozen=True)
class Ask:
    """Under our prefix, but not ours as far as we know."""

    doi: str


@dataclass(frozen=True)
class Leave:
    """It needs none."""


Decision: TypeAlias = Adopt | Register | Ask | Leave


def decide(
    brought: str | None, level: DoiLevel, *, rules: DoiRules, prefix: str, own: str | None
) -> Decision:
    """`own` is the DOI that we registered for it before. Raises Invalid for what is no DOI."""
    if not brought:
        return Register() if level in rules.mint or own else Leave()
    doi = bare_doi(brought)
    if not is_doi(doi):
        raise Invalid(f"{brought!r} is no DOI", field="doi")
    if doi == own:
        return Register()
    theirs, _, suffix = doi.partition("/")
    if theirs != prefix:
        return Adopt(doi)
    if not _OURS.fullmatch(doi):
        raise Invalid(f"{brought!r} has characters that no DOI of ours has", field="doi")
    if suffixes.is_shaped_like_ours(suffix, rules.suffix) and not suffixes.is_right(
        suffix, rules.suffix
    ):
        raise Invalid(f"{brought!r} is mistyped: its check character does not fit", field="doi")
    return Ask(doi)
