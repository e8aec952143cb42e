"""Selections of files of a dataset: all, a folder, single files, or those of a download request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from portal_shared.runtime.errors import Invalid, NotFound
from portal_shared.runtime.mongo import Doc
from starlette.datastructures import QueryParams

from portal_downloader.bundles.bagit import Member
from portal_downloader.store.files import Files
from portal_downloader.store.requests import Requests
from portal_downloader.store.rows.file import ListedFile

MAX_FILES_IN_URL = 1000  # in an address
PARAMETERS = frozenset({"format", "file", "request", "after", "limit"})


@dataclass(frozen=True)
class Selection:
    """Files of a dataset: all below a folder, or those at these locations."""

    pid: str
    folder: str = ""  # with a slash at its end; empty for the whole dataset
    locations: tuple[str, ...] | None = None
    request: str | None = None  # the id of the request that names the locations

    @property
    def is_whole_dataset(self) -> bool:
        return not self.folder and self.locations is None

    @property
    def query(self) -> str:
        """Returns the query string of the selection's URL."""
        if self.request is not None:
            return urlencode({"request": self.request})
        return urlencode({"file": self.locations}, doseq=True) if self.locations else ""

    def row_filter(self) -> Doc:
        """Returns the filter of rows without the locations, which are queried in portions."""
        found: Doc = {"pid": self.pid}
        if self.folder:
            end = self.folder[:-1] + chr(ord("/") + 1)
            found["location"] = {"$gte": self.folder, "$lt": end}
        return found

    def download_request(self, offline: Sequence[str]) -> dict[str, Any]:
        """Returns the body of a request for the offline files of the selection."""
        if self.is_whole_dataset or len(offline) > MAX_FILES_IN_URL:
            return {"pid": self.pid}
        return {"pid": self.pid, "files": list(offline)}


async def parse_selection(
    pid: str, folder: str, query: QueryParams, requests: Requests
) -> Selection:
    """Parses a selection. Raises Invalid with the field, or NotFound for an unknown request."""
    unknown = sorted(set(query.keys()) - PARAMETERS)
    if unknown:
        raise Invalid(
            f"unknown parameter; allowed are {', '.join(sorted(PARAMETERS))}",
            field=unknown[0][:100],
        )
    files, request = query.getlist("file"), query.get("request")
    if request is not None and (files or folder):
        raise Invalid("cannot be combined with a folder or with 'file'", field="request")
    if files and folder:
        raise Invalid(
            "cannot be combined with a folder: give the full location of each file", field="file"
        )
    if request is not None:
        found = await requests.locations(request, pid)
        if found is None:
            raise NotFound(
                f"this dataset has no download request {request[:100]!r}", field="request"
            )
        return Selection(pid, locations=found[0], request=request)
    if len(files) > MAX_FILES_IN_URL:
        reason = (
            f"{len(files)} files; at most {MAX_FILES_IN_URL} are allowed: make a download request"
        )
        raise Invalid(reason, field="file")
    return Selection(pid, folder, tuple(dict.fromkeys(files)) or None)


class SelectionReader:
    """Reads the rows of selections."""

    def __init__(self, files: Files) -> None:
        self.files = files

    async def members(self, chosen: Selection) -> tuple[list[Member], list[ListedFile]]:
        """Returns all members in order, and those that are offline. Raises NotFound."""
        members: list[Member] = []
        offline: list[ListedFile] = []
        async for file in self.files.in_order(chosen.row_filter(), chosen.locations):
            if not file.is_online:
                offline.append(file)
            members.append(Member(file.location, file.size, file.sha256))
        self._check_complete(chosen, members)
        return members, offline

    async def is_online(self, chosen: Selection) -> bool:
        """Returns whether all files of the selection are online."""
        return not await self.files.any_offline(chosen.row_filter(), chosen.locations)

    def _check_complete(self, chosen: Selection, members: Sequence[Member]) -> None:
        """Raises NotFound if a selected file, or any file at all, is missing."""
        if chosen.locations is not None and len(members) < len(chosen.locations):
            existing = {m.location for m in members}
            missing = next(name for name in chosen.locations if name not in existing)
            raise NotFound(f"the dataset has no file {missing[:200]!r}", field="file")
        if not members:
            what = f"folder {chosen.folder[:200]!r}" if chosen.folder else "files"
            raise NotFound(f"the dataset has no {what}")
