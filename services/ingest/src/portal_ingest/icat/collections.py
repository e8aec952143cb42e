"""Writes DataCollections: the datasets of a DOI, described by parameters as in ESRF's ICAT."""

from collections.abc import Sequence
from typing import Any

from portal_ingest.icat.client import IcatClient
from portal_ingest.icat.mapping import ParameterEntry, PublicationEntry
from portal_ingest.icat.reference_cache import ReferenceCache

PARAMETERS = "SELECT o FROM DataCollectionParameter o WHERE o.dataCollection.id = {owner}"
MEMBERS = (
    "SELECT o.id, o.dataCollection.id, o.dataset.id FROM DataCollectionDataset o"
    " WHERE o.dataCollection.id IN {ids}"
)
MAX_REQUEST_ROWS = 500


def find_members(client: IcatClient, ids: Sequence[int]) -> dict[int, set[int]]:
    """Returns the ids of the datasets of these DataCollections, by the collection's id."""
    found: dict[int, set[int]] = {}
    for _, collection, dataset in client.read_all(MEMBERS, ids=ids):
        found.setdefault(int(collection), set()).add(int(dataset))
    return found


def create(
    client: IcatClient, references: ReferenceCache, entry: PublicationEntry, datasets: list[int]
) -> int:
    """Returns the id of the DOI's DataCollection; updates one that an interrupted try created."""
    found = client.read("SELECT o.id FROM DataCollection o WHERE o.doi = {doi}", doi=entry.doi)
    if found:
        update(client, references, int(found[0]), entry, datasets)
        return int(found[0])
    collection = client.make("dataCollection", doi=entry.doi)
    collection.dataCollectionDatasets = [
        client.make("dataCollectionDataset", dataset=client.stub("dataset", d)) for d in datasets
    ]
    collection.parameters = _parameters(client, references, entry)
    collection.create()
    return int(collection.id)


def update(
    client: IcatClient,
    references: ReferenceCache,
    collection: int,
    entry: PublicationEntry,
    datasets: list[int],
) -> None:
    """Adds the datasets that are missing, removes none, and replaces changed parameters."""
    _add_missing(client, collection, datasets)
    rows = client.read_all(PARAMETERS, include="o.type", owner=collection)
    stored = {row.type.name: row for row in rows}
    for parameter in _parameters(client, references, entry):
        old = stored.get(parameter.type.name)
        if old is not None and old.stringValue == parameter.stringValue:
            continue
        if old is not None:
            client.delete(old)
        parameter.dataCollection = client.stub("dataCollection", collection)
        parameter.create()


def _parameters(
    client: IcatClient, references: ReferenceCache, entry: PublicationEntry
) -> list[Any]:
    """Returns title and abstract, if the facility allows their types for a DataCollection."""
    found: list[Any] = []
    for name, text in (("title", entry.title), ("abstract", entry.description)):
        parameter = client.new("dataCollectionParameter")
        parameter.type = references.parameter_type(
            client, entry.facility, ParameterEntry(name, "", text)
        )
        parameter.stringValue = text
        if parameter.type.applicableToDataCollection:
            found.append(parameter)
    return found


def _add_missing(client: IcatClient, collection: int, datasets: Sequence[int]) -> None:
    stored = {int(row[2]) for row in client.read_all(MEMBERS, ids=[collection])}
    missing = [
        client.make(
            "dataCollectionDataset",
            dataCollection=client.stub("dataCollection", collection),
            dataset=client.stub("dataset", one),
        )
        for one in datasets
        if one not in stored
    ]
    for start in range(0, len(missing), MAX_REQUEST_ROWS):
        client.createMany(missing[start : start + MAX_REQUEST_ROWS])
