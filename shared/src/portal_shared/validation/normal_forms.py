"""Brings identifiers of a record to their normal forms, where the meaning is certain."""

from typing import Any, TypeVar

from portal_shared.citation.relations import identifier_type
from portal_shared.contracts.identifiers import (
    bare_doi,
    is_orcid,
    normalize_orcid,
    normalize_ror,
)
from portal_shared.contracts.jobs import (
    AffiliationIn,
    DatasetIn,
    DocumentIn,
    FundingIn,
    MemberIn,
    PersonIn,
    RelatedItemIn,
)
from portal_shared.contracts.licenses import normalize_license

Given = TypeVar("Given", DatasetIn, DocumentIn)
_DOI_FORMS = ("10.", "https://doi.org/10.")  # that stay as they are


def with_normal_forms(given: Given) -> Given:
    """Returns the record with its DOIs, ORCID iDs, RORs and licence in their normal forms.

    What has no normal form stays: the rules report it.
    """
    update: dict[str, Any] = {
        "members": tuple(map(_member, given.members)),
        "funding": tuple(map(_funding, given.funding)),
        "related": tuple(map(_related, given.related)),
    }
    if given.license is not None:
        update["license"] = normalize_license(given.license) or given.license
    return given.model_copy(update=update)


def _member(member: MemberIn) -> MemberIn:
    person, affiliation = member.person, member.affiliation
    update: dict[str, PersonIn | AffiliationIn] = {}
    if person and person.orcid and not is_orcid(person.orcid):
        orcid = normalize_orcid(person.orcid) or person.orcid
        update["person"] = person.model_copy(update={"orcid": orcid})
    if affiliation and affiliation.ror:
        ror = normalize_ror(affiliation.ror) or affiliation.ror
        update["affiliation"] = affiliation.model_copy(update={"ror": ror})
    return member.model_copy(update=update) if update else member


def _funding(funding: FundingIn) -> FundingIn:
    ror = normalize_ror(funding.funder_id)
    return funding.model_copy(update={"funder_id": ror}) if ror else funding


def _related(item: RelatedItemIn) -> RelatedItemIn:
    text = item.identifier
    if identifier_type(text) != "DOI" or (text.startswith(_DOI_FORMS) and "%" not in text):
        return item
    return item.model_copy(update={"identifier": bare_doi(text)})
