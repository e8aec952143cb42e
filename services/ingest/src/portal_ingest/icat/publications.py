"""Writes a document's DOI to ICAT: a DataCollection of its datasets, and its DataPublication."""

from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any, cast

from portal_ingest.icat import collections
from portal_ingest.icat.client import IcatClient, literal
from portal_ingest.icat.mapping import PublicationEntry, UserEntry
from portal_ingest.icat.names import SHORT, cut
from portal_ingest.icat.reference_cache import ReferenceCache


def find_published(client: IcatClient, dois: Sequence[str]) -> set[str]:
    """Returns those of the DOIs that have a DataPublication."""
    if not dois:
        return set()
    among = ", ".join(literal(doi) for doi in dois)
    found = client.search(f"SELECT o.pid FROM DataPublication o WHERE o.pid IN ({among})")  # noqa: S608  # quoted
    return {str(pid) for pid in found}


def find_relations(client: IcatClient, dois: Sequence[str]) -> dict[str, set[tuple[str, str]]]:
    """Returns the relations and identifiers of the related items, by the publication's DOI."""
    if not dois:
        return {}
    among = ", ".join(literal(doi) for doi in dois)
    rows = client.search(
        f"SELECT o FROM RelatedItem o WHERE o.publication.pid IN ({among})"  # noqa: S608  # quoted
        " INCLUDE o.publication"
    )
    found: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        relation = (str(row.relationType), str(row.identifier))
        found.setdefault(str(row.publication.pid), set()).add(relation)
    return found


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
    include: str = "1"  # relations that the keys need


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
        "fundingReferences", "DataPublicationFunding", "dataPublication", ("funding.id",), _funding
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
        rows = client.read(
            f"SELECT o FROM {part.bean} o"  # noqa: S608  # our own names
            f" WHERE o.{part.owner}.id = {{owner}} INCLUDE {part.include}",
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
