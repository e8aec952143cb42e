"""DataCite's error responses: `errors`, each with a title and the attribute as its source."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

TITLES = {
    400: "You need to provide a payload following the JSONAPI spec",
    401: "Bad credentials.",
    403: "You are not authorized to access this resource.",
    404: "The resource you are looking for doesn't exist.",
    405: "Method not allowed",
    409: "The resource already exists.",
    413: "The payload is too large.",
    429: "Too many requests, please try again later.",
    500: "Internal server error.",
    503: "Service unavailable.",
}


@dataclass(frozen=True)
class Fault:
    """A problem of one attribute of the metadata."""

    source: str
    title: str


class Refused(Exception):
    """The call is refused and changes nothing; `faults` are the invalid attributes."""

    def __init__(self, status: int, title: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(title or TITLES.get(status, "Refused"))
        self.status = status
        self.title = title
        self.faults = tuple(faults)


def answer(refused: Refused, doi: str | None = None) -> Response:
    """Return the response: by attribute if there are invalid ones, else by status."""
    if not refused.faults:
        return plain(refused.status, refused.title)
    about = {"uid": doi} if doi else {}
    errors = [{"source": f.source, **about, "title": f.title} for f in refused.faults]
    return JSONResponse({"errors": errors}, refused.status)


def plain(status: int, title: str | None = None) -> Response:
    text = title or TITLES.get(status, "Refused")
    headers = {"Allow": "HEAD, GET, POST, PATCH, PUT, OPTIONS"} if status == 405 else None  # noqa: PLR2004
    return JSONResponse({"errors": [{"status": str(status), "title": text}]}, status, headers)
