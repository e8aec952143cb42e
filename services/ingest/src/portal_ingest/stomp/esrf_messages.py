"""Converts messages of pyicat-plus to ingest jobs: XML of datasets and investigations, and JSON.

A dataset's pid is derived from its location, because later messages identify it by that. It is not
public until a data curator releases it.
"""

import hashlib
import json
import math
import re
from functools import cache
from typing import Any, cast
from xml.etree.ElementTree import Element

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import JOB_VERSION, MAX_JOB_BYTES
from portal_shared.contracts.moments import describe_moment, parse_moment
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.validator import MAX_RECORDS

from portal_ingest.stomp.xml_reader import local_name, parse, required_text, text

PROFILE = "esrf"
SENDER = "pyicat-plus"
FACILITY = "ESRF"
INGEST, UPDATE = "icatIngest", "icatUpdateDatasetMetadata"
REFUSED = {  # queues whose messages are refused: why, and what to do instead
    "icatDataFiles": "files need checksums; prepare a job for this dataset with `portal curate`"
    " and submit it",
    "icatArchiveRestoreStatus": "the portal queries the archive itself; configure it with the"
    " downloader's setting PORTAL_ARCHIVE",
    "rescheduleInvestigation": "the portal is not connected to a user office; send the"
    " investigation with its new dates, with start_investigation or as a job",
}
QUEUES = (INGEST, UPDATE, *REFUSED)
MAX_PID_CHARACTERS = 255
_ICAT_ID = re.compile(rb'\b(dataset|investigation)Id"?\s*+[:>]\s*+(\d{1,19})(?!\d)')
_NUMBER = re.compile(r"[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?")


def to_job(queue: str, body: bytes) -> dict[str, Any]:
    """Returns the job for a message of this queue. Raises Invalid with what is wrong."""
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"the message has {len(body)} bytes; the limit is {MAX_JOB_BYTES}")
    if queue in REFUSED:
        raise Invalid(f"{_describe(body)} is not accepted: {REFUSED[queue]}")
    parts = _from_update(body) if queue == UPDATE else _from_xml(body)
    digest = hashlib.sha256(body).hexdigest()[:24]
    return {
        "version": JOB_VERSION,
        "job_id": f"pyicat-plus-{digest}",
        "profile": PROFILE,
        "sender": SENDER,
        **parts,
    }


def _describe(body: bytes) -> str:
    """Returns the ICAT id in the message, so that its sender recognises it, and nothing else."""
    found = _ICAT_ID.search(body)
    return f"ICAT's {found[1].decode()} {found[2].decode()}" if found else "a message"


def _from_xml(body: bytes) -> dict[str, Any]:
    root = parse(body)
    kind = local_name(root.tag)
    if kind == "dataset":
        return {"datasets": [_dataset(root)]}
    if kind == "investigation":
        return {"document": _investigation(root)}
    raise Invalid(f"the root element is {kind[:80]!r}; it must be 'dataset' or 'investigation'")


def _moment(root: Element, name: str) -> str | None:
    """Returns the text of a date. Raises Invalid unless it is RFC 3339 with a time zone."""
    found = text(root, name)
    if found is not None and parse_moment(found) is None:
        raise Invalid(describe_moment(found), field=name)
    return found


def pid_of(location: str) -> str:
    """Returns the pid of the dataset at that location; a digest if it would be too long."""
    pid = f"icat:{location.strip().rstrip('/')}"
    if len(pid) > MAX_PID_CHARACTERS:
        return f"icat:{hashlib.sha256(location.encode()).hexdigest()}"
    return pid


def _dataset(root: Element) -> dict[str, Any]:
    name, location = required_text(root, "name"), required_text(root, "location")
    beamline = required_text(root, "instrument").upper()
    sample = text(root, "sample", "name")
    rows = [child for child in root if local_name(child.tag) == "parameter"]
    required_text(root, "startDate")
    start, end = _moment(root, "startDate"), _moment(root, "endDate")
    return {
        "name": name,
        "pid": pid_of(location),
        "title": name,
        "is_public": False,
        "created": start,
        "proposal": required_text(root, "investigation"),
        "instrument": _instrument(beamline),
        "samples": [{"pid": sample, "name": sample}] if sample else [],
        "parameters": [_parameter(required_text(r, "name"), text(r, "value") or "") for r in rows],
        "details": {"location": location, **({"end_date": end} if end else {})},
    }


def _instrument(beamline: str) -> dict[str, str]:
    return {"pid": f"{FACILITY}-{beamline}", "name": beamline, "facility": FACILITY}


def _investigation(root: Element) -> dict[str, Any]:
    proposal, beamline = (
        required_text(root, "experiment"),
        required_text(root, "instrument").upper(),
    )
    dates = {"start_date": _moment(root, "startDate"), "end_date": _moment(root, "endDate")}
    return {
        "name": f"{proposal} at {beamline}",
        "pid": f"icat:{proposal}:{beamline}",
        "title": f"Proposal {proposal} at {beamline}",
        "type": "proposal",
        "is_public": False,
        **{name: moment for name, moment in dates.items() if moment},
    }


def _parameter(name: str, value: str) -> dict[str, Any]:
    """Returns a number with its unit if the profile has a unit for that name in ICAT."""
    unit = _units().get(name)
    number = float(value) if unit is not None and _NUMBER.fullmatch(value) else math.inf
    if not math.isfinite(number):
        return {"name": name, "value": value}
    return {"name": name, "value": number, "unit": unit}


@cache
def _units() -> dict[str, str]:
    rules = profiles.load("human-organs").parameters.values()
    return {rule.icat: rule.unit for rule in rules if rule.icat and rule.unit is not None}


def _from_update(body: bytes) -> dict[str, Any]:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the message is not JSON: {error}") from error
    message = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    labels = ("datasetPaths", "metadataName", "metadataValue")
    paths, name, value = (message.get(label) for label in labels)
    if not isinstance(name, str) or not name:
        raise Invalid("the name of the parameter is missing", field="metadataName")
    if not isinstance(value, str | int | float):
        raise Invalid("the value must be a text or a number", field="metadataValue")
    if not isinstance(paths, list) or not paths:
        raise Invalid("must be a list of at least one path", field="datasetPaths")
    parameter = _parameter(name, str(value))
    locations = cast("list[Any]", paths)
    if len(locations) > MAX_RECORDS:
        raise Invalid(f"has {len(locations)} paths; at most {MAX_RECORDS}", field="datasetPaths")
    fields = {f"parameters.{name}": {k: v for k, v in parameter.items() if k != "name"}}
    pids = dict.fromkeys(pid_of(str(p)) for p in locations)
    return {"kind": "patch", "records": [{"pid": pid, "fields": fields} for pid in pids]}
