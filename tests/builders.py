"""Records, events and jobs for tests: valid as they are, with keyword overrides for each field."""

import uuid
from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered
from portal_shared.contracts.records import Affiliation, Dataset, Document, Member, Person

CREATED = datetime(2021, 3, 4, tzinfo=UTC)
PANET = "http://purl.org/pan-science/PaNET/"
PROFILE = "human-organs"
TECHNIQUE = {
    "pid": f"{PANET}PaNET01333",
    "name": "x-ray propagation phase contrast microtomography",
}
JANE = Member(
    person=Person(id="jane", full_name="Jane Doe", first_name="Jane", last_name="Doe"),
    affiliation=Affiliation(id="esrf", name="ESRF", ror="https://ror.org/02550n020"),
)


def dataset(pid: str = "D1_kidney_overview", **fields: Any) -> Dataset:
    """A dataset record as services exchange it."""
    defaults: dict[str, Any] = {
        "pid": pid,
        "name": pid,
        "title": f"Volume {pid}",
        "profile": PROFILE,
        "created": CREATED,
        "members": (JANE,),
    }
    return Dataset.model_validate({**defaults, **fields})


def document(pid: str = "D1_kidney", datasets: tuple[str, ...] = (), **fields: Any) -> Document:
    """A document record as services exchange it."""
    defaults: dict[str, Any] = {
        "pid": pid,
        "name": pid,
        "title": f"Organ {pid}",
        "profile": PROFILE,
        "type": "publication",
        "members": (JANE,),
        "datasets": datasets,
    }
    return Document.model_validate({**defaults, **fields})


def dataset_registered(pid: str, version: int = 1, **fields: Any) -> DatasetRegistered:
    return DatasetRegistered(dataset=dataset(pid, **fields), version=version)


def document_registered(
    pid: str, datasets: tuple[str, ...] = (), version: int = 1, **fields: Any
) -> DocumentRegistered:
    return DocumentRegistered(document=document(pid, datasets, **fields), version=version)


def dataset_part(name: str = "D1_kidney_overview", **fields: Any) -> dict[str, Any]:
    """A dataset as an ingest job carries it."""
    defaults: dict[str, Any] = {
        "name": name,
        "title": f"Volume {name}",
        "created": "2021-09-26T00:00:00Z",
        "proposal": "md1290",
        "instrument": {"pid": "ESRF-BM05", "name": "BM05", "facility": "ESRF"},
        "techniques": [TECHNIQUE],
        "samples": [{"pid": "D1_kidney", "name": "D1_kidney"}],
        "parameters": [
            {"name": "voxel_size", "value": 25.14, "unit": "um"},
            {"name": "organ", "value": "kidney"},
            {"name": "voi", "value": "L'organe"},
        ],
    }
    return {**defaults, **fields}


def document_part(name: str = "D1_kidney", **fields: Any) -> dict[str, Any]:
    """A document as an ingest job carries it."""
    defaults: dict[str, Any] = {
        "name": name,
        "title": "Kidney of donor D1",
        "type": "publication",
        "members": [{"person": {"id": "p", "full_name": "Ada Lovelace"}}],
    }
    return {**defaults, **fields}


def job(*datasets: dict[str, Any], job_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """An ingest job of one document and its datasets; `document=None` leaves the document out."""
    body = {
        "version": 1,
        "job_id": job_id or str(uuid.uuid4()),
        "document": document_part(),
        "datasets": list(datasets),
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}
