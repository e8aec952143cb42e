"""IDS over HTTP: parameters from the address or a form, errors as JSON with IDS's own codes."""

import json
import logging
from collections.abc import Iterable
from urllib.parse import parse_qsl

from portal_local.icat.errors import IcatError, Kind
from portal_local.icat.ids.download import Content
from portal_local.icat.ids.operations import Asked, Ids, NotOnline
from portal_local.icat.wire.body import Malformed

_CODES: dict[Kind, tuple[str, int]] = {
    "BAD_PARAMETER": ("BadRequestException", 400),
    "VALIDATION": ("BadRequestException", 400),
    "OBJECT_ALREADY_EXISTS": ("BadRequestException", 400),
    "INSUFFICIENT_PRIVILEGES": ("InsufficientPrivilegesException", 403),
    "SESSION": ("InsufficientPrivilegesException", 403),
    "NO_SUCH_OBJECT_FOUND": ("NotFoundException", 404),
    "NOT_IMPLEMENTED": ("NotImplementedException", 501),
}

logger = logging.getLogger(__name__)


def answer(
    ids: Ids, method: str, name: str, *, query: str, body: Iterable[bytes], wanted: str
) -> Content:
    """The answer to a request for /ids/`name`; a POST brings its parameters as a form.

    Malformed is the caller's to answer: where the next request would begin is not known.
    """
    operation = ids.operation(method, name)
    if operation is None:
        return _error("NotImplementedException", 501, f"there is no {method} {name}")
    if method == "POST":
        query, body = b"".join(body).decode(errors="replace"), ()
    asked = Asked(dict(parse_qsl(query)), body, wanted)
    try:
        return operation(asked)
    except NotOnline as error:
        return _error("DataNotOnlineException", 503, str(error))
    except IcatError as error:
        code, status = _CODES.get(error.kind, ("InternalException", 500))
        return _error(code, status, error.message)
    except Malformed:
        raise
    except Exception as error:
        logger.exception("%s %s failed", method, name)
        return _error("InternalException", 500, type(error).__name__)


def _error(code: str, status: int, message: str) -> Content:
    """In ASCII, as IDS's clients want it."""
    body = json.dumps({"code": code, "message": message, "offset": -1})
    return Content(body.encode("ascii"), "application/json", status)
