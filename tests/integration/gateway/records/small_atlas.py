"""A few scans of organs of one donor, and their documents."""

from datetime import UTC, datetime
from typing import Any

from portal_shared.contracts.events import (
    DatasetRegistered,
    DatasetWithdrawn,
    Event,
)
from portal_shared.contracts.records import Dataset, Document

TECHNIQUE = "http://purl.org/pan-science/PaNET/PaNET01333"
DONOR = "LADAF-2021-17"


def scan(organ: str, side: str, kind: str, voxel: float, **more: Any) -> Dataset:
    pid = f"{DONOR}_{organ}_{side}_{kind}_{voxel}um"
    given: dict[str, Any] = {
        "pid": pid,
        "name": pid,
        "title": f"{kind.capitalize()} at {voxel}um of the {organ} of donor {DONOR}",
        "profile": "human-organs",
        "created": datetime(2021, 9, 26, tzinfo=UTC),
        "document": f"{DONOR}_{organ}",
        "techniques": [{"pid": TECHNIQUE, "name": "x-ray microtomography"}],
        "samples": [{"pid": f"{organ}_{side}", "name": f"{organ} {side}"}],
        "instrument": {"pid": "bm18", "name": "BM18", "facility": "ESRF"},
        "members": [{"role": "author", "person": {"id": "1", "full_name": "Ada <b>Lovelace</b>"}}],
        "parameters": [
            {"name": "donor", "value": DONOR},
            {"name": "organ", "value": organ},
            {"name": "organ_context", "value": side},
            {"name": "dataset_type", "value": kind},
            {"name": "voxel_size", "value": voxel, "unit": "um"},
        ],
        "details": {"scan": {"note": "<script>alert(1)</script>"}},
        **more,
    }
    return Dataset.model_validate(given)


def organ(name: str, *datasets: Dataset, **more: Any) -> Document:
    given: dict[str, Any] = {
        "pid": f"{DONOR}_{name}",
        "name": name,
        "title": f"{name.capitalize()} of donor {DONOR} (HiP-CT)",
        "profile": "human-organs",
        "type": "publication",
        "keywords": [name, "HiP-CT"],
        "members": [{"person": {"id": "1", "full_name": "Claire Walsh", "last_name": "Walsh"}}],
        "datasets": [d.pid for d in datasets],
        **more,
    }
    return Document.model_validate(given)


KIDNEYS = [
    scan("kidney", "left", "zoom", 6.49),
    scan("kidney", "left", "overview", 25.14),
    scan("kidney", "right", "zoom", 6.5),
]
HEART = scan("heart", "whole", "overview", 19.57)
HIDDEN = scan("brain", "left", "zoom", 1.0, is_public=False)


def registered(*datasets: Dataset, version: int = 1) -> list[Event]:
    return [DatasetRegistered(dataset=d, version=version) for d in datasets]


def withdrawal(dataset: Dataset) -> DatasetWithdrawn:
    """The withdrawal of a dataset that was public."""
    return DatasetWithdrawn(
        pid=dataset.pid,
        version=2,
        title=dataset.title,
        reason="The sample was mixed up",
        withdrawn_at=datetime(2026, 1, 2, tzinfo=UTC),
        dataset=dataset,
    )
