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


ESTIMATE: Json = {
    "type": "object",
    "description": "What a request of these files would take, if it was made now",
    "required": [
        "pid", "folder", "files", "bytes", "files_on_tape", "bytes_on_tape", "files_ahead",
        "bytes_ahead", "place", "seconds", "basis",
    ],
    "properties": {
        "pid": {"type": "string"},
        "folder": {"type": "string", "description": "With a slash at its end; empty: all files"},
        "files": {"type": "integer"},
        "bytes": {"type": "integer"},
        "files_on_tape": {"type": "integer", "description": "Those of them that are not online"},
        "bytes_on_tape": {"type": "integer"},
        "files_ahead": {
            "type": "integer",
            "description": "Left of all requests before it, with those of these files that they"
            " name",
        },
        "bytes_ahead": {"type": "integer"},
        "place": {
            "type": ["integer", "null"],
            "description": "Its place in the queue, from 1; null if all files are online",
        },
        "seconds": {"type": "number", "description": "Until all files are online"},
        "basis": {
            "type": "string",
            "enum": ["online", "recent", "usual"],
            "description": "online: nothing has to come; recent: the pace of the last files that"
            " came; usual: what the archive usually does",
        },
    },
}  # fmt: skip
SCHEMAS: Json = {"Estimate": ESTIMATE}


def paths() -> Json:
    return {
        "/data/{pid}/crop": {"get": _crop()},
        "/data/{pid}/estimate": {"get": _estimate()},
        **volumes.paths(_PROBLEM),
    }


def _estimate() -> Json:
    folder = "Only the files below this folder of the dataset; default: all files"
    content: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/Estimate"}}}
    return {
        "summary": "Estimate how long files would take before they are requested from tape",
        "description": "Nothing is recalled. The answer holds for a few seconds.",
        "tags": ["data"],
        "parameters": [
            parameter("pid", "path", "Pid of the dataset, with slashes as %2F"),
            parameter("folder", "query", folder),
        ],
        "responses": {
            "200": {"description": "The estimate", "content": content},
            "404": _problem("There is no such public dataset, or no such files"),
            "410": _problem("The dataset was withdrawn"),
            "422": _problem("The query is not valid: field and reason"),
            "503": _problem("The downloader cannot be reached"),
        },
    }


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
