"""Reads a JSON file of a zarr or an N5 container, of a limited size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

MAX_METADATA_BYTES = 16_000_000


def read_json(file: Path) -> Mapping[str, Any] | None:
    """Returns the object in a file; None if there is no such file, or it is a link.

    Raises ValueError for a file that is too large, not JSON, or not an object.
    """
    if not file.is_file() or file.is_symlink():
        return None
    if file.stat().st_size > MAX_METADATA_BYTES:
        raise ValueError(f"{file.name} is larger than {MAX_METADATA_BYTES} bytes")
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.name} is not JSON: {str(error)[:100]}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file.name} is not a JSON object")  # noqa: TRY004  # of its content
    return cast("Mapping[str, Any]", found)
