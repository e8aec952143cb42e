"""Maps the parts of a job to records, file summaries and lists of files."""

from collections.abc import Iterable, Sequence

from portal_shared.contracts.events import FILES_PER_PART, DatasetFilesListed
from portal_shared.contracts.file_roles import recognise
from portal_shared.contracts.identifiers import doi_as_given
from portal_shared.contracts.jobs import DatasetIn, DocumentIn
from portal_shared.contracts.media_types import media_type
from portal_shared.contracts.records import Dataset, Document, File, FileSummary
from portal_shared.runtime import hashes
from pydantic import BaseModel


def dataset_pid(given: DatasetIn) -> str:
    return given.pid or given.name


def document_pid(given: DocumentIn) -> str:
    return given.pid or given.name


def dataset_record(
    given: DatasetIn, files: FileSummary, *, profile: str, document: str | None
) -> Dataset:
    """Returns the dataset record; its size defaults to the sum of its files if all are known."""
    sizes_known = all(f.size is not None for f in given.files)
    total = files.bytes if files.count and sizes_known else None
    shared = given.model_dump(exclude={"pid", "files", "manifest", "doi", "size"})
    return Dataset.model_validate(
        {
            **shared,
            "pid": dataset_pid(given),
            "profile": profile,
            "document": document,
            "doi": doi_as_given(given.doi) if given.doi else None,
            "size": given.size if given.size is not None else total,
            "files": files,
        }
    )


def file_format(file: File) -> str:
    """Returns the media type of a file; a file inside a Zarr store has that of the store."""
    if any(part.endswith(".zarr") for part in file.location.split("/")):
        return "application/vnd.zarr"
    return media_type(file.name)


def document_record(given: DocumentIn, *, profile: str, datasets: Sequence[str]) -> Document:
    shared = given.model_dump(exclude={"pid", "doi", "other_datasets"})
    return Document.model_validate(
        {
            **shared,
            "pid": document_pid(given),
            "profile": profile,
            "doi": doi_as_given(given.doi) if given.doi else None,
            "datasets": tuple(dict.fromkeys([*datasets, *given.other_datasets])),
        }
    )


def content_hash(record: BaseModel) -> str:
    """Returns a hash of the content; a dataset's document and ICAT id are not content."""
    content = record.model_dump(mode="json", exclude={"document", "icat_id"})
    return hashes.content_hash(content)


def file_list_parts(
    dataset: Dataset, files: Sequence[File], version: int
) -> list[DatasetFilesListed]:
    """Returns the list of files in numbered parts; an empty list is one empty part."""
    chunks = [files[i : i + FILES_PER_PART] for i in range(0, len(files), FILES_PER_PART)] or [()]
    return [
        file_list_part(dataset, version, number, len(chunks), chunk)
        for number, chunk in enumerate(chunks)
    ]


def _with_role(file: File) -> File:
    """Returns the file with its role, which is recognised by its name if it is not given."""
    fields = file.model_dump()
    if file.role is None:
        found = recognise(file.location)
        fields |= {"role": found.role, "level": found.level}
    return File.model_validate(fields)


def file_list_part(
    dataset: Dataset, version: int, number: int, count: int, files: Iterable[File]
) -> DatasetFilesListed:
    """Returns part `number` of `count`."""
    return DatasetFilesListed(
        pid=dataset.pid,
        version=version,
        digest=dataset.files.digest,
        folder=dataset.folder,
        part=number,
        parts=count,
        files=tuple(_with_role(f) for f in files),
        profile=dataset.profile,
    )
