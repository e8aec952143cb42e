"""IDS over HTTP: parameters from the URL or a form; errors as JSON with IDS's codes."""

import json
import logging
from collections.abc import Iterable
from urllib.parse import parse_qsl

from portal_local.icat.errors import IcatError, Kind
from portal_local.icat.ids.download import Content
from portal_local.icat.ids.operations import DataNotOnline, IdsRequest, IdsService
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
    ids: IdsService, method: str, name: str, *, query: str, body: Iterable[bytes], range_header: str
) -> Content:
    """Answers a request for /ids/`name`; the parameters of a POST are a form.

    Raises Malformed; the caller must then close the connection, since the body has no known end.
    """
    operation = ids.operation(method, name)
    if operation is None:
        return _error("NotImplementedException", 501, f"there is no {method} {name}")
    if method == "POST":
        query, body = b"".join(body).decode(errors="replace"), ()
    request = IdsRequest(dict(parse_qsl(query)), body, range_header)
    try:
        return operation(request)
    except DataNotOnline as error:
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
    """Returns an error as JSON in ASCII, as clients of IDS expect."""
    body = json.dumps({"code": code, "message": message, "offset": -1})
    return Content(body.encode("ascii"), "application/json", status)
