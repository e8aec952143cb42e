"""The answer for files that are on tape: 503 with their state and the request to send."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse

from portal_downloader.domain.states import file_availability
from portal_downloader.http.access import FileAccess
from portal_downloader.http.problems import problem
from portal_downloader.store.rows.file import ListedFile

RETRY_SECONDS = 30
MAX_LISTED = 1000  # files in the request; for more, the whole dataset is requested


async def offline_response(
    access: FileAccess, pid: str, rows: Sequence[ListedFile], *, what: str, **extensions: Any
) -> JSONResponse:
    """Returns 503 with the offline files of `what`, a crop or a slice, and how to request them."""
    states = set(await access.availabilities(pid, rows))
    broken = next((r for r in rows if file_availability(r.state) in ("UNAVAILABLE", "LOST")), None)
    if broken is not None:
        detail = f"{broken.location!r} is unavailable: {broken.reason}"
        return problem(503, detail, state=file_availability(broken.state), pid=pid, **extensions)
    locations = [row.location for row in rows]
    body: dict[str, Any] = {"pid": pid}
    if len(locations) <= MAX_LISTED:
        body["files"] = locations
    return problem(
        503,
        f"{len(rows)} data or metadata files of this {what} are on tape or being recalled:"
        " send the request given here, then try again",
        {"Retry-After": str(RETRY_SECONDS)},
        state="RESTORING" if states == {"RESTORING"} else "ARCHIVED",
        pid=pid,
        files=len(rows),
        bytes=sum(row.size for row in rows),
        request=access.request_hint(body),
        **extensions,
    )
