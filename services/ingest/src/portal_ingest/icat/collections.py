"""DataCollection: the datasets of a DOI, told of as ESRF's catalogue does, by parameters."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

from portal_ingest.icat.client import QuickClient
from portal_ingest.icat.mapping import ParameterEntry, PublicationEntry
from portal_ingest.icat.reference_cache import Known

PARAMETERS = (
    "SELECT o FROM DataCollectionParameter o WHERE o.dataCollection.id = {owner} INCLUDE o.type"
)


def made(client: QuickClient, known: Known, entry: PublicationEntry, datasets: list[int]) -> int:
    """The id of the one with this DOI; one left by a try that ended here is used again."""
    found = client.read("SELECT o.id FROM DataCollection o WHERE o.doi = {doi}", doi=entry.doi)
    if found:
        bring_up_to(client, known, int(found[0]), entry, datasets)
        return int(found[0])
    collection = client.make("dataCollection", doi=entry.doi)
    collection.dataCollectionDatasets = [
        client.make("dataCollectionDataset", dataset=client.stub("dataset", d)) for d in datasets
    ]
    collection.parameters = _parameters(client, known, entry)
    collection.create()
    return int(collection.id)


def bring_up_to(
    client: QuickClient, known: Known, collection: int, entry: PublicationEntry, datasets: list[int]
) -> None:
    """With these datasets, whatever others it has, and these words."""
    _add_missing(client, collection, datasets)
    there = {row.type.name: row for row in client.read(PARAMETERS, owner=collection)}
    for wanted in _parameters(client, known, entry):
        old = there.get(wanted.type.name)
        if old is not None and old.stringValue == wanted.stringValue:
            continue
        if old is not None:
            client.delete(old)
        wanted.dataCollection = client.stub("dataCollection", collection)
        wanted.create()


def _parameters(client: QuickClient, known: Known, entry: PublicationEntry) -> list[Any]:
    """Without those whose type the facility does not allow for a DataCollection."""
    found: list[Any] = []
    for name, text in (("title", entry.title), ("abstract", entry.description)):
        parameter = client.new("dataCollectionParameter")
        told = ParameterEntry(name, "", text)
        parameter.type = known.parameter_type(client, entry.facility, told)
        parameter.stringValue = text
        if parameter.type.applicableToDataCollection:
            found.append(parameter)
    return found


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
