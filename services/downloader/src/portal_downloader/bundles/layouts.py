"""Computes layouts of archives of online files and caches the last ones, for resumed downloads."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from portal_downloader.bundles import bagit
from portal_downloader.bundles.bagit import DatasetInfo, Member
from portal_downloader.bundles.selection import Selection, SelectionReader
from portal_downloader.bundles.tar import Tar
from portal_downloader.bundles.zip import Zip
from portal_downloader.cache.disk import Cache
from portal_downloader.http.access import FilesOffline
from portal_downloader.http.segments import Segments
from portal_downloader.store.contents import Contents
from portal_downloader.store.rows.dataset import DatasetRow
from portal_downloader.store.rows.file import ListedFile

Kind = Literal["zip", "tar"]
MAX_CACHED_ENTRIES = 300_000  # of all layouts together
DIGESTS_PER_QUERY = 5000


@dataclass(frozen=True)
class Layout:
    """An archive as segments, with the entity tag of its content."""

    segments: Segments
    tag: str
    digests: frozenset[str]
    entries: int


def dataset_info(dataset: DatasetRow) -> DatasetInfo:
    """Returns the facts of a dataset that a bag records."""
    return DatasetInfo(
        dataset.pid,
        title=dataset.title,
        doi=dataset.doi,
        license=dataset.license,
        created=dataset.created,
    )


class LayoutCache:
    """The last used layouts, limited by their entries."""

    def __init__(self, selected: SelectionReader, contents: Contents, cache: Cache) -> None:
        self._selected = selected
        self._contents = contents
        self._cache = cache
        self._layouts: OrderedDict[object, Layout] = OrderedDict()

    async def layout(self, kind: Kind, dataset: DatasetRow, chosen: Selection) -> Layout:
        """Returns the layout of a selection. Raises FilesOffline, NotFound."""
        cache_key = (kind, dataset.list_version, dataset.version, chosen)
        found = self._layouts.get(cache_key)
        if found is not None and await self._selected.is_online(chosen):
            self._layouts.move_to_end(cache_key)
            return found
        members, offline = await self._selected.members(chosen)
        if offline:
            raise FilesOffline(offline, len(members))
        members = await self._with_crc32(members)
        found = await asyncio.to_thread(_make_layout, kind, dataset_info(dataset), members)
        self._store(cache_key, found)
        return found

    async def _with_crc32(self, members: Sequence[Member]) -> list[Member]:
        """Returns the members with their CRC-32; an unknown one is computed and stored."""
        sums: dict[str, int] = {}
        digests = list({m.sha256 for m in members})
        for start in range(0, len(digests), DIGESTS_PER_QUERY):
            sums |= await self._contents.crc32s(digests[start : start + DIGESTS_PER_QUERY])
        for member in members:
            if member.sha256 not in sums:
                found = await asyncio.to_thread(self._cache.crc32, member.sha256, member.size)
                if found is None:
                    raise FilesOffline([_archived_file(member)], len(members))
                await self._contents.add(
                    member.sha256, size=member.size, crc32=found, keep=0
                )  # fmt: skip
                sums[member.sha256] = found
        return [replace(m, crc32=sums[m.sha256]) for m in members]

    def _store(self, cache_key: object, layout: Layout) -> None:
        self._layouts[cache_key] = layout
        self._layouts.move_to_end(cache_key)
        while (
            len(self._layouts) > 1
            and sum(b.entries for b in self._layouts.values()) > MAX_CACHED_ENTRIES
        ):
            self._layouts.popitem(last=False)


def _archived_file(member: Member) -> ListedFile:
    """Returns a file whose content just left the cache."""
    return ListedFile(member.location, member.size, member.sha256, "archived", None)


def _make_layout(kind: Kind, info: DatasetInfo, members: Sequence[Member]) -> Layout:
    entries = bagit.bag_entries(info, members)
    layout = (Zip if kind == "zip" else Tar)(entries, info.moment)
    digests = frozenset(m.sha256 for m in members)
    return Layout(layout.segments, bagit.bundle_etag(kind, info, entries), digests, len(entries))
