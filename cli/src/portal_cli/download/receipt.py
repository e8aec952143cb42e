"""The receipt of a download: what, from where, with which checksum, when, and how to cite it."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal_shared.contracts.file_urls import data_path

from portal_cli.download.client import Portal
from portal_cli.download.download import Receipt

ENDING = ".receipt.json"


def default_place(folders: Sequence[Path], root: Path | None) -> Path:
    """Beside the folder of a dataset, or in the folder that holds several."""
    if len(folders) == 1:
        folder = folders[0].resolve()
        return folder.with_name(f"{folder.name}{ENDING}")
    return (root or Path()) / f"portal-get{ENDING}"


def receipt(portal: Portal, done: Sequence[Receipt], began: datetime) -> dict[str, Any]:
    return {
        "portal": portal.url,
        "began": _text(began),
        "ended": _text(datetime.now(UTC)),
        "datasets": [_dataset(portal, one) for one in done],
    }


def _dataset(portal: Portal, done: Receipt) -> dict[str, Any]:
    doi, citation = portal.citation(done.pid)
    return {
        "pid": done.pid,
        "doi": doi,
        "citation": citation,
        "folder": str(done.folder.resolve()),
        "files": [
            {
                "location": r.location,
                "url": f"{portal.url}{data_path(done.pid, r.location)}",
                "result": r.result,
                "bytes": r.bytes,
                "sha256": r.sha256,
                "verified": r.verified,
                "reason": r.reason,
            }
            for r in sorted(done.results, key=lambda r: r.location)
        ],
    }


def write(place: Path, told: dict[str, Any]) -> None:
    """Whole or not at all. Raises OSError."""
    part = place.with_name(f".{place.name}.part")
    part.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    os.replace(part, place)  # noqa: PTH105  # a rename that replaces


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
