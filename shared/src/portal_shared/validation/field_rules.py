"""Rules for the fields of a record: identifiers, controlled terms, dates and what a DOI needs.

Each rule returns the problems it finds, with a suggestion where one is likely. A suggestion is
itself accepted.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import get_args

from portal_shared.citation.completeness import missing_properties
from portal_shared.citation.relations import TYPES as RELATIONS
from portal_shared.citation.relations import identifier_type
from portal_shared.contracts.identifiers import (
    doi_inside,
    has_ror_checksum,
    is_doi,
    is_unfinished_doi,
    normalize_orcid,
    normalize_ror,
    orcid_inside,
    ror_inside,
)
from portal_shared.contracts.jobs import DatasetIn, DocumentIn, MemberIn, Problem, RelatedItemIn
from portal_shared.contracts.languages import closest_language, is_language_tag
from portal_shared.contracts.licenses import closest_license, normalize_license
from portal_shared.contracts.records import ResourceType
from portal_shared.profile import Profile
from portal_shared.validation.rules import MAX_QUOTED_CHARS, closest_name, implausible

Given = DatasetIn | DocumentIn
DATE_FIELDS = ("created", "start_date", "end_date", "release_date")
MAX_SHOWN_AGE = 89  # years; beyond it a person can be recognised by the age
RESOURCE_TYPES: tuple[str, ...] = get_args(ResourceType)
_TYPE_ALIASES = {  # common names of works that are no resource type
    "article": "JournalArticle",
    "journal": "JournalArticle",
    "paper": "JournalArticle",
    "publication": "JournalArticle",
    "thesis": "Dissertation",
    "phdthesis": "Dissertation",
    "chapter": "BookChapter",
    "code": "Software",
    "data": "Dataset",
    "proceedings": "ConferenceProceeding",
    "conference": "ConferencePaper",
    "video": "Audiovisual",
    "notebook": "ComputationalNotebook",
    "webpage": "InteractiveResource",
    "website": "InteractiveResource",
    "protocol": "Text",
}


def identifier_problems(found: Given, place: str) -> list[Problem]:
    """Checks DOI, ORCID iDs, RORs, and relation type and identifier of related works."""
    problems = _doi_problems(found.doi, f"{place}.doi")
    for n, member in enumerate(found.members):
        problems += _member_problems(member, f"{place}.members[{n}]")
    for n, funding in enumerate(found.funding):
        where = f"{place}.funding[{n}].funder_id"
        if funding.funder_id and "ror.org" in funding.funder_id.lower():
            problems += _ror_problems(funding.funder_id, where)
    for n, item in enumerate(found.related):
        problems += _related_problems(item, f"{place}.related[{n}]")
    return problems


def _doi_problems(doi: str | None, place: str) -> list[Problem]:
    if doi is None:
        return []
    shown = repr(doi[:MAX_QUOTED_CHARS])
    if not is_doi(doi):
        reason = f"{shown} is not a DOI; a DOI looks like 10.1234/abc"
    elif is_unfinished_doi(doi):
        reason = f"{shown} ends with a sign, or has a character that nobody sees; remove it"
    else:
        return []
    return [Problem(field=place, reason=reason, suggestion=doi_inside(doi))]


def _member_problems(member: MemberIn, place: str) -> Iterator[Problem]:
    orcid = member.person.orcid if member.person else None
    if orcid is not None and normalize_orcid(orcid) is None:
        reason = (
            f"{orcid[:MAX_QUOTED_CHARS]!r} is not an ORCID iD: four groups of four characters, the"
            " last one a check digit"
        )
        where = f"{place}.person.orcid"
        yield Problem(field=where, reason=reason, suggestion=orcid_inside(orcid))
    ror = member.affiliation.ror if member.affiliation else None
    if ror is not None:
        yield from _ror_problems(ror, f"{place}.affiliation.ror")


def _ror_problems(text: str, place: str) -> Iterator[Problem]:
    url = normalize_ror(text)
    if url is None or not has_ror_checksum(url):
        why = "is not a ROR id" if url is None else "is mistyped: its last two digits are wrong"
        reason = f"{text[:MAX_QUOTED_CHARS]!r} {why}; a ROR id looks like https://ror.org/02550n020"
        yield Problem(field=place, reason=reason, suggestion=ror_inside(text))


def _related_problems(item: RelatedItemIn, place: str) -> Iterator[Problem]:
    if item.relation not in RELATIONS:
        reason = f"{item.relation[:80]!r} is not a relation type of DataCite 4.5"
        suggestion = closest_name(item.relation[:80], RELATIONS)
        yield Problem(field=f"{place}.relation", reason=reason, suggestion=suggestion)
    if identifier_type(item.identifier) is None:
        reason = f"{item.identifier[:80]!r} is not a DOI, a URL or an arXiv number (arXiv:...)"
        suggestion = doi_inside(item.identifier)
        yield Problem(field=f"{place}.identifier", reason=reason, suggestion=suggestion)
    elif is_unfinished_doi(item.identifier):
        yield from _doi_problems(item.identifier, f"{place}.identifier")


def term_problems(found: Given, place: str) -> list[Problem]:
    """Checks licence (SPDX), language (BCP 47) and the types of related works (DataCite)."""
    problems: list[Problem] = []
    if found.license is not None and normalize_license(found.license) is None:
        shown = repr(found.license[:MAX_QUOTED_CHARS])
        reason = f"{shown} is not an identifier of the SPDX list, such as CC-BY-4.0"
        suggestion = closest_license(found.license)
        problems.append(Problem(field=f"{place}.license", reason=reason, suggestion=suggestion))
    if found.language is not None and not is_language_tag(found.language):
        shown = repr(found.language[:MAX_QUOTED_CHARS])
        reason = f"{shown} is not a language tag of BCP 47, such as en or pt-BR"
        suggestion = closest_language(found.language)
        problems.append(Problem(field=f"{place}.language", reason=reason, suggestion=suggestion))
    for n, item in enumerate(found.related):
        if item.type is not None and item.type not in RESOURCE_TYPES:
            shown = repr(item.type[:MAX_QUOTED_CHARS])
            reason = f"{shown} is not a resource type of DataCite 4.5"
            where = f"{place}.related[{n}].type"
            problems.append(Problem(field=where, reason=reason, suggestion=closest_type(item.type)))
    return problems


def closest_type(text: str) -> str | None:
    """Returns the resource type of DataCite that a text means; None if unclear."""
    plain = re.sub(r"[^a-z]", "", text[:MAX_QUOTED_CHARS].lower())
    return _TYPE_ALIASES.get(plain) or closest_name(plain, RESOURCE_TYPES)


def date_problems(found: Given, place: str, profile: Profile) -> list[Problem]:
    """Checks that dates are plausible, by the ranges of the profile, and in order."""
    problems: list[Problem] = []
    for name in DATE_FIELDS:
        moment: datetime | None = getattr(found, name, None)
        if moment is not None and (reason := implausible(moment, name, profile)):
            problems.append(Problem(field=f"{place}.{name}", reason=reason))
    start, end = getattr(found, "start_date", None), getattr(found, "end_date", None)
    if start and end and end < start:
        reason = f"is before start_date, {start.isoformat()}"
        problems.append(Problem(field=f"{place}.end_date", reason=reason))
    return problems


def doi_warnings(found: Given, place: str, profile: Profile) -> list[Problem]:
    """Returns what the record lacks for a public DOI: it is registered, its DOI stays a draft."""
    return [
        Problem(
            field=f"{place}.{fields[0]}",
            reason=f"DataCite requires {name}, made from {' or '.join(fields)}; without it the"
            " record is registered, but its DOI stays a draft and does not resolve",
        )
        for name, fields in missing_properties(found, profile).items()
        if fields
    ]


def age_problems(found: Given, place: str, profile: Profile) -> Iterable[Problem]:
    """Applies the profile's rule for ages above 89 to parameters and details."""
    rules = profile.ages
    if rules.above_89 == "shown":
        return
    names = {p.name for p in found.parameters}
    for n, parameter in enumerate(found.parameters):
        is_age = parameter.name in rules.parameters and not isinstance(parameter.value, str)
        if not is_age or float(parameter.value) <= MAX_SHOWN_AGE:
            continue
        where = f"{place}.parameters[{n}].value"
        if rules.above_89 == "refused":
            reason = f"profile {profile.name} publishes no age above {MAX_SHOWN_AGE}"
            yield Problem(field=where, reason=reason, suggestion=rules.group_above_89)
        elif rules.group and rules.group not in names:
            reason = f"facets count an age above {MAX_SHOWN_AGE} by its group; add {rules.group}"
            suggestion = f"{rules.group}: {rules.group_above_89}"
            yield Problem(field=f"{place}.parameters", reason=reason, suggestion=suggestion)
