"""Corpora of the conformance kit, as events of the portal."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from portal_shared.contracts.events import (
    DatasetFilesListed,
    DatasetRegistered,
    DocumentRegistered,
    Event,
    InstrumentRegistered,
)
from portal_shared.contracts.records import (
    Dataset,
    Document,
    File,
    FileSummary,
    Instrument,
    files_digest,
)

CORPORA = Path(
    os.environ.get("PORTAL_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance"
)


def corpus_events(corpus: dict[str, Any]) -> list[Event]:
    """The records of a corpus in the form of the PaNOSC data model, as the portal's events."""
    events: list[Event] = [
        InstrumentRegistered(instrument=Instrument.model_validate(i), version=1)
        for i in corpus["instruments"]
    ]
    datasets: dict[str, dict[str, Any]] = {d["pid"]: d for d in corpus["orphan_datasets"]}
    above: dict[str, str] = {}
    for document in corpus["documents"]:
        for dataset in document["datasets"]:
            datasets.setdefault(dataset["pid"], dataset)
            above.setdefault(dataset["pid"], document["pid"])
        events.append(DocumentRegistered(document=_document(document), version=1))
    for pid, dataset in datasets.items():
        files = [File(name=f["name"], path=f.get("path"), size=f.get("size"))
                 for f in dataset["files"]]  # fmt: skip
        record = _dataset(dataset, above.get(pid), files)
        events.append(DatasetRegistered(dataset=record, version=1))
        if files:
            events.append(
                DatasetFilesListed(
                    pid=pid,
                    version=1,
                    digest=record.files.digest,
                    folder=None,
                    part=0,
                    parts=1,
                    files=tuple(files),
                )
            )
    return events


def _dataset(given: dict[str, Any], document: str | None, files: list[File]) -> Dataset:
    size = sum(f.size or 0 for f in files)
    return Dataset.model_validate(
        {
            "pid": given["pid"],
            "name": given["pid"],
            "title": given["title"],
            "profile": "panosc",
            "is_public": given["isPublic"],
            "created": given["creationDate"],
            "document": document,
            "size": given.get("size"),
            "instrument": given.get("instrument"),
            "techniques": [
                {"pid": t["pid"], "name": t["name"], "panet_id": t.get("panetId")}
                for t in given["techniques"]
            ],
            "samples": given["samples"],
            "parameters": given["parameters"],
            "files": FileSummary(count=len(files), bytes=size, digest=files_digest(files)),
        }
    )


def _document(given: dict[str, Any]) -> Document:
    dates = {"startDate": "start_date", "endDate": "end_date", "releaseDate": "release_date"}
    return Document.model_validate(
        {
            **{k: given.get(k) for k in ("pid", "title", "type", "summary", "doi", "license")},
            **{name: given.get(found) for found, name in dates.items()},
            "name": given["pid"],
            "profile": "panosc",
            "is_public": given["isPublic"],
            "keywords": given.get("keywords") or [],
            "members": [_member(m) for m in given["members"]],
            "parameters": given["parameters"],
            "datasets": [d["pid"] for d in given["datasets"]],
        }
    )


def _member(given: dict[str, Any]) -> dict[str, Any]:
    person = given.get("person")
    if person:
        names = {"fullName": "full_name", "firstName": "first_name", "lastName": "last_name",
                 "researcherId": "researcher_id"}  # fmt: skip
        person = {names.get(k, k): str(v) for k, v in person.items() if v is not None}
    place = given.get("affiliation")
    return {
        "role": given.get("role"),
        "person": person,
        "affiliation": {k: str(v) for k, v in place.items() if v is not None} if place else None,
    }


def corpus(name: str) -> dict[str, Any]:
    """Skips when the conformance kit is not there."""
    path = CORPORA / "fixtures" / f"{name}.json"
    if not path.exists():
        pytest.skip("the conformance kit is not there: PORTAL_CONFORMANCE names none")
    return json.loads(path.read_text("utf-8"))


class Corpora:
    """The conformance kit's corpora, where the kit is."""

    folder = CORPORA

    def events(self, name: str) -> list[Event]:
        return corpus_events(corpus(name))
