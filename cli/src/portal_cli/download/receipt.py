"""Receipt of a download: files with addresses and checksums, times, and how to cite the data."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.outside_names import outside_path

from portal_cli.download.client import PortalClient
from portal_cli.download.download import DatasetResult

SUFFIX = ".receipt.json"


def default_path(folders: Sequence[Path], root: Path | None) -> Path:
    """Returns a path beside the folder of a dataset, or in the folder that holds several."""
    if len(folders) == 1:
        folder = folders[0].resolve()
        return folder.with_name(f"{folder.name}{SUFFIX}")
    return (root or Path()) / f"portal-get{SUFFIX}"


def build_receipt(
    portal: PortalClient, results: Sequence[DatasetResult], began: datetime
) -> dict[str, Any]:
    return {
        "portal": portal.url,
        "began": _utc_text(began),
        "ended": _utc_text(datetime.now(UTC)),
        "datasets": [_dataset(portal, result) for result in results],
    }


def _dataset(portal: PortalClient, result: DatasetResult) -> dict[str, Any]:
    doi, citation = portal.citation(result.pid)
    return {
        "pid": result.pid,
        "doi": doi,
        "citation": citation,
        "folder": str(result.folder.resolve()),
        "files": [
            {
                "location": file.location,
                "path": outside_path(file.location),  # below the folder
                "url": f"{portal.url}{data_path(result.pid, file.location)}",
                "result": file.result,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "verified": file.verified,
                "reason": file.reason,
            }
            for file in sorted(result.files, key=lambda f: f.location)
        ],
    }


def write_receipt(path: Path, receipt: dict[str, Any]) -> None:
    """Writes the file atomically. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(receipt, indent=1, ensure_ascii=False) + "\n", "utf-8")
    os.replace(part, path)  # noqa: PTH105  # a rename that replaces


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
