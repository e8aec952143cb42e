"""Parses the body and the idempotency key of a download request."""

import json
import re
from typing import Any, cast

import httpx
from portal_shared.contracts.records import Pid
from portal_shared.runtime.errors import Invalid, PortalError
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

MAX_BODY_BYTES = 1_048_576
MAX_FILES = 10_000
MAX_LOCATION_CHARACTERS = 4096
MAX_KEY_CHARACTERS = 255
MAX_PORT = 65_535
_KEY = re.compile(r"[\x21-\x7e]+")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[\x21-\x7e]*)?")
_PIDS: TypeAdapter[str] = TypeAdapter(Pid)


class DownloadRequest(BaseModel):
    model_config = ConfigDict(frozen=True)

    pid: str  # or a DOI
    files: tuple[str, ...] | None = None  # locations; None: all
    email: str | None = None  # gets a message when the download has ended
    webhook: str | None = None  # is called when the download has ended


class TooLarge(PortalError):
    status = 413


def parse_request(body: bytes) -> DownloadRequest:
    """Parses the JSON body. Raises Invalid with the field that is wrong, or TooLarge."""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"is larger than {MAX_BODY_BYTES} bytes", field="body")
    try:
        sent: Any = json.loads(body)
        json.dumps(sent, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # includes unpaired surrogates
        raise Invalid(f"is not JSON: {error}"[:300], field="body") from error
    if not isinstance(sent, dict):
        raise Invalid("must be a JSON object", field="body")
    given = cast("dict[str, Any]", sent)
    unknown = sorted(given.keys() - set(DownloadRequest.model_fields))
    if unknown:
        known = ", ".join(DownloadRequest.model_fields)
        raise Invalid(f"is not known; known are {known}", field=unknown[0][:100])
    return DownloadRequest(
        pid=_pid(given.get("pid")),
        files=_files(given.get("files")),
        email=_match(given.get("email"), _EMAIL, "must be an e-mail address", field="email"),
        webhook=_webhook(given.get("webhook")),
    )


def _match(given: object, pattern: re.Pattern[str], reason: str, *, field: str) -> str | None:
    if given is None:
        return None
    if (
        not isinstance(given, str)
        or len(given) > MAX_KEY_CHARACTERS
        or not pattern.fullmatch(given)
    ):
        raise Invalid(reason, field=field)
    return given


def _webhook(given: object) -> str | None:
    """Returns a URL whose host and port are valid."""
    reason = "must be an http or https URL"
    found = _match(given, _URL, reason, field="webhook")
    if found is None:
        return None
    try:
        address = httpx.URL(found)
        host = address.host.encode("idna")  # fails for empty and too long labels
        port = address.port
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Invalid(f"{reason}: {error}"[:300], field="webhook") from error
    if not host or (port is not None and not 0 < port <= MAX_PORT):
        raise Invalid(reason, field="webhook")
    return found


def _pid(given: object) -> str:
    if given is None:
        raise Invalid("is required", field="pid")
    try:
        return _PIDS.validate_python(given, strict=True)
    except ValidationError as error:
        raise Invalid(str(error.errors()[0]["msg"]), field="pid") from error


def _files(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise Invalid("must be a list of locations", field="files")
    locations = cast("list[object]", given)
    if not locations:
        raise Invalid("is empty; leave it out to request all files", field="files")
    if len(locations) > MAX_FILES:
        reason = (
            f"has {len(locations)} locations, at most {MAX_FILES} are allowed; "
            "leave it out to request all files"
        )
        raise Invalid(reason, field="files")
    found: dict[str, None] = {}
    for number, location in enumerate(locations):
        if not isinstance(location, str) or not 0 < len(location) <= MAX_LOCATION_CHARACTERS:
            raise Invalid("must be the location of a file", field=f"files[{number}]")
        found[location] = None
    return tuple(found)


def parse_idempotency_key(header: str | None) -> str | None:
    """Returns the key of the header. Raises Invalid if it is too long or not visible ASCII."""
    if header is None:
        return None
    if len(header) > MAX_KEY_CHARACTERS or not _KEY.fullmatch(header):
        reason = f"must be visible ASCII of at most {MAX_KEY_CHARACTERS} characters"
        raise Invalid(reason, field="Idempotency-Key")
    return header
