"""Responses with many files: archives with ranges, and lists of URLs for download tools."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from portal_shared.contracts.file_urls import data_path, folder_name
from portal_shared.runtime.errors import Invalid
from starlette.responses import JSONResponse, Response, StreamingResponse

from portal_downloader.bundles import bagit, metalink, scripts
from portal_downloader.bundles.bagit import Entry, Member
from portal_downloader.bundles.layouts import LayoutCache, dataset_info
from portal_downloader.bundles.selection import Selection, SelectionReader
from portal_downloader.bundles.zip import Zip
from portal_downloader.http import responses
from portal_downloader.http.access import FileAccess, FilesOffline
from portal_downloader.http.problems import CORS, problem
from portal_downloader.http.responses import FileView
from portal_downloader.store.rows.dataset import DatasetRow

RETRY_SECONDS = 30
LINES_PER_CHUNK = 1000
FORMATS = (
    "zip", "tar", "bag", "metalink", "manifest", "sha256sums", "aria2", "wget", "curl", "commands",
)  # fmt: skip
TYPES = {"zip": "application/zip", "tar": "application/x-tar"}
LISTS = {
    "metalink": (metalink.MEDIA_TYPE, ".meta4"),
    "manifest": ("text/plain; charset=utf-8", "-manifest-sha256.txt"),
    "sha256sums": ("text/plain; charset=utf-8", "-SHA256SUMS"),
    "aria2": ("text/plain; charset=utf-8", "-aria2.txt"),
    "wget": ("text/x-shellscript; charset=utf-8", "-wget.sh"),
    "curl": ("text/x-shellscript; charset=utf-8", "-curl.sh"),
}


@dataclass(frozen=True)
class BundleResponder:
    """Answers requests for a selection in one of the FORMATS."""

    access: FileAccess
    selections: SelectionReader
    layouts: LayoutCache

    async def respond(
        self, request: Request, kind: str, dataset: DatasetRow, chosen: Selection
    ) -> Response:
        """Returns the selection in this format. Raises Invalid, NotFound."""
        if kind == "zip" or kind == "tar":  # noqa: PLR1714  # narrows the type
            try:
                bundle = await self.layouts.layout(kind, dataset, chosen)
            except FilesOffline as offline:
                return await self._not_online(chosen, offline)
            await self.access.mark_used(bundle.digests, tag=bundle.tag)
            headers = self._headers(TYPES[kind], dataset.pid, f".{kind}")
            view = FileView(bundle.segments, bundle.tag, dataset.listed_at, bundle.digests)
            return responses.file_response(request, view, headers, self.access)
        if kind == "commands":
            base = self.base(chosen)
            commands = scripts.commands(chosen.pid, base, self.access.site_url)
            return JSONResponse(
                {"pid": chosen.pid, "url": base, "commands": commands}, headers=CORS
            )
        if kind not in FORMATS:
            raise Invalid(f"unknown format; allowed are {', '.join(FORMATS)}", field="format")
        found, offline = await self.selections.members(chosen)
        members = [m for m in found if m.sha256]
        if kind == "bag":
            return self._bag(request, dataset, members)
        on_tape = frozenset(file.location for file in offline)
        return self._list(kind, dataset, chosen, members, on_tape)

    def base(self, chosen: Selection) -> str:
        """Returns the URL of a selection."""
        path = f"{self.access.site_url}{data_path(chosen.pid, chosen.folder)}"
        return f"{path}?{chosen.query}" if chosen.query else path

    def _headers(self, media_type: str, pid: str, ending: str) -> dict[str, str]:
        return {
            **responses.content_headers(media_type),
            **responses.collection_header(self.access.site_url, pid),
            **_attachment(pid, ending),
        }

    def _list(
        self, kind: str, dataset: DatasetRow, chosen: Selection, members: list[Member],
        on_tape: frozenset[str],
    ) -> Response:  # fmt: skip
        """Returns a list of files or a script."""

        def address(location: str) -> str:
            return f"{self.access.site_url}{data_path(chosen.pid, location)}"

        info = dataset_info(dataset)
        lines: Iterable[str]
        if kind == "metalink":
            lines = metalink.metalink(info, members, address)
        elif kind == "manifest":
            lines = bagit.manifest(members)
        elif kind == "sha256sums":
            lines = bagit.checksums(members)
        elif kind == "aria2":
            lines = scripts.aria2_list(info, members, address)
        else:
            size = sum(m.size for m in members)
            page = f"{self.access.site_url}/datasets/{quote(chosen.pid, safe='')}"
            lines = scripts.script(
                kind, info, members, address, request_url=f"{page}/download?level=all",
                files=len(members), size=size, on_tape=on_tape,
            )  # fmt: skip
        media_type, ending = LISTS[kind]
        headers = self._headers(media_type, chosen.pid, ending)
        del headers["Accept-Ranges"]
        return StreamingResponse(_join_lines(lines), headers=headers)

    def _bag(self, request: Request, dataset: DatasetRow, members: list[Member]) -> Response:
        """Returns a zip of the bag without its files, whose URLs are listed in fetch.txt."""
        info = dataset_info(dataset)
        root = folder_name(info.pid)
        lines = (
            f"{self.access.site_url}{data_path(info.pid, m.location)} {m.size}"
            f" {bagit.payload_path(m.location)}\n"
            for m in members
        )
        generated: list[Entry] = [
            e for e in bagit.bag_entries(info, members) if isinstance(e.content, bytes)
        ]
        entries = [*generated, bagit.generated_entry(f"{root}/fetch.txt", "".join(lines).encode())]
        tag = bagit.bundle_etag("bag", info, entries)
        headers = self._headers(TYPES["zip"], info.pid, "-bag.zip")
        view = FileView(Zip(entries, info.moment).segments, tag, dataset.listed_at, frozenset())
        return responses.file_response(request, view, headers, self.access)

    async def _not_online(self, chosen: Selection, offline: FilesOffline) -> Response:
        """Returns 503 with the number of offline files and how to request them."""
        states = await self.access.availabilities(chosen.pid, offline.rows)
        by_row = list(zip(offline.rows, states, strict=True))
        broken = [(r.location, s) for r, s in by_row if s in ("UNAVAILABLE", "LOST")]
        counts: dict[str, Any] = {
            "files": offline.files,
            "files_online": offline.files - len(offline.rows),
        }
        if broken:  # retrying would not help
            first, state = broken[0]
            detail = (
                f"{len(broken)} of {offline.files} files are unavailable (for example"
                f" {first[:200]!r}; see its URL for the reason). Request an archive of the"
                " remaining files with ?file=…"
            )
            return problem(503, detail, state=state, pid=chosen.pid, location=first, **counts)
        return problem(
            503,
            f"{len(offline.rows)} of {offline.files} files are on tape or being recalled: send the"
            " request given here, then try again",
            {"Retry-After": str(RETRY_SECONDS)},
            state="RESTORING" if set(states) == {"RESTORING"} else "ARCHIVED",
            pid=chosen.pid,
            **counts,
            request=self.access.request_hint(
                chosen.download_request([row.location for row in offline.rows])
            ),
        )


async def _join_lines(lines: Iterable[str]) -> AsyncGenerator[str]:
    """Joins lines to larger chunks."""
    buffer: list[str] = []
    for line in lines:
        buffer.append(line)
        if len(buffer) == LINES_PER_CHUNK:
            yield "".join(buffer)
            buffer.clear()
    yield "".join(buffer)


def _attachment(pid: str, ending: str) -> dict[str, str]:
    name = f"{folder_name(pid)}{ending}"
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    header = f'attachment; filename="{plain}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name)}"
    return {"Content-Disposition": header}
