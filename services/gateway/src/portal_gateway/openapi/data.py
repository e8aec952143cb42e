"""What the downloader serves under the portal's address, for the OpenAPI document."""

from typing import Any

from portal_gateway.openapi.helpers import parameter

Json = dict[str, Any]

_PROBLEM: Json = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and why"},
        "field": {"type": "string", "description": "Which of the parameters"},
        "state": {"type": "string", "enum": ["ARCHIVED", "RESTORING", "UNAVAILABLE", "LOST"]},
        "request": {"type": "object", "description": "How to ask for the files that are on tape"},
    },
}
_RANGE = "Voxels from:to of that level, `to` not included; either end, or all of it, may be missing"


def paths() -> Json:
    return {"/data/{pid}/crop": {"get": _crop()}}


def _crop() -> Json:
    level = parameter("level", "query", "Of the pyramid, from 0, the finest")
    level["schema"] = {"type": "integer", "minimum": 0, "default": 0}
    form = parameter(
        "format", "query", "OME-TIFF, NRRD, or an OME-Zarr 0.5 in a zip; each says where it lies"
    )
    form["schema"] = {"type": "string", "enum": ["tiff", "nrrd", "zarr"], "default": "tiff"}
    volume = "Where the OME-Zarr lies in the dataset, if it has several"
    kinds = ("image/tiff", "application/octet-stream", "application/zip")
    binary: Json = {"schema": {"type": "string", "format": "binary"}}
    return {
        "summary": "A box of voxels out of an OME-Zarr",
        "description": (
            "Nothing is recalled from tape: 503 says which files hold the box and how to ask for "
            "them. The tag is that of the box's content."
        ),
        "tags": ["data"],
        "parameters": [
            parameter("pid", "path", "Of the dataset, its slashes as %2F"),
            level,
            *(parameter(axis, "query", _RANGE) for axis in "xyz"),
            form,
            parameter("volume", "query", volume),
        ],
        "responses": {
            "200": {"description": "The box", "content": dict.fromkeys(kinds, binary)},
            "304": {"description": "The reader has it"},
            "400": _problem("No box of this volume: the field and the reason"),
            "404": _problem("No public dataset, or none with a volume"),
            "410": _problem("The dataset was withdrawn"),
            "413": _problem("More voxels than are cut at once"),
            "503": _problem("On tape, with Retry-After; or the downloader is out of reach"),
        },
    }


def _problem(description: str) -> Json:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }
