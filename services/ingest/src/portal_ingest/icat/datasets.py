"""Writes datasets to ICAT: creates them in one transaction, updates them in several.

A dataset with more files than fit into one request is marked incomplete until all are written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import icat.exception
from portal_shared.runtime.errors import Invalid

from portal_ingest.icat.client import DatabaseRefusal, IcatClient
from portal_ingest.icat.mapping import DatasetEntry, FileEntry, ParameterEntry, SharedEntity
from portal_ingest.icat.reference_cache import ReferenceCache

MAX_REQUEST_ROWS = 500
MAX_FIRST_FILES = 500  # files in the request that creates their dataset
ROWS = {
    bean: f"SELECT o FROM {bean} o WHERE o.dataset.id = {{owner}}"  # noqa: S608  # our own names
    for bean in ("DatasetParameter", "DatasetInstrument", "DatasetTechnique", "Datafile")
}
COUNTS = {
    bean: f"SELECT COUNT(o) FROM {bean} o WHERE o.dataset.id = {{owner}}"  # noqa: S608  # likewise
    for bean in ROWS
}
PARAMETER = (
    "SELECT o FROM DatasetParameter o WHERE o.dataset.id = {owner} AND o.type.id = {type_id}"
)
FILE_SIZES = (
    "SELECT o.id, o.fileSize FROM Datafile o"
    " WHERE o.dataset.id = {owner} AND o.fileSize IS NOT NULL"
)
BY_ID = "SELECT o.id FROM Dataset o WHERE o.id = {known_id}"


@dataclass(frozen=True)
class DatasetWrite:
    """The dataset to write, and what is known about one that may exist."""

    entry: DatasetEntry
    known_id: int | None  # of the registered dataset
    maybe_written: bool  # an earlier attempt may have succeeded
    take_over: bool  # also change a dataset that others wrote


@dataclass(frozen=True)
class StoredDataset:
    """What ICAT has of a dataset: its DOI, and the number and bytes of its files."""

    doi: str | None
    counts: tuple[int, int]


def find_datasets(client: IcatClient, ids: Sequence[int]) -> dict[int, StoredDataset]:
    """Returns those of these datasets that exist, by ICAT id."""
    if not ids:
        return {}
    found = client.read_all("SELECT o FROM Dataset o WHERE o.id IN {ids}", ids=ids)
    return {
        int(one.id): StoredDataset(one.doi, (one.fileCount or 0, one.fileSize or 0))
        for one in found
    }


def count_files(client: IcatClient, dataset_id: int) -> tuple[int, int]:
    """Returns number and bytes of the dataset's files in ICAT, as its triggers count them."""
    sizes = [int(row[1]) for row in client.read_all(FILE_SIZES, owner=dataset_id)]
    return int(client.read(COUNTS["Datafile"], owner=dataset_id)[0]), sum(sizes)


class NameTaken(Exception):
    """ICAT has a dataset of this name that is not known to be the one to write."""

    def __init__(self, icat_id: int) -> None:
        super().__init__(icat_id)
        self.icat_id = icat_id


class DatasetWriter:
    def __init__(self, references: ReferenceCache) -> None:
        self._references = references
        self._database_counts: bool | None = None  # whether ICAT's triggers count files

    def register(self, client: IcatClient, write: DatasetWrite) -> int:
        """Creates the dataset, or updates the existing one; returns its id."""
        entry = write.entry
        investigation = self._references.investigation(client, entry.facility, entry.investigation)
        if write.known_id is not None or write.maybe_written:
            existing = _by_id(client, write.known_id) or _find(client, investigation, entry.name)
            if existing is not None:
                return self._reconcile_existing(client, existing, write)
        dataset = self._build(client, entry, investigation)
        try:
            dataset.create()
        except (
            icat.exception.ICATObjectExistsError,
            DatabaseRefusal,
            icat.exception.ICATInternalError,
        ):
            existing = _find(client, investigation, entry.name)
            if existing is None:
                _refuse_taken(client, investigation, entry.name)
                raise
            return self._reconcile_existing(client, existing, write)
        created = int(dataset.id)
        if not dataset.complete:
            self._finish(client, created, entry)
        elif entry.files and dataset.fileCount is None and self._database_counts is not True:
            if self._database_counts is None:
                self._find_out_who_counts(client, created)
            self._complete(client, created, entry)
        return created

    def _reconcile_existing(self, client: IcatClient, existing: int, write: DatasetWrite) -> int:
        """Updates the dataset if it is this one, or if it may take it over. Raises NameTaken."""
        if write.known_id == existing or write.take_over:
            return self._update(client, existing, write.entry)
        if write.maybe_written and self._matches(client, existing, write.entry):
            return existing
        if write.maybe_written and self._is_partial(client, existing, write.entry):
            return self._update(client, existing, write.entry)
        raise NameTaken(existing)

    def _matches(self, client: IcatClient, existing: int, entry: DatasetEntry) -> bool:
        """Returns whether an earlier attempt wrote the dataset, and only its response was lost."""
        found = client.get("Dataset", existing)
        equal = (found.complete, found.description) == (True, entry.description)
        return (
            equal
            and self._has_counts(client, found, entry)
            and all(
                int(client.read(COUNTS[bean], owner=existing)[0]) == count
                for bean, count in _counts(entry).items()
            )
        )

    def _has_counts(self, client: IcatClient, found: Any, entry: DatasetEntry) -> bool:
        """Returns whether a dataset has the counts of the entry, or those of ICAT's triggers."""
        if self._database_counts:
            return True
        counts = (found.fileCount or 0, found.fileSize or 0)
        if counts == (entry.file_count, entry.file_size):
            return True
        is_counted = self._database_counts is None and counts != (0, 0)
        return is_counted and counts == count_files(client, int(found.id))

    def _is_partial(self, client: IcatClient, existing: int, entry: DatasetEntry) -> bool:
        """Returns whether an earlier attempt was interrupted before all was there."""
        found = client.get("Dataset", existing)
        is_counted = bool(found.fileCount) or not entry.file_count
        return not (found.complete and is_counted) and found.description == entry.description

    def _finish(self, client: IcatClient, dataset_id: int, entry: DatasetEntry) -> None:
        """Writes the files that did not fit into the first request, then marks it complete."""
        _append(
            client,
            dataset_id,
            [_datafile(client, f) for f in (entry.files or ())[MAX_FIRST_FILES:]],
        )
        if self._database_counts is None:
            self._find_out_who_counts(client, dataset_id)
        self._complete(client, dataset_id, entry)

    def _find_out_who_counts(self, client: IcatClient, dataset_id: int) -> None:
        """Reads a new dataset that was sent without counts: triggers have counted its files."""
        self._database_counts = bool(client.get("Dataset", dataset_id).fileCount)

    def _complete(self, client: IcatClient, dataset_id: int, entry: DatasetEntry) -> None:
        """Marks the dataset complete, with its counts of files unless ICAT's database has them."""
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        dataset.complete = True
        if not self._database_counts:
            dataset.fileCount, dataset.fileSize = entry.file_count, entry.file_size
        dataset.update()

    def set_parameter(
        self, client: IcatClient, facility: str, dataset_id: int, entry: ParameterEntry
    ) -> None:
        """Creates or replaces one text parameter of a dataset."""
        parameter = self._parameter(client, facility, entry)
        for old in client.read(PARAMETER, owner=dataset_id, type_id=int(parameter.type.id)):
            if old.stringValue == parameter.stringValue:
                return
            client.delete(old)
        parameter.dataset = client.stub("dataset", dataset_id)
        parameter.create()

    def set_doi(self, client: IcatClient, dataset_id: int, doi: str) -> None:
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        if dataset.doi != doi:
            dataset.doi = doi
            dataset.update()

    def correct_counts(self, client: IcatClient, dataset_id: int, counts: tuple[int, int]) -> None:
        """Stores number and bytes of the files, unless triggers have counted those in ICAT."""
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        stored = (dataset.fileCount or 0, dataset.fileSize or 0)
        if stored not in (counts, count_files(client, dataset_id)):
            dataset.fileCount, dataset.fileSize = counts
            dataset.update()

    def _build(self, client: IcatClient, entry: DatasetEntry, investigation: int) -> Any:
        kind = self._references.of_facility(client, "DatasetType", entry.facility, entry.type)
        dataset = client.make(
            "dataset",
            investigation=client.stub("investigation", investigation),
            type=client.stub("datasetType", kind),
            # created in one transaction: what fits into it is complete once others see it
            complete=len(entry.files or ()) <= MAX_FIRST_FILES,
            **_attributes(entry),
            **self._counts_to_send(entry),
        )
        if entry.sample:
            sample = self._references.sample(client, investigation, entry.sample)
            dataset.sample = client.stub("sample", sample)
        dataset.parameters = [self._parameter(client, entry.facility, p) for p in entry.parameters]
        dataset.datasetInstruments = [
            self._instrument(client, entry.facility, i) for i in entry.instruments
        ]
        dataset.datasetTechniques = [self._technique(client, t) for t in entry.techniques]
        dataset.datafiles = [_datafile(client, f) for f in (entry.files or ())[:MAX_FIRST_FILES]]
        return dataset

    def _parameter(self, client: IcatClient, facility: str, entry: ParameterEntry) -> Any:
        parameter = client.new("datasetParameter")
        parameter.type = self._references.parameter_type(client, facility, entry)
        if isinstance(entry.value, str):
            parameter.stringValue = entry.value
        elif isinstance(entry.value, datetime):
            parameter.dateTimeValue = entry.value
        else:
            parameter.numericValue = entry.value
        return parameter

    def _instrument(self, client: IcatClient, facility: str, entry: SharedEntity) -> Any:
        found = self._references.of_facility(
            client, "Instrument", facility, entry.name, fullName=entry.full_name, pid=entry.pid
        )
        return client.make("datasetInstrument", instrument=client.stub("instrument", found))

    def _technique(self, client: IcatClient, entry: SharedEntity) -> Any:
        found = self._references.technique(client, entry)
        return client.make("datasetTechnique", technique=client.stub("technique", found))

    def _update(self, client: IcatClient, dataset_id: int, entry: DatasetEntry) -> int:
        """Makes the dataset equal to the entry; it is marked incomplete in the meantime."""
        dataset = client.get("Dataset INCLUDE 1", dataset_id)
        investigation = self._references.investigation(client, entry.facility, entry.investigation)
        if (int(dataset.investigation.id), dataset.name) != (investigation, entry.name):
            _refuse_taken(client, investigation, entry.name, own_id=dataset_id)
        dataset.investigation = client.stub("investigation", investigation)
        kind = self._references.of_facility(client, "DatasetType", entry.facility, entry.type)
        dataset.type = client.stub("datasetType", kind)
        if entry.sample:
            sample = self._references.sample(client, investigation, entry.sample)
            dataset.sample = client.stub("sample", sample)
        for name, value in _attributes(entry).items():
            setattr(dataset, name, value)
        dataset.complete = False
        dataset.update()
        for bean, rows in self._children(client, entry):
            _replace(client, dataset_id, bean, rows)
        self._complete(client, dataset_id, entry)
        return dataset_id

    def _counts_to_send(self, entry: DatasetEntry) -> dict[str, int]:
        """Returns the counts of files that a new dataset is created with.

        Without triggers, ICAT stores what is sent; triggers add each file that is written to it.
        Which of them holds is seen at the first dataset with files.
        """
        if entry.files and self._database_counts is not False:
            return {}
        return {"fileCount": entry.file_count, "fileSize": entry.file_size}

    def _children(self, client: IcatClient, entry: DatasetEntry) -> list[tuple[str, list[Any]]]:
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


def _by_id(client: IcatClient, known_id: int | None) -> int | None:
    """Returns the id if the dataset still exists."""
    found = client.read(BY_ID, known_id=known_id) if known_id is not None else []
    return int(found[0]) if found else None


def _of_name(client: IcatClient, investigation: int, name: str) -> list[Any]:
    """Returns the dataset of this name, or one that ICAT's database takes for it."""
    return client.read(
        "SELECT o FROM Dataset o WHERE o.investigation.id = {owner} AND o.name = {name}",
        owner=investigation,
        name=name,
    )


def _find(client: IcatClient, investigation: int, name: str) -> int | None:
    exact = [one for one in _of_name(client, investigation, name) if one.name == name]
    return int(exact[0].id) if exact else None


def _refuse_taken(
    client: IcatClient, investigation: int, name: str, *, own_id: int | None = None
) -> None:
    """Raises Invalid if ICAT has another dataset of this name, or one that it takes for it."""
    for other in _of_name(client, investigation, name):
        if int(other.id) == own_id:
            continue
        compared = (
            ""
            if other.name == name
            else ", and its database compares names without case, accents and trailing spaces"
        )
        reason = (
            f"ICAT already has a dataset '{other.name}' in the same investigation{compared};"
            f" rename {name!r}"
        )
        raise Invalid(reason, field="name")


def _replace(client: IcatClient, dataset_id: int, bean: str, rows: list[Any]) -> None:
    for old in client.pages(ROWS[bean], owner=dataset_id):
        client.deleteMany(old)
    _append(client, dataset_id, rows)


def _append(client: IcatClient, dataset_id: int, rows: list[Any]) -> None:
    for start in range(0, len(rows), MAX_REQUEST_ROWS):
        chunk = rows[start : start + MAX_REQUEST_ROWS]
        for one in chunk:
            one.dataset = client.stub("dataset", dataset_id)
        client.createMany(chunk)


def _attributes(entry: DatasetEntry) -> dict[str, Any]:
    attributes = {
        "name": entry.name,
        "description": entry.description,
        "location": entry.location,
        "doi": entry.doi,
        "startDate": entry.start,
        "endDate": entry.end,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _datafile(client: IcatClient, entry: FileEntry) -> Any:
    return client.make(
        "datafile",
        name=entry.name,
        location=entry.location,
        fileSize=entry.size,
        checksum=entry.checksum,
    )


def _counts(entry: DatasetEntry) -> dict[str, int]:
    counts = {
        "DatasetParameter": len(entry.parameters),
        "DatasetInstrument": len(entry.instruments),
        "DatasetTechnique": len(entry.techniques),
    }
    return counts if entry.files is None else {**counts, "Datafile": len(entry.files)}
