"""Writes a record as Croissant 1.0 (MLCommons): its files, and a table of them."""

from typing import Any

from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.json_ld import json_ld

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_COPIED = ("name", "description", "url", "license", "creator", "publisher", "datePublished",
         "dateModified", "keywords", "inLanguage", "version", "identifier")  # fmt: skip
_FIELDS = (("name", "sc:Text"), ("url", "sc:URL"), ("bytes", "sc:Integer"), ("sha256", "sc:Text"))


def croissant(cited: CitedRecord, citation: str) -> dict[str, Any]:
    """Returns a Dataset; `citation` is text. Files without a SHA-256 are left out."""
    made = json_ld(cited)
    files = [one for one in made.get("distribution", ()) if one.get("sha256")]
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "citeAs": citation,
        **{name: made[name] for name in _COPIED if name in made},
    }
    found["version"] = _semantic(str(made.get("version", "1")))
    found["distribution"] = [_file(number, one) for number, one in enumerate(files)]
    if files:
        found["recordSet"] = [_table(files)]
    return found


def _semantic(version: str) -> str:
    """Returns an edition as a version of three numbers, which Croissant recommends."""
    return f"{version}.0.0" if version.isdigit() else version


def _file(number: int, file: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"file-{number}",
        **{k: v for k, v in file.items() if k != "@type"},
    }


def _table(files: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the list of the files as records."""
    return {
        "@type": "cr:RecordSet",
        "@id": "files",
        "name": "files",
        "description": "The files of the dataset, with address, size and checksum",
        "key": {"@id": "files/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"files/{name}", "name": name, "dataType": kind}
            for name, kind in _FIELDS
        ],
        "data": [
            {
                "files/name": one["name"],
                "files/url": one["contentUrl"],
                "files/bytes": int(str(one.get("contentSize", "0 B")).removesuffix(" B")),
                "files/sha256": one["sha256"],
            }
            for one in files
        ],
    }
