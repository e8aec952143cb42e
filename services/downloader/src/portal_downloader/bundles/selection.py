"""Which files of a dataset an address names: all, those of a folder, those named, a request's."""

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

MOST_NAMED = 1000  # in an address
KNOWN = frozenset({"format", "file", "request", "after", "limit"})


@dataclass(frozen=True)
class Selection:
    """Rows of a dataset: below a folder, or only those of these locations."""

    pid: str
    folder: str = ""  # ends with a slash, unless it is the dataset's own
    locations: tuple[str, ...] | None = None
    request: str | None = None  # that named the locations

    @property
    def is_whole(self) -> bool:
        return not self.folder and self.locations is None

    @property
    def query(self) -> str:
        """Of its address."""
        if self.request is not None:
            return urlencode({"request": self.request})
        return urlencode({"file": self.locations}, doseq=True) if self.locations else ""

    def which(self) -> Doc:
        """As the database is asked; locations are asked for in portions instead."""
        found: Doc = {"pid": self.pid}
        if self.folder:
            end = self.folder[:-1] + chr(ord("/") + 1)
            found["location"] = {"$gte": self.folder, "$lt": end}
        return found

    def wish(self, away: Sequence[str]) -> dict[str, Any]:
        """The body of a request for what is not online of it."""
        if self.is_whole or len(away) > MOST_NAMED:
            return {"pid": self.pid}
        return {"pid": self.pid, "files": list(away)}


async def selection(pid: str, folder: str, query: QueryParams, requests: Requests) -> Selection:
    """Raises Invalid, naming the field, or NotFound for a request that is none of this dataset."""
    unknown = sorted(set(query.keys()) - KNOWN)
    if unknown:
        raise Invalid(f"is not known; there are {', '.join(sorted(KNOWN))}", field=unknown[0][:100])
    named, request = query.getlist("file"), query.get("request")
    if request is not None and (named or folder):
        raise Invalid("goes with no folder and no file", field="request")
    if named and folder:
        raise Invalid("goes with no folder: locations are the dataset's", field="file")
    if request is not None:
        found = await requests.locations(request, pid)
        if found is None:
            raise NotFound(f"no download {request[:100]!r} of this dataset", field="request")
        return Selection(pid, locations=found[0], request=request)
    if len(named) > MOST_NAMED:
        reason = f"names {len(named)} files, at most {MOST_NAMED} can be: make a request of them"
        raise Invalid(reason, field="file")
    return Selection(pid, folder, tuple(dict.fromkeys(named)) or None)


class Selected:
    """Reads what a selection selects."""

    def __init__(self, files: Files) -> None:
        self.files = files

    async def members(self, chosen: Selection) -> tuple[list[Member], list[Doc]]:
        """All of it in order, and the rows of what is not online. Raises NotFound."""
        members: list[Member] = []
        away: list[Doc] = []
        async for row in self.files.sorted_rows(chosen.which(), chosen.locations):
            if row["state"] != "online":
                away.append(row)
            members.append(Member(row["location"], row["size"] or 0, row["sha256"] or ""))
        self._all_there(chosen, members)
        return members, away

    async def is_online(self, chosen: Selection) -> bool:
        return not await self.files.any_away(chosen.which(), chosen.locations)

    def _all_there(self, chosen: Selection, members: Sequence[Member]) -> None:
        if chosen.locations is not None and len(members) < len(chosen.locations):
            there = {m.location for m in members}
            absent = next(name for name in chosen.locations if name not in there)
            raise NotFound(f"the dataset has no file {absent[:200]!r}", field="file")
        if not members:
            what = f"folder {chosen.folder[:200]!r}" if chosen.folder else "files"
            raise NotFound(f"the dataset has no {what}")
