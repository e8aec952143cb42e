"""Few records in which every rule of the search API has something to decide."""

from datetime import UTC, datetime
from typing import Any

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

PANET = "http://purl.org/pan-science/PaNET/"
XES, SAXS, MAGNETIC, X_RAY = "PaNET01200", "PaNET01188", "PaNET01313", "PaNET01012"
FILES = [File(name=n, path=p, size=s) for n, p, s in
         [("b.h5", "raw", 5), ("a.h5", "raw", 2**40), ("log.txt", None, None)]]  # fmt: skip


def dataset(pid: str, title: str, **more: Any) -> Dataset:
    given = {"name": pid, "profile": "panosc", "created": datetime(2021, 6, 1, tzinfo=UTC)}
    return Dataset.model_validate({"pid": pid, "title": title, **given, **more})


def parameter(name: str, value: Any, unit: str | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def technique(number: str, name: str = "a tag", base: str = PANET) -> dict[str, Any]:
    return {"pid": base + number, "name": name}


BM05 = {"pid": "bm05", "name": "BM05", "facility": "ESRF"}
BM18 = {"pid": "bm18", "name": "BM18", "facility": "ESRF"}
DATASETS = [
    dataset(
        "10.5072/set-1",
        "Lung overview",
        document="10.5072/doc-1",
        size=10,
        created=datetime(2020, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC),
        keywords=["Lung", "CT"],
        instrument=BM05,
        techniques=[technique(XES, "x-ray emission"), technique(SAXS, "SAXS")],
        samples=[{"pid": "s1", "name": "left lung", "description": "in 70% ethanol"}],
        parameters=[
            parameter("sample_temperature", 20, "C"),
            parameter("incident_wavelength", 0.93, "angstrom"),
            parameter("sample_chemical_formula", "CuO4"),
            parameter("run", "21"),
        ],
        files=FileSummary(count=3, bytes=2**40 + 5, digest=files_digest(FILES)),
    ),
    dataset(
        "10.5072/set-2",
        "lung zoom (50%)_x.y*",
        document="10.5072/doc-1",
        size=2**53 + 2,
        instrument=BM18,
        techniques=[technique(MAGNETIC, "local name", base="https://w3id.org/PaNET/")],
        parameters=[
            parameter("sample_temperature", 300, "K"),
            parameter("incident_wavelength", 0.2, "nm"),
            parameter("current", 152.72, "mA"),
            parameter("field", -100, "microtesla"),
            parameter("thickness", 21, "florps"),
            parameter("count", 7),
        ],
    ),
    dataset(
        "set-3",
        "Heart",
        techniques=[{"pid": "local/7", "name": "own   Technique", "panet_id": PANET + XES}],
        parameters=[
            parameter("energy_min", 4, "MeV"),
            parameter("energy_max", 5000, "keV"),
            parameter("detector_distance", 7.3127, "cm"),
        ],
    ),
    dataset("set-4", 'a "quoted" \\ backslash', keywords=["lung"], size=10, document="doc-hidden"),
    dataset("set-hidden", "Lung hidden", is_public=False, document="10.5072/doc-1"),
]


def document(pid: str, title: str, **more: Any) -> Document:
    given = {"name": pid, "profile": "panosc", "type": "publication"}
    return Document.model_validate({"pid": pid, "title": title, **given, **more})


DOCUMENTS = [
    document(
        "10.5072/doc-1",
        "Lungs of a donor",
        summary="Two scans of one organ",
        doi="10.5072/DOC-1",
        license="CC-BY-4.0",
        keywords=["Lung", "HiP-CT"],
        release_date=datetime(2022, 1, 1, tzinfo=UTC),
        members=[
            {"role": "author", "person": {"id": "p1", "full_name": "Claire Walsh"}},
            {
                "role": "author",
                "person": {"id": "p2", "full_name": "Ada Byron"},
                "affiliation": {"id": "a1", "name": "ESRF", "country": "France"},
            },
        ],
        parameters=[parameter("dose", 20, "Gy"), parameter("length", 1, "m")],
        datasets=["10.5072/set-1", "10.5072/set-2", "set-hidden"],
    ),
    document("doc-2", "Heart", type="Proposal", datasets=["set-3"]),
    document("doc-3", "Nothing below"),
    document("doc-hidden", "Lung hidden", is_public=False),
]
INSTRUMENTS = [BM05, BM18, {"pid": "id01", "name": "ID01", "facility": "ILL"}]


def events() -> list[Event]:
    listed = DatasetFilesListed(
        pid="10.5072/set-1", version=1, digest=files_digest(FILES), folder=None, part=0, parts=1,
        files=tuple(FILES),
    )  # fmt: skip
    return [
        *(InstrumentRegistered(instrument=Instrument(**i), version=1) for i in INSTRUMENTS),
        *(DatasetRegistered(dataset=d, version=1) for d in DATASETS),
        *(DocumentRegistered(document=d, version=1) for d in DOCUMENTS),
        listed,
    ]
