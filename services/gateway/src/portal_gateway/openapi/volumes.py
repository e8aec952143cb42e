"""OpenAPI paths and types of volumes: their description, slices and thumbnails, below /data."""

from typing import Any

from portal_gateway.openapi.helpers import parameter

Json = dict[str, Any]

_PID = "Pid of the dataset, with slashes as %2F"
_VOLUME = "Location of the OME-Zarr in the dataset; default: the first one"
_VERSION = "Version of the volume, as its description gives it: the answer may be cached for ever"
_TRIPLE: Json = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_SHAPE: Json = {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3}


def _nullable(schema: Json, description: str) -> Json:
    return {**schema, "type": [schema["type"], "null"], "description": description}


LEVEL: Json = {
    "type": "object",
    "description": "A resolution level. Axes are z, y, x.",
    "required": [
        "level", "path", "shape", "voxel_um", "translation_um", "chunk", "shard", "dtype",
        "files", "bytes", "online", "problem", "url",
    ],
    "properties": {
        "level": {"type": "integer", "minimum": 0, "description": "0 is the finest"},
        "path": {"type": "string", "description": "Of its array, below the volume"},
        "shape": _nullable(_SHAPE, "Voxels; null while its metadata are on tape"),
        "voxel_um": _nullable(_TRIPLE, "Size of a voxel in um; null without a physical scale"),
        "translation_um": _nullable(_TRIPLE, "Position of the centre of voxel 0, 0, 0 in um"),
        "chunk": _nullable(_SHAPE, "Voxels that are decoded together"),
        "shard": _nullable(_SHAPE, "Voxels in one file"),
        "dtype": {"type": ["string", "null"], "examples": ["uint16"]},
        "files": {"type": "integer"},
        "bytes": {"type": "integer", "description": "Of its files"},
        "online": {"type": "boolean", "description": "Whether all its files can be read now"},
        "problem": {"type": ["string", "null"], "description": "Why its array cannot be read"},
        "url": {"type": "string", "description": "Of its zarr array, with a slash at the end"},
    },
}  # fmt: skip
VOLUME: Json = {
    "type": "object",
    "description": "What a viewer needs to show an OME-Zarr volume",
    "required": [
        "pid", "version", "volume", "volumes", "url", "ome_zarr_version", "availability", "axes",
        "unit", "window", "max_crop_voxels", "levels", "slices", "thumbnail",
    ],
    "properties": {
        "pid": {"type": "string"},
        "version": {"type": "string", "description": "Value of the parameter v of its pictures"},
        "volume": {"type": "string", "description": "Location of this volume in the dataset"},
        "volumes": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Locations of all volumes of the dataset",
        },
        "url": {"type": "string", "description": "Of the OME-Zarr group, for readers of zarr"},
        "ome_zarr_version": {"type": ["string", "null"], "examples": ["0.5"]},
        "availability": {"type": ["string", "null"], "description": "Of the dataset"},
        "axes": {"type": "array", "items": {"type": "string"}, "examples": [["z", "y", "x"]]},
        "unit": {
            "type": ["string", "null"],
            "description": "Unit in the metadata; positions here are always in um",
        },
        "window": {
            "type": ["object", "null"],
            "description": "Values shown as black (start) and white (end) by default",
            "required": ["start", "end", "source"],
            "properties": {
                "start": {"type": "number"},
                "end": {"type": "number"},
                "source": {"type": "string", "enum": ["metadata", "type", "computed"]},
            },
        },
        "max_crop_voxels": {
            "type": "integer",
            "description": "Voxels that one crop may have (/data/{pid}/crop)",
        },
        "levels": {"type": "array", "items": {"$ref": "#/components/schemas/VolumeLevel"}},
        "slices": {
            "type": "string",
            "description": "URI template (RFC 6570) of slices: axis, index, level, window, format,"
            " size, um",
        },
        "thumbnail": {
            "type": "string",
            "description": "URI template (RFC 6570) of thumbnails: size, format",
        },
    },
}  # fmt: skip
SCHEMAS: Json = {"Volume": VOLUME, "VolumeLevel": LEVEL}

_SLICE_HEADERS: dict[str, tuple[str, str]] = {
    "Slice-Level": ("integer", "Level that is shown"),
    "Slice-Index": ("integer", "Plane of this level along the axis"),
    "Slice-Shape": ("string", "Rows and columns of the plane in voxels of this level"),
    "Slice-Position-Um": ("number", "Position of the plane along the axis in um"),
    "Slice-Pixel-Um": ("string", "Height and width of a voxel in the plane in um"),
    "Slice-Window": ("string", "Values shown as black and as white"),
}


def paths(problem: Json) -> Json:
    """Returns the paths; `problem` is the schema of an error of the downloader."""
    errors = _errors(problem)
    return {
        "/data/{pid}/volume": {"get": _volume(errors)},
        "/data/{pid}/slices/{axis}/{index}": {"get": _slice(errors)},
        "/data/{pid}/thumbnail/{size}": {"get": _thumbnail(errors)},
    }


def _volume(errors: Json) -> Json:
    content: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/Volume"}}}
    found = {"200": {"description": "The volume", "content": content}}
    return {
        "summary": "Describe an OME-Zarr: its levels, which of them are online, and its pictures",
        "tags": ["data"],
        "parameters": [parameter("pid", "path", _PID), parameter("volume", "query", _VOLUME)],
        "responses": {**found, **{k: errors[k] for k in ("400", "404", "410", "503")}},
    }


def _slice(errors: Json) -> Json:
    axis = parameter("axis", "path", "The axis perpendicular to the slice. Rows are z, else y")
    axis["schema"] = {"type": "string", "enum": ["z", "y", "x"]}
    about = "Plane of the level, or of level 0 if no level is given; `mid` is the middle"
    index = parameter("index", "path", about)
    index["schema"] = {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "mid"}]}
    level = parameter("level", "query", "0 is the finest; default: the finest that is online and "
                      "whose planes fit into `size`")  # fmt: skip
    level["schema"] = {"type": "integer", "minimum": 0}
    window = parameter("window", "query", "Values shown as black and white, for example 4096:57344")
    size = parameter("size", "query", "Longest side in pixels; a larger plane is reduced. Default: "
                     "1024; with a level, its own size")  # fmt: skip
    size["schema"] = {"type": "integer", "minimum": 1, "maximum": 4096}
    um = parameter("um", "query", "Position along the axis in um; the index is then `mid`")
    um["schema"] = {"type": "number"}
    parameters = [parameter("pid", "path", _PID), axis, index, level, window, _format(), size, um]
    return {
        "summary": "Show a plane of an OME-Zarr as a grey picture",
        "description": (
            "No file is recalled from tape. The headers name the plane; a voxel is a pixel unless "
            "the plane is larger than `size`. NaN is black."
        ),
        "tags": ["data"],
        "parameters": [*parameters, *_common()],
        "responses": {**_picture("The slice"), **errors},
    }


def _thumbnail(errors: Json) -> Json:
    size = parameter("size", "path", "160, 320 or 640 pixels")
    size["schema"] = {"type": "string", "enum": ["small", "medium", "large"]}
    return {
        "summary": "Show the middle of an OME-Zarr as a square picture",
        "description": "The whole plane in the middle along z, on black, with square pixels.",
        "tags": ["data"],
        "parameters": [parameter("pid", "path", _PID), size, _format(), *_common()],
        "responses": {**_picture("The thumbnail"), **errors},
    }


def _format() -> Json:
    found = parameter("format", "query", "Format of the picture")
    found["schema"] = {"type": "string", "enum": ["webp", "png"], "default": "webp"}
    return found


def _common() -> list[Json]:
    return [parameter("volume", "query", _VOLUME), parameter("v", "query", _VERSION)]


def _picture(description: str) -> Json:
    binary: Json = {"schema": {"type": "string", "format": "binary"}}
    headers = {
        name: {"description": about, "schema": {"type": kind}}
        for name, (kind, about) in _SLICE_HEADERS.items()
    }
    content = dict.fromkeys(("image/webp", "image/png"), binary)
    return {
        "200": {"description": description, "headers": headers, "content": content},
        "304": {"description": "The picture has not changed"},
    }


def _errors(problem: Json) -> Json:
    content = {"application/problem+json": {"schema": problem}}
    found = {
        "400": "A parameter is not valid: field and reason",
        "404": "There is no such public dataset, or it has no OME-Zarr",
        "410": "The dataset was withdrawn",
        "413": "The plane is too large, or too much must be read for it: use a coarser level",
        "422": "A chunk is damaged: its location and numbers",
        "429": "Many slices are being drawn: try again after Retry-After",
        "503": "Files are on tape, with the request to send; or the downloader cannot be reached",
    }
    return {status: {"description": text, "content": content} for status, text in found.items()}
