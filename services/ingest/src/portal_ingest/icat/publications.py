"""A document's DOI in ICAT: a DataCollection of its datasets, and the DataPublication of that."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal_ingest.icat import collections
from portal_ingest.icat.client import QuickClient
from portal_ingest.icat.mapping import SHORT, PublicationEntry, UserEntry, cut
from portal_ingest.icat.reference_cache import Known


def publish(client: QuickClient, known: Known, entry: PublicationEntry, datasets: list[int]) -> int:
    """Make them, or bring what is there to this state; returns the DataPublication's id."""
    found = client.read(
        "SELECT o FROM DataPublication o WHERE o.pid = {doi} INCLUDE o.content AS c", doi=entry.doi
    )
    if found:
        return _renew(client, known, found[0], entry, datasets)
    made = collections.made(client, known, entry, datasets)
    publication = client.make(
        "dataPublication",
        facility=client.stub("facility", known.facility(client, entry.facility)),
        content=client.stub("dataCollection", made),
        type=client.stub("dataPublicationType", _type(client, known, entry)),
        pid=entry.doi,
        internalId=entry.internal_id,
        title=entry.title,
        description=entry.description,
        publicationDate=entry.published,
    )
    for part in PARTS:
        setattr(publication, part.relation, part.built(client, known, entry))
    publication.create()
    return int(publication.id)


def _type(client: QuickClient, known: Known, entry: PublicationEntry) -> int:
    return known.of_facility(client, "DataPublicationType", entry.facility, entry.type)


def _users(client: QuickClient, known: Known, entry: PublicationEntry) -> list[Any]:
    return [_user(client, known, user) for user in entry.users]


def _user(client: QuickClient, known: Known, user: UserEntry) -> Any:
    made = client.make(
        "dataPublicationUser",
        user=client.stub("user", known.user(client, user)),
        contributorType=user.contributor_type,
        fullName=user.full_name,
        givenName=user.given_name,
        familyName=user.family_name,
        orderKey=user.order,
    )
    if user.affiliation:
        place = user.affiliation
        made.affiliations = [
            client.make("affiliation", name=place.name, pid=place.pid, fullReference=place.name)
        ]
    return made


def _dates(client: QuickClient, _known: Known, entry: PublicationEntry) -> list[Any]:
    return [client.make("dataPublicationDate", dateType=k, date=d) for k, d in entry.dates]


def _funding(client: QuickClient, known: Known, entry: PublicationEntry) -> list[Any]:
    ids = dict.fromkeys(known.funding(client, given) for given in entry.funding)
    return [
        client.make("dataPublicationFunding", funding=client.stub("fundingReference", one))
        for one in ids
    ]


def _related(client: QuickClient, _known: Known, entry: PublicationEntry) -> list[Any]:
    return [
        client.make(
            "relatedItem",
            identifier=one.identifier,
            relationType=one.relation,
            title=cut(one.title, SHORT) if one.title else None,
            relatedItemType=one.type,
        )
        for one in entry.related
    ]


def _subjects(client: QuickClient, _known: Known, entry: PublicationEntry) -> list[Any]:
    return [client.make("subject", name=name) for name in entry.subjects]


@dataclass(frozen=True)
class Part:
    """What hangs below a publication: the relation, its bean, the way back, and its key."""

    relation: str
    bean: str
    owner: str
    key: str  # by which it is compared with what is there
    built: Callable[[QuickClient, Known, PublicationEntry], list[Any]]


PARTS = (
    Part("users", "DataPublicationUser", "publication", "fullName", _users),
    Part("dates", "DataPublicationDate", "publication", "date", _dates),
    Part("fundingReferences", "DataPublicationFunding", "dataPublication", "funding.id", _funding),
    Part("relatedItems", "RelatedItem", "publication", "identifier", _related),
    Part("subjects", "Subject", "dataPublication", "name", _subjects),
)


def _bring_up_to(
    client: QuickClient, known: Known, publication: int, entry: PublicationEntry
) -> None:
    """What hangs below it, where it is not as it is to be."""
    for part in PARTS:
        wanted = part.built(client, known, entry)
        rows = client.read(  # our own names
            f"SELECT o FROM {part.bean} o WHERE o.{part.owner}.id = {{owner}} INCLUDE 1",  # noqa: S608
            owner=publication,
        )
        if sorted(_key(row, part) for row in rows) == sorted(_key(one, part) for one in wanted):
            continue
        if rows:
            client.deleteMany(rows)
        for one in wanted:
            setattr(one, part.owner, client.stub("dataPublication", publication))
            one.create()


def _key(row: Any, part: Part) -> str:
    value = row
    for name in part.key.split("."):
        value = getattr(value, name)
    return str(value)


def _renew(
    client: QuickClient, known: Known, found: Any, entry: PublicationEntry, datasets: list[int]
) -> int:
    if found.content is not None:
        collections.bring_up_to(client, known, int(found.content.id), entry, datasets)
    publication = client.get("DataPublication INCLUDE 1", int(found.id))
    if (publication.title, publication.description) != (entry.title, entry.description):
        publication.title, publication.description = entry.title, entry.description
        publication.update()
    _bring_up_to(client, known, int(found.id), entry)
    return int(found.id)
