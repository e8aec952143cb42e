"""Writes a document's DOI to ICAT: a DataCollection of its datasets, and its DataPublication."""

from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any, cast

from portal_ingest.icat import collections
from portal_ingest.icat.client import IcatClient
from portal_ingest.icat.mapping import PublicationEntry, UserEntry
from portal_ingest.icat.names import SHORT, cut
from portal_ingest.icat.reference_cache import ReferenceCache

BY_DOI = "SELECT o.id, o.pid, o.content.id FROM DataPublication o WHERE o.pid IN {dois}"
RELATIONS = (
    "SELECT o.id, o.publication.id, o.relationType, o.identifier FROM RelatedItem o"
    " WHERE o.publication.id IN {ids}"
)


@dataclass(frozen=True)
class StoredPublication:
    """What ICAT has of a document: relations and identifiers, and ids of its datasets."""

    relations: set[tuple[str, str]]
    datasets: set[int]


def find_published(client: IcatClient, dois: Sequence[str]) -> dict[str, StoredPublication]:
    """Returns the publications of those of the DOIs that have one."""
    rows = client.read_all(BY_DOI, dois=dois) if dois else []
    if not rows:
        return {}
    relations: dict[int, set[tuple[str, str]]] = {}
    for _, publication, relation, identifier in client.read_all(
        RELATIONS, ids=[r[0] for r in rows]
    ):
        relations.setdefault(int(publication), set()).add((str(relation), str(identifier)))
    members = collections.find_members(client, [int(row[2]) for row in rows])
    return {
        str(doi): StoredPublication(
            relations.get(int(row), set()), members.get(int(content), set())
        )
        for row, doi, content in rows
    }


def publish(
    client: IcatClient, references: ReferenceCache, entry: PublicationEntry, datasets: list[int]
) -> int:
    """Creates or updates collection and publication; returns the DataPublication's id."""
    found = client.read(
        "SELECT o FROM DataPublication o WHERE o.pid = {doi} INCLUDE o.content AS c", doi=entry.doi
    )
    if found:
        return _update(client, references, found[0], entry, datasets)
    collection = collections.create(client, references, entry, datasets)
    publication = client.make(
        "dataPublication",
        facility=client.stub("facility", references.facility(client, entry.facility)),
        content=client.stub("dataCollection", collection),
        type=client.stub("dataPublicationType", _type(client, references, entry)),
        pid=entry.doi,
        internalId=entry.internal_id,
        title=entry.title,
        description=entry.description,
        publicationDate=entry.published,
    )
    for part in PARTS:
        setattr(publication, part.relation, part.build(client, references, entry))
    publication.create()
    return int(publication.id)


def retract(client: IcatClient, doi: str) -> None:
    """Deletes the DataPublication of a DOI, if there is one; its DataCollection stays."""
    found = client.read("SELECT o FROM DataPublication o WHERE o.pid = {doi}", doi=doi)
    if found:
        client.deleteMany(found)


def _type(client: IcatClient, references: ReferenceCache, entry: PublicationEntry) -> int:
    return references.of_facility(client, "DataPublicationType", entry.facility, entry.type)


def _users(client: IcatClient, references: ReferenceCache, entry: PublicationEntry) -> list[Any]:
    return [_user(client, references, user) for user in entry.users]


def _user(client: IcatClient, references: ReferenceCache, user: UserEntry) -> Any:
    author = client.make(
        "dataPublicationUser",
        user=client.stub("user", references.user(client, user)),
        contributorType=user.contributor_type,
        fullName=user.full_name,
        givenName=user.given_name,
        familyName=user.family_name,
        orderKey=user.order,
    )
    if user.affiliation:
        place = user.affiliation
        author.affiliations = [
            client.make("affiliation", name=place.name, pid=place.pid, fullReference=place.name)
        ]
    return author


def _dates(client: IcatClient, _references: ReferenceCache, entry: PublicationEntry) -> list[Any]:
    return [client.make("dataPublicationDate", dateType=k, date=d) for k, d in entry.dates]


def _funding(client: IcatClient, references: ReferenceCache, entry: PublicationEntry) -> list[Any]:
    ids = dict.fromkeys(references.funding(client, given) for given in entry.funding)
    return [
        client.make("dataPublicationFunding", funding=client.stub("fundingReference", one))
        for one in ids
    ]


def _related(client: IcatClient, _references: ReferenceCache, entry: PublicationEntry) -> list[Any]:
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


def _subjects(
    client: IcatClient, _references: ReferenceCache, entry: PublicationEntry
) -> list[Any]:
    return [client.make("subject", name=name) for name in entry.subjects]


@dataclass(frozen=True)
class Part:
    """A list of objects that belong to a publication."""

    relation: str  # attribute of the publication
    bean: str
    owner: str  # attribute that refers to the publication
    keys: tuple[str, ...]  # attributes by which stored objects are compared with new ones
    build: Callable[[IcatClient, ReferenceCache, PublicationEntry], list[Any]]
    include: str = ""  # relations that the keys need


PARTS = (
    Part(
        "users",
        "DataPublicationUser",
        "publication",
        (
            "orderKey",
            "user.id",
            "fullName",
            "givenName",
            "familyName",
            "affiliations.name",
            "affiliations.pid",
        ),
        _users,
        include="o.user, o.affiliations",
    ),
    Part("dates", "DataPublicationDate", "publication", ("dateType", "date"), _dates),
    Part(
        "fundingReferences",
        "DataPublicationFunding",
        "dataPublication",
        ("funding.id",),
        _funding,
        include="o.funding",
    ),
    Part(
        "relatedItems",
        "RelatedItem",
        "publication",
        ("identifier", "relationType", "title", "relatedItemType"),
        _related,
    ),
    Part("subjects", "Subject", "dataPublication", ("name",), _subjects),
)


def _update_parts(
    client: IcatClient, references: ReferenceCache, publication: int, entry: PublicationEntry
) -> None:
    """Replaces the lists that changed."""
    for part in PARTS:
        objects = part.build(client, references, entry)
        rows = client.read_all(
            f"SELECT o FROM {part.bean} o WHERE o.{part.owner}.id = {{owner}}",  # noqa: S608  # our own names
            include=part.include,
            owner=publication,
        )
        if sorted(_key(row, part) for row in rows) == sorted(_key(one, part) for one in objects):
            continue
        if rows:
            client.deleteMany(rows)
        for one in objects:
            setattr(one, part.owner, client.stub("dataPublication", publication))
            one.create()


def _key(row: Any, part: Part) -> tuple[str, ...]:
    return tuple(_texts(row, key.split(".")) for key in part.keys)


def _texts(value: Any, path: Sequence[str]) -> str:
    """Returns the attribute at the end of the path as text; of a list, those of all its items."""
    if isinstance(value, MutableSequence):
        return ", ".join(sorted(_texts(one, path) for one in cast("list[Any]", value)))
    if not path:
        return "" if value is None else str(value)
    return _texts(getattr(value, path[0]), path[1:])


def _update(
    client: IcatClient,
    references: ReferenceCache,
    found: Any,
    entry: PublicationEntry,
    datasets: list[int],
) -> int:
    if found.content is not None:
        collections.update(client, references, int(found.content.id), entry, datasets)
    publication = client.get("DataPublication INCLUDE 1", int(found.id))
    if (publication.title, publication.description) != (entry.title, entry.description):
        publication.title, publication.description = entry.title, entry.description
        publication.update()
    _update_parts(client, references, int(found.id), entry)
    return int(found.id)
