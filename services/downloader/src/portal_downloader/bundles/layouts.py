"""Lays out archives of what is online, and keeps the last layouts: a resume finds its place."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from portal_shared.runtime.mongo import Doc

from portal_downloader.bundles import bagit
from portal_downloader.bundles.bagit import About, Member
from portal_downloader.bundles.selection import Selected, Selection
from portal_downloader.bundles.tar import Tar
from portal_downloader.bundles.zip import Zip
from portal_downloader.cache.disk import Cache
from portal_downloader.http.segments import Pieces
from portal_downloader.store.contents import Contents

Kind = Literal["zip", "tar"]
KEPT = 300_000  # entries of all layouts together
AT_ONCE = 5000


class Away(Exception):
    """Not all of it is online; the rows of what is not, of how many."""

    def __init__(self, rows: Sequence[Doc], files: int) -> None:
        super().__init__(f"{len(rows)} of {files} files are not online")
        self.rows = rows
        self.files = files


@dataclass(frozen=True)
class Bundle:
    pieces: Pieces
    tag: str
    digests: frozenset[str]
    entries: int


def about(dataset: Doc) -> About:
    names = ("title", "doi", "license", "created")
    return About(dataset["_id"], **{name: dataset.get(name) for name in names})


class Bundling:
    def __init__(self, selected: Selected, contents: Contents, cache: Cache) -> None:
        self._selected = selected
        self._contents = contents
        self._cache = cache
        self._kept: OrderedDict[object, Bundle] = OrderedDict()

    async def bundle(self, kind: Kind, dataset: Doc, chosen: Selection) -> Bundle:
        """Raises Away, NotFound."""
        known = (kind, dataset["list_version"], dataset.get("version"), chosen)
        found = self._kept.get(known)
        if found is not None and await self._selected.is_online(chosen):
            self._kept.move_to_end(known)
            return found
        members, away = await self._selected.members(chosen)
        if away:
            raise Away(away, len(members))
        members = await self._summed(members)
        found = await asyncio.to_thread(_laid_out, kind, about(dataset), members)
        self._keep(known, found)
        return found

    async def _summed(self, members: Sequence[Member]) -> list[Member]:
        """With their CRC-32 sums; one that is not known is made now."""
        sums: dict[str, int] = {}
        digests = list({m.sha256 for m in members})
        for start in range(0, len(digests), AT_ONCE):
            sums |= await self._contents.crc32s(digests[start : start + AT_ONCE])
        for member in members:
            if member.sha256 not in sums:
                found = await asyncio.to_thread(self._cache.crc32, member.sha256, member.size)
                if found is None:
                    raise Away([_gone(member)], len(members))
                await self._contents.arrived(
                    member.sha256, size=member.size, crc32=found, keep=0
                )  # fmt: skip
                sums[member.sha256] = found
        return [replace(m, crc32=sums[m.sha256]) for m in members]

    def _keep(self, known: object, bundle: Bundle) -> None:
        self._kept[known] = bundle
        self._kept.move_to_end(known)
        while len(self._kept) > 1 and sum(b.entries for b in self._kept.values()) > KEPT:
            self._kept.popitem(last=False)


def _gone(member: Member) -> Doc:
    """Its row, as it will be once that is noticed."""
    return {"location": member.location, "state": "archived"}


def _laid_out(kind: Kind, what: About, members: Sequence[Member]) -> Bundle:
    entries = bagit.bag(what, members)
    layout = (Zip if kind == "zip" else Tar)(entries, what.moment)
    digests = frozenset(m.sha256 for m in members)
    return Bundle(layout.pieces, bagit.tag(kind, what, entries), digests, len(entries))
