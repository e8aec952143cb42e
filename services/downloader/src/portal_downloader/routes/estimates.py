"""GET /data/{pid}/estimate?folder=: how long a request of files would take. Nothing is recalled."""

from typing import Any

from fastapi import Request
from portal_shared.runtime.errors import Invalid, NotFound
from starlette.responses import JSONResponse, Response

from portal_downloader.domain.estimates import Extent, Throughput, UsualPace, seconds_if_requested
from portal_downloader.domain.states import NOT_ONLINE, REQUESTABLE, Tally
from portal_downloader.http.problems import CORS
from portal_downloader.settings import DownloaderSettings
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.stores import Stores

ESTIMATE_NAME = "estimate"  # reserved, unless the dataset has such a file
PARAMETER = "folder"
MAX_FOLDER_CHARACTERS = 1000
HEADERS = {**CORS, "Cache-Control": "public, max-age=5"}


class EstimateResponder:
    """Answers what a request of files would cost in time."""

    def __init__(
        self, stores: Stores, throughput: Throughput, settings: DownloaderSettings
    ) -> None:
        self._files = stores.files
        self._requests = stores.requests
        self._throughput = throughput
        self._usual = UsualPace(settings.usual_first_seconds, settings.usual_bytes_per_second)

    async def respond(self, request: Request, dataset: DatasetRow) -> Response:
        """Returns the estimate as JSON. Raises Invalid, or NotFound without such files."""
        folder = _folder(request)
        tally = await self._files.sums.folder_tally(dataset.pid, folder)
        if not tally.all_files:
            what = f"folder {folder[:200]!r}" if folder else "files"
            raise NotFound(f"the dataset has no {what}", field=PARAMETER if folder else None)
        found = await self._estimate(tally)
        return JSONResponse({"pid": dataset.pid, "folder": folder, **found}, headers=HEADERS)

    async def _estimate(self, tally: Tally) -> dict[str, Any]:
        offline, wanted = _extent(tally, NOT_ONLINE), _extent(tally, REQUESTABLE)
        ahead, place = Extent(0, 0), None
        seconds, basis = 0.0, "online"
        if offline.files:
            ahead = await self._requests.extent_left()  # with those of these files that are coming
            place = 1 + await self._requests.count_open()
            seconds, basis = seconds_if_requested(
                wanted, ahead, throughput=self._throughput, usual=self._usual
            )
        return {
            "files": tally.all_files,
            "bytes": tally.all_bytes,
            "files_on_tape": offline.files,
            "bytes_on_tape": offline.bytes,
            "files_ahead": ahead.files,
            "bytes_ahead": ahead.bytes,
            "place": place,
            "seconds": round(seconds, 1),
            "basis": basis,
        }


def _extent(tally: Tally, states: tuple[Any, ...]) -> Extent:
    size = sum(tally.sizes.get(state, 0) for state in states)
    return Extent(tally.count(*states), int(size))


def _folder(request: Request) -> str:
    """Returns the folder with a slash at its end; empty for the whole dataset."""
    unknown = sorted(set(request.query_params.keys()) - {PARAMETER})
    if unknown:
        raise Invalid(f"unknown parameter; allowed is {PARAMETER}", field=unknown[0][:100])
    text = request.query_params.get(PARAMETER, "").strip("/")
    if len(text) > MAX_FOLDER_CHARACTERS:
        raise Invalid(f"has more than {MAX_FOLDER_CHARACTERS} characters", field=PARAMETER)
    return f"{text}/" if text else ""
