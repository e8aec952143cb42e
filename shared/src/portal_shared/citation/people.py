"""Maps members of a record to DataCite creators and contributors, in the given order."""

import re
from collections.abc import Iterable
from typing import Any

from portal_shared.contracts.identifiers import normalize_orcid, normalize_ror
from portal_shared.contracts.records import Affiliation, Member, Person

Part = dict[str, Any]

# The contributorType of DataCite nearest to each CRediT role; others become Other.
CONTRIBUTOR_TYPES = {
    "conceptualization": "Researcher",
    "data curation": "DataCurator",
    "formal analysis": "Researcher",
    "investigation": "DataCollector",
    "methodology": "Researcher",
    "project administration": "ProjectManager",
    "supervision": "Supervisor",
    "validation": "Researcher",
    "writing - review & editing": "Editor",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str | None) -> str:
    """Returns the text without characters that XML cannot hold and without outer whitespace."""
    return _NOT_XML.sub("", text or "").strip()


def creators(members: Iterable[Member]) -> list[Part]:
    """Returns every member with a name, each once."""
    found: list[Part] = []
    for member in members:
        made = _agent(member)
        if made and made not in found:
            found.append(made)
    return found


def contributors(members: Iterable[Member]) -> list[Part]:
    """Returns one entry for each member and contributorType of its roles."""
    found: list[Part] = []
    for member in members:
        made = _agent(member)
        types = [CONTRIBUTOR_TYPES.get(role.strip().lower(), "Other") for role in member.roles]
        for kind in dict.fromkeys(types):
            if made and {**made, "contributorType": kind} not in found:
                found.append({**made, "contributorType": kind})
    return found


def _agent(member: Member) -> Part | None:
    """Returns the person or organisation; None for a member without any name."""
    affiliations = [_affiliation(member.affiliation)] if member.affiliation else []
    if member.person and clean(member.person.full_name):
        return _person(member.person, [a for a in affiliations if a])
    if affiliations and affiliations[0]:
        return {"name": affiliations[0]["name"], "nameType": "Organizational"}
    return None


def _person(person: Person, affiliations: list[Part]) -> Part:
    made: Part = {"name": clean(person.full_name)}
    family, given = clean(person.last_name), clean(person.first_name)
    if person.organisation:
        made["nameType"] = "Organizational"
    else:
        made["nameType"] = "Personal"
        if family and given:
            made |= {"name": f"{family}, {given}", "givenName": given, "familyName": family}
    identifier = normalize_orcid(person.orcid)
    if identifier:
        made["nameIdentifiers"] = [
            {
                "nameIdentifier": f"https://orcid.org/{identifier}",
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    if affiliations:
        made["affiliation"] = affiliations
    return made


def _affiliation(affiliation: Affiliation) -> Part | None:
    name = clean(affiliation.name)
    if not name:
        return None
    made: Part = {"name": name}
    identifier = normalize_ror(affiliation.ror)
    if identifier:
        made |= {
            "affiliationIdentifier": identifier,
            "affiliationIdentifierScheme": "ROR",
            "schemeUri": "https://ror.org",
        }
    return made
