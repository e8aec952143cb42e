"""A dataset in ICAT with all that hangs below it: made in one transaction, changed in pieces."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

import icat.exception

from portal_ingest.icat_client import QuickClient, RefusedInside
from portal_ingest.icat_entry import DatasetEntry, FileEntry, Named, ParameterEntry
from portal_ingest.icat_known import Known

ROWS_AT_ONCE = 500
ROWS = {
    bean: f"SELECT o FROM {bean} o WHERE o.dataset.id = {{owner}}"  # noqa: S608  # our own names
    for bean in ("DatasetParameter", "DatasetInstrument", "DatasetTechnique", "Datafile")
}


class Datasets:
    def __init__(self, known: Known) -> None:
        self._known = known

    def create(self, client: QuickClient, entry: DatasetEntry) -> int:
        """One nested object, one transaction; found there already, it is brought to this state."""
        investigation = self._known.investigation(client, entry.facility, entry.investigation)
        dataset = self._built(client, entry, investigation)
        try:
            dataset.create()
        except (
            icat.exception.ICATObjectExistsError,
            RefusedInside,
            icat.exception.ICATInternalError,
        ):
            there = _find(client, investigation, entry.name)
            if there is None:
                raise
            return self._bring_up_to(client, there, entry)
        return int(dataset.id)

    def change(self, client: QuickClient, entry: DatasetEntry) -> int:
        """Bring what may be there to this state, or create it."""
        investigation = self._known.investigation(client, entry.facility, entry.investigation)
        there = _find(client, investigation, entry.name)
        if there is None:
            return self.create(client, entry)
        return self._bring_up_to(client, there, entry)

    def set_doi(self, client: QuickClient, dataset_id: int, doi: str) -> None:
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        if dataset.doi != doi:
            dataset.doi = doi
            dataset.update()

    def _built(self, client: QuickClient, entry: DatasetEntry, investigation: int) -> Any:
        kind = self._known.of_facility(client, "DatasetType", entry.facility, entry.type)
        dataset = client.make(
            "dataset",
            investigation=client.stub("investigation", investigation),
            type=client.stub("datasetType", kind),
            complete=True,  # it is, as soon as it can be seen
            **_attributes(entry),
        )
        if entry.sample:
            sample = self._known.sample(client, investigation, entry.sample)
            dataset.sample = client.stub("sample", sample)
        dataset.parameters = [self._parameter(client, entry.facility, p) for p in entry.parameters]
        dataset.datasetInstruments = [
            self._instrument(client, entry.facility, i) for i in entry.instruments
        ]
        dataset.datasetTechniques = [self._technique(client, t) for t in entry.techniques]
        dataset.datafiles = [_datafile(client, f) for f in entry.files]
        return dataset

    def _parameter(self, client: QuickClient, facility: str, entry: ParameterEntry) -> Any:
        made = client.new("datasetParameter")
        made.type = self._known.parameter_type(client, facility, entry)
        if isinstance(entry.value, str):
            made.stringValue = entry.value
        else:
            made.numericValue = entry.value
        return made

    def _instrument(self, client: QuickClient, facility: str, entry: Named) -> Any:
        found = self._known.of_facility(
            client, "Instrument", facility, entry.name, fullName=entry.full_name, pid=entry.pid
        )
        return client.make("datasetInstrument", instrument=client.stub("instrument", found))

    def _technique(self, client: QuickClient, entry: Named) -> Any:
        found = self._known.technique(client, entry)
        return client.make("datasetTechnique", technique=client.stub("technique", found))

    def _bring_up_to(self, client: QuickClient, dataset_id: int, entry: DatasetEntry) -> int:
        """Equal to the entry: not complete, attributes, what hangs below, complete."""
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        if entry.sample:
            sample = self._known.sample(client, int(dataset.investigation.id), entry.sample)
            dataset.sample = client.stub("sample", sample)
        for name, value in _attributes(entry).items():
            setattr(dataset, name, value)
        dataset.complete = False
        dataset.update()
        for bean, wanted in self._children(client, entry):
            _replace(client, dataset_id, bean, wanted)
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        dataset.complete = True
        dataset.fileCount, dataset.fileSize = entry.file_count, entry.file_size
        dataset.update()
        return dataset_id

    def _children(self, client: QuickClient, entry: DatasetEntry) -> list[tuple[str, list[Any]]]:
        facility = entry.facility
        return [
            ("DatasetParameter", [self._parameter(client, facility, p) for p in entry.parameters]),
            (
                "DatasetInstrument",
                [self._instrument(client, facility, i) for i in entry.instruments],
            ),
            ("DatasetTechnique", [self._technique(client, t) for t in entry.techniques]),
            ("Datafile", [_datafile(client, f) for f in entry.files]),
        ]


def _find(client: QuickClient, investigation: int, name: str) -> int | None:
    found = client.read(
        "SELECT o.id FROM Dataset o WHERE o.investigation.id = {owner} AND o.name = {name}",
        owner=investigation,
        name=name,
    )
    return int(found[0]) if found else None


def _replace(client: QuickClient, dataset_id: int, bean: str, wanted: list[Any]) -> None:
    old = client.read(ROWS[bean], owner=dataset_id)
    if old:
        client.deleteMany(old)
    for start in range(0, len(wanted), ROWS_AT_ONCE):
        chunk = wanted[start : start + ROWS_AT_ONCE]
        for one in chunk:
            one.dataset = client.stub("dataset", dataset_id)
        client.createMany(chunk)


def _attributes(entry: DatasetEntry) -> dict[str, Any]:
    told = {
        "name": entry.name,
        "description": entry.description,
        "location": entry.location,
        "doi": entry.doi,
        "startDate": entry.start,
        "endDate": entry.start,
        "fileCount": entry.file_count,
        "fileSize": entry.file_size,
    }
    return {name: value for name, value in told.items() if value is not None}


def _datafile(client: QuickClient, entry: FileEntry) -> Any:
    return client.make(
        "datafile",
        name=entry.name,
        location=entry.location,
        fileSize=entry.size,
        checksum=entry.checksum,
    )
