"""Answers with many files: archives with ranges, and lists of addresses for tools."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from portal_shared.contracts.file_urls import data_path
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.mongo import Doc
from starlette.responses import JSONResponse, Response, StreamingResponse

from portal_downloader.bundles import bagit, metalink, scripts
from portal_downloader.bundles.bagit import Entry, Member
from portal_downloader.bundles.layouts import Away, Bundling, about
from portal_downloader.bundles.selection import Selected, Selection
from portal_downloader.bundles.zip import Zip
from portal_downloader.http import responses
from portal_downloader.http.access import Store
from portal_downloader.http.responses import CORS, Shown, problem

RETRY_SECONDS = 30
LINES_AT_ONCE = 1000
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
class Delivery:
    """Of one portal."""

    store: Store
    selected: Selected
    bundling: Bundling

    async def answer(
        self, request: Request, kind: str, dataset: Doc, chosen: Selection
    ) -> Response:
        """In one of the FORMATS. Raises Invalid, NotFound."""
        if kind == "zip" or kind == "tar":  # noqa: PLR1714  # narrows the type
            try:
                bundle = await self.bundling.bundle(kind, dataset, chosen)
            except Away as away:
                return await self._not_online(chosen, away)
            await self.store.wanted(bundle.digests, tag=bundle.tag)
            headers = {
                **responses.headers(TYPES[kind]),
                **_attachment(dataset["_id"], f".{kind}"),
            }
            shown = Shown(bundle.pieces, bundle.tag, dataset["listed_at"], bundle.digests)
            return responses.answer(request, shown, headers, self.store)
        if kind == "commands":
            base = self.base(chosen)
            told = scripts.commands(chosen.pid, base, self.store.site_url)
            return JSONResponse({"pid": chosen.pid, "url": base, "commands": told}, headers=CORS)
        if kind not in FORMATS:
            raise Invalid(f"is none of {', '.join(FORMATS)}", field="format")
        members = [m for m in (await self.selected.members(chosen))[0] if m.sha256]
        if kind == "bag":
            return self._bag(request, dataset, members)
        return self._list(kind, dataset, chosen, members)

    def base(self, chosen: Selection) -> str:
        """The address of a selection."""
        path = f"{self.store.site_url}{data_path(chosen.pid, chosen.folder)}"
        return f"{path}?{chosen.query}" if chosen.query else path

    def _list(self, kind: str, dataset: Doc, chosen: Selection, members: list[Member]) -> Response:
        def address(location: str) -> str:
            return f"{self.store.site_url}{data_path(chosen.pid, location)}"

        what = about(dataset)
        lines: Iterable[str]
        if kind == "metalink":
            lines = metalink.metalink(what, members, address)
        elif kind == "manifest":
            lines = bagit.manifest(members)
        elif kind == "sha256sums":
            lines = bagit.checksums(members)
        elif kind == "aria2":
            lines = scripts.aria2_list(what, members, address)
        else:
            size = sum(m.size for m in members)
            ask = f"{self.store.site_url}/api/downloads"
            lines = scripts.script(
                kind, what, members, address, ask=ask, files=len(members), size=size
            )
        media_type, ending = LISTS[kind]
        told = {**responses.headers(media_type), **_attachment(chosen.pid, ending)}
        del told["Accept-Ranges"]
        return StreamingResponse(_portions(lines), headers=told)

    def _bag(self, request: Request, dataset: Doc, members: list[Member]) -> Response:
        """A zip of the bag without its files: they are named in fetch.txt, with their addresses."""
        what = about(dataset)
        root = bagit.folder_name(what.pid)
        lines = (
            f"{self.store.site_url}{data_path(what.pid, m.location)} {m.size}"
            f" data/{bagit.safe(m.location)}\n"
            for m in members
        )
        kept: list[Entry] = [e for e in bagit.bag(what, members) if isinstance(e.content, bytes)]
        entries = [*kept, bagit.made(f"{root}/fetch.txt", "".join(lines).encode())]
        tag = bagit.tag("bag", what, entries)
        headers = {**responses.headers(TYPES["zip"]), **_attachment(what.pid, "-bag.zip")}
        shown = Shown(Zip(entries, what.moment).pieces, tag, dataset["listed_at"], frozenset())
        return responses.answer(request, shown, headers, self.store)

    async def _not_online(self, chosen: Selection, away: Away) -> Response:
        states = await self.store.shown(chosen.pid, away.rows)
        told = list(zip(away.rows, states, strict=True))
        broken = [(r["location"], s) for r, s in told if s in ("UNAVAILABLE", "LOST")]
        counts: dict[str, Any] = {"files": away.files, "files_online": away.files - len(away.rows)}
        if broken:  # to come again would be of no use
            first, state = broken[0]
            detail = (
                f"{len(broken)} of {away.files} files cannot be read, one is {first[:200]!r}:"
                " its own address says why; an archive of the others is had by naming them"
            )
            return problem(503, detail, state=state, pid=chosen.pid, location=first, **counts)
        return problem(
            503,
            f"{len(away.rows)} of {away.files} files are on tape, or on their way from it:"
            " ask for them by the request given here, then come again",
            {"Retry-After": str(RETRY_SECONDS)},
            state="RESTORING" if set(states) == {"RESTORING"} else "ARCHIVED",
            pid=chosen.pid,
            **counts,
            request=self.store.ask(chosen.wish([row["location"] for row in away.rows])),
        )


async def _portions(lines: Iterable[str]) -> AsyncGenerator[str]:
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == LINES_AT_ONCE:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting)


def _attachment(pid: str, ending: str) -> dict[str, str]:
    name = f"{bagit.folder_name(pid)}{ending}"
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    told = f'attachment; filename="{plain}"'
    if plain != name:
        told += f"; filename*=UTF-8''{quote(name)}"
    return {"Content-Disposition": told}
