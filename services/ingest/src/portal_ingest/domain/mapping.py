"""From a job's parts to records: pids, files summed up, and whether anything changed. Pure."""

import hashlib
import json
import mimetypes
from collections.abc import Sequence

from portal_shared.contracts.events import FILES_PER_PART, DatasetFilesListed
from portal_shared.contracts.jobs import DatasetIn, DocumentIn
from portal_shared.contracts.records import Dataset, Document, File, FileSummary, bare_doi
from pydantic import BaseModel


def dataset_pid(given: DatasetIn) -> str:
    return given.pid or given.name


def document_pid(given: DocumentIn) -> str:
    return given.pid or given.name


def dataset_record(
    given: DatasetIn, files: FileSummary, *, profile: str, document: str | None
) -> Dataset:
    """The dataset as the portal keeps it; its size is that of its files where they are known."""
    known = all(f.size is not None for f in given.files)
    total = files.bytes if files.count and known else None
    shared = given.model_dump(exclude={"pid", "files", "manifest", "doi", "size"})
    return Dataset.model_validate(
        {
            **shared,
            "pid": dataset_pid(given),
            "profile": profile,
            "document": document,
            "doi": bare_doi(given.doi) if given.doi else None,
            "size": given.size if given.size is not None else total,
            "files": files,
        }
    )


def media_type(file: File) -> str:
    """Of a file; all below a zarr store is that store."""
    if any(part.endswith(".zarr") for part in file.location.split("/")):
        return "application/vnd.zarr"
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def document_record(given: DocumentIn, *, profile: str, datasets: Sequence[str]) -> Document:
    shared = given.model_dump(exclude={"pid", "doi", "other_datasets"})
    return Document.model_validate(
        {
            **shared,
            "pid": document_pid(given),
            "profile": profile,
            "doi": bare_doi(given.doi) if given.doi else None,
            "datasets": tuple(dict.fromkeys([*datasets, *given.other_datasets])),
        }
    )


def content_hash(record: BaseModel) -> str:
    """Equal for equal content; where a dataset was first registered is no content."""
    told = record.model_dump(mode="json", exclude={"document", "icat_id"})
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def listing(dataset: Dataset, files: Sequence[File], version: int) -> list[DatasetFilesListed]:
    """The list of files in numbered parts; an empty list is one empty part."""
    chunks = [files[i : i + FILES_PER_PART] for i in range(0, len(files), FILES_PER_PART)] or [()]
    return [
        DatasetFilesListed(
            pid=dataset.pid,
            version=version,
            digest=dataset.files.digest,
            folder=dataset.folder,
            part=number,
            parts=len(chunks),
            files=tuple(File.model_validate(f.model_dump()) for f in chunk),
        )
        for number, chunk in enumerate(chunks)
    ]
