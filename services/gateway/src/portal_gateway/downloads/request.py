"""What a reader asks to download: read from the body, judged by name. Pure."""

import json
import re
from typing import Any, cast

import httpx
from portal_shared.contracts.records import Pid
from portal_shared.runtime.errors import Invalid, PortalError
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

LARGEST_BODY = 1_048_576
MOST_FILES = 10_000
LONGEST_LOCATION = 4096
LONGEST_KEY = 255
LAST_PORT = 65_535
_KEY = re.compile(r"[\x21-\x7e]+")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[\x21-\x7e]*)?")
_PIDS: TypeAdapter[str] = TypeAdapter(Pid)


class Wish(BaseModel):
    model_config = ConfigDict(frozen=True)

    pid: str  # or a DOI
    files: tuple[str, ...] | None = None  # locations; None: all
    email: str | None = None  # told there when it has ended
    webhook: str | None = None  # called then


class TooLarge(PortalError):
    status = 413


def wish(body: bytes) -> Wish:
    """Raises Invalid, naming the field."""
    if len(body) > LARGEST_BODY:
        raise TooLarge(f"is larger than {LARGEST_BODY} bytes", field="body")
    try:
        sent: Any = json.loads(body)
        json.dumps(sent, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # half surrogate pairs included
        raise Invalid(f"is not JSON: {error}"[:300], field="body") from error
    if not isinstance(sent, dict):
        raise Invalid("is not an object", field="body")
    given = cast("dict[str, Any]", sent)
    unknown = sorted(given.keys() - set(Wish.model_fields))
    if unknown:
        known = ", ".join(Wish.model_fields)
        raise Invalid(f"is not known; there are {known}", field=unknown[0][:100])
    return Wish(
        pid=_pid(given.get("pid")),
        files=_files(given.get("files")),
        email=_matching(given.get("email"), _EMAIL, "is no e-mail address", field="email"),
        webhook=_webhook(given.get("webhook")),
    )


def _matching(given: object, pattern: re.Pattern[str], refusal: str, *, field: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or len(given) > LONGEST_KEY or not pattern.fullmatch(given):
        raise Invalid(refusal, field=field)
    return given


def _webhook(given: object) -> str | None:
    """An address that can be called: a host and a port that may exist."""
    refusal = "is no http or https address"
    found = _matching(given, _URL, refusal, field="webhook")
    if found is None:
        return None
    try:
        address = httpx.URL(found)
        named = address.host.encode("idna")  # as it is looked up; empty and long labels fail
        port = address.port
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Invalid(f"{refusal}: {error}"[:300], field="webhook") from error
    if not named or (port is not None and not 0 < port <= LAST_PORT):
        raise Invalid(refusal, field="webhook")
    return found


def _pid(given: object) -> str:
    if given is None:
        raise Invalid("is missing", field="pid")
    try:
        return _PIDS.validate_python(given, strict=True)
    except ValidationError as error:
        raise Invalid(str(error.errors()[0]["msg"]), field="pid") from error


def _files(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise Invalid("is not a list of locations", field="files")
    locations = cast("list[object]", given)
    if not locations:
        raise Invalid("names no file; leave it out to ask for all", field="files")
    if len(locations) > MOST_FILES:
        reason = f"names {len(locations)} files, at most {MOST_FILES} can be; leave it out for all"
        raise Invalid(reason, field="files")
    found: dict[str, None] = {}
    for number, location in enumerate(locations):
        if not isinstance(location, str) or not 0 < len(location) <= LONGEST_LOCATION:
            raise Invalid("is no location of a file", field=f"files[{number}]")
        found[location] = None
    return tuple(found)


def idempotency_key(header: str | None) -> str | None:
    """Raises Invalid for one that cannot be kept."""
    if header is None:
        return None
    if len(header) > LONGEST_KEY or not _KEY.fullmatch(header):
        reason = f"has more than {LONGEST_KEY} characters, or other than visible ASCII"
        raise Invalid(reason, field="Idempotency-Key")
    return header
