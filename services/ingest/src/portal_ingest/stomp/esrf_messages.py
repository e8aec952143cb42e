"""What pyicat-plus sends, as ingest jobs: its XML of datasets and investigations, its JSON. Pure.

A dataset's pid is made of its location, by which later messages name it. It is not public: whoever
curates it releases it.
"""

import hashlib
import json
import math
import re
from typing import Any, cast

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from portal_shared import profile as profiles
from portal_shared.contracts.jobs import JOB_VERSION, MAX_JOB_BYTES
from portal_shared.runtime.errors import Invalid

PROFILE = "esrf"
FACILITY = "ESRF"
INGEST, UPDATE = "icatIngest", "icatUpdateDatasetMetadata"
REFUSED = {  # what the portal does not do for such a message, and what is done instead
    "icatDataFiles": "files are registered with their checksums: prepare a job with portal curate,"
    " and send it for the dataset of this place",
    "icatArchiveRestoreStatus": "the portal asks the archive itself where files are: configure it"
    " with PORTAL_ARCHIVE of the downloader",
    "rescheduleInvestigation": "the portal has no user office to ask: send the investigation with"
    " its dates, by start_investigation or as a job",
}
QUEUES = (INGEST, UPDATE, *REFUSED)
LONGEST_PID = 255
_ICAT_ID = re.compile(rb'\b(dataset|investigation)Id"?\s*+[:>]\s*+(\d{1,19})(?!\d)')
_NUMBER = re.compile(r"[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?")


def job(queue: str, body: bytes) -> dict[str, Any]:
    """The job that a message of this queue asks for. Raises Invalid with what is wrong."""
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"{len(body)} bytes are more than the {MAX_JOB_BYTES} of a job")
    if queue in REFUSED:
        raise Invalid(f"{_about(body)} is not taken: {REFUSED[queue]}")
    parts = _update(body) if queue == UPDATE else _from_xml(body)
    digest = hashlib.sha256(body).hexdigest()[:24]
    return {
        "version": JOB_VERSION,
        "job_id": f"pyicat-plus-{digest}",
        "profile": PROFILE,
        "sender": "pyicat-plus",
        **parts,
    }


def _about(body: bytes) -> str:
    """ICAT's number in a message, by which its sender knows it again; nothing else is repeated."""
    found = _ICAT_ID.search(body)
    return f"ICAT's {found[1].decode()} {found[2].decode()}" if found else "a message"


def _from_xml(body: bytes) -> dict[str, Any]:
    try:
        root = ElementTree.fromstring(body)
    except DefusedXmlException as error:
        raise Invalid(f"holds what XML of datasets never does: {error}") from error
    except ElementTree.ParseError as error:
        line, column = error.position
        raise Invalid(f"not XML: {error} (line {line}, column {column + 1})") from error
    kind = _local(root.tag)
    if kind == "dataset":
        return {"datasets": [_dataset(root)]}
    if kind == "investigation":
        return {"document": _investigation(root)}
    raise Invalid(f"{kind[:80]!r} is neither a dataset nor an investigation")


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _text(element: Any, *path: str) -> str | None:
    """The text of the first child by local name; None where it is missing or empty."""
    here = element
    for name in path:
        here = next((child for child in here if _local(child.tag) == name), None)
        if here is None:
            return None
    return (here.text or "").strip() or None


def _needed(element: Any, name: str) -> str:
    found = _text(element, name)
    if found is None:
        raise Invalid("missing", field=name)
    return found


def pid_of(location: str) -> str:
    """Of the dataset at that place; a long one is told by its digest."""
    pid = f"icat:{location.strip().rstrip('/')}"
    if len(pid) > LONGEST_PID:
        return f"icat:{hashlib.sha256(location.encode()).hexdigest()}"
    return pid


def _dataset(root: Any) -> dict[str, Any]:
    name, location = _needed(root, "name"), _needed(root, "location")
    beamline = _needed(root, "instrument").upper()
    sample = _text(root, "sample", "name")
    rows = [child for child in root if _local(child.tag) == "parameter"]
    start, end = _needed(root, "startDate"), _text(root, "endDate")
    return {
        "name": name,
        "pid": pid_of(location),
        "title": name,
        "is_public": False,
        "created": start,
        "proposal": _needed(root, "investigation"),
        "instrument": _instrument(beamline),
        "samples": [{"pid": sample, "name": sample}] if sample else [],
        "parameters": [_parameter(_needed(r, "name"), _text(r, "value") or "") for r in rows],
        "details": {"location": location, **({"end_date": end} if end else {})},
    }


def _instrument(beamline: str) -> dict[str, str]:
    return {"pid": f"{FACILITY}-{beamline}", "name": beamline, "facility": FACILITY}


def _investigation(root: Any) -> dict[str, Any]:
    proposal, beamline = _needed(root, "experiment"), _needed(root, "instrument").upper()
    dates = {"start_date": _text(root, "startDate"), "end_date": _text(root, "endDate")}
    return {
        "name": f"{proposal} at {beamline}",
        "pid": f"icat:{proposal}:{beamline}",
        "title": f"Proposal {proposal} at {beamline}",
        "type": "proposal",
        "is_public": False,
        **{name: moment for name, moment in dates.items() if moment},
    }


def _parameter(name: str, value: str) -> dict[str, Any]:
    """A number with its unit where a profile's name in ICAT says that it is one."""
    unit = _units().get(name)
    number = float(value) if unit is not None and _NUMBER.fullmatch(value) else math.inf
    if not math.isfinite(number):
        return {"name": name, "value": value}
    return {"name": name, "value": number, "unit": unit}


def _units() -> dict[str, str]:
    rules = profiles.load("human-organs").parameters.values()
    return {rule.icat: rule.unit for rule in rules if rule.icat and rule.unit is not None}


def _update(body: bytes) -> dict[str, Any]:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}") from error
    told = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    paths, name, value = (told.get(n) for n in ("datasetPaths", "metadataName", "metadataValue"))
    if not isinstance(name, str) or not name:
        raise Invalid("missing", field="metadataName")
    if not isinstance(value, str | int | float):
        raise Invalid("is no text or number", field="metadataValue")
    if not isinstance(paths, list) or not paths:
        raise Invalid("is no list of paths", field="datasetPaths")
    parameter = _parameter(name, str(value))
    fields = {f"parameters.{name}": {k: v for k, v in parameter.items() if k != "name"}}
    pids = dict.fromkeys(pid_of(str(p)) for p in cast("list[Any]", paths))
    return {"kind": "patch", "records": [{"pid": pid, "fields": fields} for pid in pids]}
