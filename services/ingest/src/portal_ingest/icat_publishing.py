"""A document's DOI in ICAT: a DataCollection of its datasets, and the DataPublication of that."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

from portal_ingest.icat_client import QuickClient
from portal_ingest.icat_entry import PublicationEntry
from portal_ingest.icat_known import Known


def publish(client: QuickClient, known: Known, entry: PublicationEntry, datasets: list[int]) -> int:
    """Make them, or bring what is there to this state; returns the DataPublication's id."""
    found = client.read(
        "SELECT o FROM DataPublication o WHERE o.pid = {doi} INCLUDE o.content AS c", doi=entry.doi
    )
    if found:
        return _renew(client, found[0], entry, datasets)
    publication = client.make(
        "dataPublication",
        facility=client.stub("facility", known.facility(client, entry.facility)),
        content=client.stub("dataCollection", _collection(client, entry, datasets)),
        pid=entry.doi,
        internalId=entry.internal_id,
        title=entry.title,
        description=entry.description,
    )
    publication.users = [
        client.make(
            "dataPublicationUser",
            user=client.stub("user", known.user(client, user)),
            contributorType=user.contributor_type,
            fullName=user.full_name,
            givenName=user.given_name,
            familyName=user.family_name,
            orderKey=user.order,
        )
        for user in entry.users
    ]
    publication.create()
    return int(publication.id)


def _collection(client: QuickClient, entry: PublicationEntry, datasets: list[int]) -> int:
    """One left by a try that ended here is used again."""
    found = client.read("SELECT o.id FROM DataCollection o WHERE o.doi = {doi}", doi=entry.doi)
    if found:
        _add_missing(client, int(found[0]), datasets)
        return int(found[0])
    collection = client.make("dataCollection", doi=entry.doi)
    collection.dataCollectionDatasets = [
        client.make("dataCollectionDataset", dataset=client.stub("dataset", d)) for d in datasets
    ]
    collection.create()
    return int(collection.id)


def _add_missing(client: QuickClient, collection: int, datasets: list[int]) -> None:
    rows = client.read(
        "SELECT o.dataset.id FROM DataCollectionDataset o WHERE o.dataCollection.id = {owner}",
        owner=collection,
    )
    there = {int(row) for row in rows}
    for missing in [d for d in datasets if d not in there]:
        client.make(
            "dataCollectionDataset",
            dataCollection=client.stub("dataCollection", collection),
            dataset=client.stub("dataset", missing),
        ).create()


def _renew(client: QuickClient, found: Any, entry: PublicationEntry, datasets: list[int]) -> int:
    if found.content is not None:
        _add_missing(client, int(found.content.id), datasets)
    publication = client.get("DataPublication INCLUDE 1", int(found.id))
    if (publication.title, publication.description) != (entry.title, entry.description):
        publication.title, publication.description = entry.title, entry.description
        publication.update()
    return int(found.id)
