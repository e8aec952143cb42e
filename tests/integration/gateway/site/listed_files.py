"""Datasets with lists of files of all roles, with unusual names, and none."""

from portal_shared.contracts.events import (
    DatasetAvailability,
    DatasetFilesListed,
    DocumentRegistered,
    Event,
)
from portal_shared.contracts.records import Dataset, File, files_digest

from tests.integration.gateway.records.small_atlas import organ, registered, scan, withdrawal

HOSTILE = "<script>alert(1)</script> 100% (a+b).tif"
CHUNKS = [f"{z}/{y}" for z in range(12) for y in range(5)]


def file(location: str, size: int | None = 10, **more: object) -> File:
    path, _, name = location.rpartition("/")
    given = {"path": path or None, "name": name, "size": size, "sha256": f"{size or 0:064x}"}
    return File.model_validate({**given, **more})


FILES = [
    file("readme.txt", 100, role="metadata"),
    file("SHA256SUMS", 200, role="checksum"),
    file("slices.tif", 1_000_000, role="data"),
    file(f"Ärzte [raw]/{HOSTILE}", 3, role="data"),
    file("unknown.bin", None, sha256=None),
    file("previews/front.webp", 70, role="preview"),
    file("thumbnails/small.webp", 7, role="thumbnail"),
    file("volume.zarr/zarr.json", 50, role="metadata"),
    *(file(f"volume.zarr/0/c/{n}", 1000, role="level", level=0) for n in CHUNKS),
    file("volume.zarr/1/c/0/0", 500, role="level", level=1),
    file("volume.zarr-old/zarr.json", 51, role="metadata"),
]
ONE = scan("kidney", "right", "zoom", 2.0)  # without a folder: nothing to download
EMPTY = scan("lung", "left", "zoom", 4.0, folder="archive/empty")
HIDDEN = scan("brain", "left", "zoom", 1.0, is_public=False, folder="archive/hidden")
WITHDRAWN = scan("kidney", "left", "zoom", 3.0, folder="archive/withdrawn")
FULL = scan("kidney", "left", "overview", 25.0, folder="archive/kidney")
DATASETS = (FULL, ONE, EMPTY, HIDDEN, WITHDRAWN)
DOCUMENT = organ("kidney", FULL, ONE)


def listed(dataset: Dataset, files: list[File], version: int = 1) -> DatasetFilesListed:
    return DatasetFilesListed(
        pid=dataset.pid,
        version=version,
        digest=files_digest(files),
        folder=dataset.folder or "none",
        part=0,
        parts=1,
        files=tuple(files),
    )


def events() -> list[Event]:
    some = [file("a.tif")]
    return [
        *registered(*DATASETS),
        DocumentRegistered(document=DOCUMENT, version=1),
        listed(FULL, FILES),
        *(listed(one, some) for one in (ONE, HIDDEN, WITHDRAWN)),
        DatasetAvailability(
            pid=FULL.pid, availability="ARCHIVED", detail="PARTLY_ONLINE", files=len(FILES),
            files_online=2, version=1,
        ),
        withdrawal(WITHDRAWN),
    ]  # fmt: skip
