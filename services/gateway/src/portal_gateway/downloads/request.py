"""Parses the body and the idempotency key of a download request."""

import json
import re
from typing import Any, cast
from urllib.parse import parse_qsl

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
    folder: str | None = None  # instead of files: those below it
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
    files, folder = _files(given.get("files")), _folder(given.get("folder"))
    if files is not None and folder is not None:
        raise Invalid("cannot be given together with files", field="folder")
    return DownloadRequest(
        pid=_pid(given.get("pid")),
        files=files,
        folder=folder,
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


def _folder(given: object) -> str | None:
    """Returns a folder with a slash at its end; None for all files."""
    if given is None or given == "":
        return None
    if not isinstance(given, str) or len(given) > MAX_LOCATION_CHARACTERS:
        raise Invalid("must be a folder of the dataset", field="folder")
    return f"{given.strip('/')}/"


def parse_form(body: bytes) -> DownloadRequest:
    """Parses the body of an HTML form with the same fields, of which files cannot be listed.

    Raises Invalid with the field that is wrong, or TooLarge.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"is larger than {MAX_BODY_BYTES} bytes", field="body")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise Invalid(f"is not a form: {error}"[:300], field="body") from error
    given = {name: value for name, value in pairs if value}
    return parse_request(json.dumps(given).encode())


def parse_idempotency_key(header: str | None) -> str | None:
    """Returns the key of the header. Raises Invalid if it is too long or not visible ASCII."""
    if header is None:
        return None
    if len(header) > MAX_KEY_CHARACTERS or not _KEY.fullmatch(header):
        reason = f"must be visible ASCII of at most {MAX_KEY_CHARACTERS} characters"
        raise Invalid(reason, field="Idempotency-Key")
    return header
