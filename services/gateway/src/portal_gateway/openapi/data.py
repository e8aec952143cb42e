"""OpenAPI paths of the downloader below /data."""

from typing import Any

from portal_gateway.openapi import volumes
from portal_gateway.openapi.helpers import parameter

Json = dict[str, Any]

_PROBLEM: Json = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do"},
        "field": {"type": "string", "description": "Parameter that is wrong"},
        "state": {"type": "string", "enum": ["ARCHIVED", "RESTORING", "UNAVAILABLE", "LOST"]},
        "request": {"type": "object", "description": "How to request the files that are on tape"},
    },
}
_RANGE = (
    "Voxels from:to of this level, without `to`; with unit=um, positions from:to. An end or the "
    "parameter may be missing"
)
_UNIT = (
    "Unit of the ranges. With um the box has every voxel of which a part lies between the two "
    "positions, in the coordinates of /data/{pid}/volume"
)


def paths() -> Json:
    return {"/data/{pid}/crop": {"get": _crop()}, **volumes.paths(_PROBLEM)}


def _crop() -> Json:
    level = parameter("level", "query", "Level of the pyramid; 0 is the finest")
    level["schema"] = {"type": "integer", "minimum": 0, "default": 0}
    form = parameter(
        "format",
        "query",
        "OME-TIFF, NRRD, or OME-Zarr 0.5 in a zip; each has the position of the box",
    )
    form["schema"] = {"type": "string", "enum": ["tiff", "nrrd", "zarr"], "default": "tiff"}
    unit = parameter("unit", "query", _UNIT)
    unit["schema"] = {"type": "string", "enum": ["voxel", "um"], "default": "voxel"}
    volume = "Location of the OME-Zarr in the dataset; required if there are several"
    kinds = ("image/tiff", "application/octet-stream", "application/zip")
    binary: Json = {"schema": {"type": "string", "format": "binary"}}
    return {
        "summary": "Cut a box of voxels from an OME-Zarr",
        "description": (
            "No file is recalled from tape: the 503 response lists the files of the box and how "
            "to request them. The entity tag is that of the content of the box."
        ),
        "tags": ["data"],
        "parameters": [
            parameter("pid", "path", "Pid of the dataset, with slashes as %2F"),
            level,
            *(parameter(axis, "query", _RANGE) for axis in "xyz"),
            unit,
            form,
            parameter("volume", "query", volume),
        ],
        "responses": {
            "200": {"description": "The box", "content": dict.fromkeys(kinds, binary)},
            "304": {"description": "The box has not changed"},
            "400": _problem("The box is not valid: field and reason"),
            "404": _problem("There is no such public dataset, or it has no volume"),
            "410": _problem("The dataset was withdrawn"),
            "413": _problem("The box has too many voxels"),
            "503": _problem(
                "Files are on tape, with Retry-After; or the downloader cannot be reached"
            ),
        },
    }


def _problem(description: str) -> Json:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }
