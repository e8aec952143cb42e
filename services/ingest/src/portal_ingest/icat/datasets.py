"""A dataset in ICAT with all that hangs below it: made in one transaction, changed in pieces."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import icat.exception
from portal_shared.runtime.errors import Invalid

from portal_ingest.icat.client import QuickClient, RefusedInside
from portal_ingest.icat.mapping import DatasetEntry, FileEntry, Named, ParameterEntry
from portal_ingest.icat.reference_cache import Known

ROWS_AT_ONCE = 500
AT_ONCE = 500  # files within the request that creates their dataset
ROWS = {
    bean: f"SELECT o FROM {bean} o WHERE o.dataset.id = {{owner}}"  # noqa: S608  # our own names
    for bean in ("DatasetParameter", "DatasetInstrument", "DatasetTechnique", "Datafile")
}
COUNTS = {
    bean: f"SELECT COUNT(o) FROM {bean} o WHERE o.dataset.id = {{owner}}"  # noqa: S608  # likewise
    for bean in ROWS
}
PARAMETER = "SELECT o FROM DatasetParameter o WHERE o.dataset.id = {owner} AND o.type.name = {name}"

BY_ID = "SELECT o.id FROM Dataset o WHERE o.id = {known}"


@dataclass(frozen=True)
class Wanted:
    """A dataset as it is to be, and what is known of one that may be there."""

    entry: DatasetEntry
    known: int | None
    tried: bool
    take_over: bool


class Datasets:
    def __init__(self, known: Known) -> None:
        self._known = known

    def register(self, client: QuickClient, wanted: Wanted) -> int:
        """Create it, or bring what is there to this state where that is ours to do."""
        entry = wanted.entry
        investigation = self._known.investigation(client, entry.facility, entry.investigation)
        if wanted.known is not None or wanted.tried:
            there = _is_there(client, wanted.known) or _find(client, investigation, entry.name)
            if there is not None:
                return self._there(client, there, wanted)
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
            return self._there(client, there, wanted)
        created = int(dataset.id)
        if not dataset.complete:
            self._complete(client, created, entry)
        return created

    def _there(self, client: QuickClient, there: int, wanted: Wanted) -> int:
        """Ours, or as we would have written it; else it is somebody else's."""
        if wanted.known == there or wanted.take_over:
            return self._bring_up_to(client, there, wanted.entry)
        if wanted.tried and self._is_as(client, there, wanted.entry):
            return there
        if wanted.tried and self._is_begun(client, there, wanted.entry):
            return self._bring_up_to(client, there, wanted.entry)
        reason = f"ICAT holds a dataset {wanted.entry.name!r} that the portal did not write"
        raise Invalid(f"{reason}: send the job with take_over to change it", field="name")

    def _is_as(self, client: QuickClient, there: int, entry: DatasetEntry) -> bool:
        """An answer that got lost: the dataset is there as it was to be written."""
        found = client.get("Dataset", there)
        alike = (found.complete, found.description, found.fileCount or 0, found.fileSize or 0) == (
            True,
            entry.description,
            entry.file_count,
            entry.file_size,
        )
        return alike and all(
            int(client.read(COUNTS[bean], owner=there)[0]) == count
            for bean, count in _counts(entry).items()
        )

    def _is_begun(self, client: QuickClient, there: int, entry: DatasetEntry) -> bool:
        """Only we leave a dataset incomplete, with our title, while its files are entered."""
        found = client.get("Dataset", there)
        return not found.complete and found.description == entry.description

    def _complete(self, client: QuickClient, dataset_id: int, entry: DatasetEntry) -> None:
        """The files that did not fit into the first request, then the flag."""
        _append(client, dataset_id, [_datafile(client, f) for f in (entry.files or ())[AT_ONCE:]])
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        dataset.complete = True
        dataset.fileCount, dataset.fileSize = entry.file_count, entry.file_size
        dataset.update()

    def note(
        self, client: QuickClient, facility: str, dataset_id: int, entry: ParameterEntry
    ) -> None:
        """One parameter of a dataset, made or changed."""
        wanted = self._parameter(client, facility, entry)
        for old in client.read(PARAMETER, owner=dataset_id, name=entry.name):
            if old.stringValue == wanted.stringValue:
                return
            client.delete(old)
        wanted.dataset = client.stub("dataset", dataset_id)
        wanted.create()

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
            # one transaction: what fits into it is complete as soon as it can be seen
            complete=len(entry.files or ()) <= AT_ONCE,
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
        dataset.datafiles = [_datafile(client, f) for f in (entry.files or ())[:AT_ONCE]]
        return dataset

    def _parameter(self, client: QuickClient, facility: str, entry: ParameterEntry) -> Any:
        made = client.new("datasetParameter")
        made.type = self._known.parameter_type(client, facility, entry)
        if isinstance(entry.value, str):
            made.stringValue = entry.value
        elif isinstance(entry.value, datetime):
            made.dateTimeValue = entry.value
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
        investigation = self._known.investigation(client, entry.facility, entry.investigation)
        dataset.investigation = client.stub("investigation", investigation)
        kind = self._known.of_facility(client, "DatasetType", entry.facility, entry.type)
        dataset.type = client.stub("datasetType", kind)
        if entry.sample:
            sample = self._known.sample(client, investigation, entry.sample)
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
            *(
                [("Datafile", [_datafile(client, f) for f in entry.files])]
                if entry.files is not None
                else []
            ),
        ]


def _is_there(client: QuickClient, known: int | None) -> int | None:
    found = client.read(BY_ID, known=known) if known is not None else []
    return int(found[0]) if found else None


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
    _append(client, dataset_id, wanted)


def _append(client: QuickClient, dataset_id: int, wanted: list[Any]) -> None:
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
        "endDate": entry.end,
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


def _counts(entry: DatasetEntry) -> dict[str, int]:
    told = {
        "DatasetParameter": len(entry.parameters),
        "DatasetInstrument": len(entry.instruments),
        "DatasetTechnique": len(entry.techniques),
    }
    return told if entry.files is None else {**told, "Datafile": len(entry.files)}
