"""Writes the result of a search as a table, JSON, citations or a Metalink, while it is read."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TypeVar
from xml.sax.saxutils import escape, quoteattr

from portal_shared.contracts.file_urls import data_path, folder_name
from portal_shared.contracts.outside_names import outside_path
from portal_shared.contracts.records import utc_text
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import Catalogue, is_visible
from portal_gateway.citation.bibtex_ris import bibtex, ris
from portal_gateway.citation.loader import CitedRecordLoader
from portal_gateway.criteria.criteria import Criteria
from portal_gateway.errors import BadRequest
from portal_gateway.results import atom
from portal_gateway.results.exports import PATH, ExportFormat
from portal_gateway.results.models import Card
from portal_gateway.results.search import ResultSearch
from portal_gateway.search import export

MAX_CITATIONS = 2000  # of one export: each is made from the whole record
FILES_PER_BATCH = 1000
COLUMNS = (
    "pid", "name", "title", "doi", "organ", "side", "donor", "type", "region", "voxel_um",
    "bytes", "full_bytes", "date", "availability", "overview", "licence",
)  # fmt: skip
_CITATIONS = {"bibtex": bibtex, "ris": ris}
T = TypeVar("T")
_METALINK = "urn:ietf:params:xml:ns:metalink"


class ExportWriter:
    def __init__(
        self,
        results: ResultSearch,
        catalogue: Catalogue,
        cited: CitedRecordLoader,
        *,
        site_url: str,
    ) -> None:
        self._results = results
        self._catalogue = catalogue
        self._cited = cited
        self._site_url = site_url.rstrip("/")

    async def start(self, criteria: Criteria, wanted: ExportFormat) -> AsyncIterator[bytes]:
        """Returns the parts; the first is loaded, so that errors come before the answer starts.

        Raises BadRequest if there are too many citations.
        """
        if wanted.name in _CITATIONS:
            total = await self._results.count(criteria)
            if total > MAX_CITATIONS:
                raise BadRequest(
                    f"At most {MAX_CITATIONS} citations are exported at once; the search finds "
                    f"{total}: narrow it",
                    field="format",
                )
        parts = self._parts(criteria, wanted)
        first = await anext(parts)
        return _chain(first, parts)

    async def _parts(self, criteria: Criteria, wanted: ExportFormat) -> AsyncGenerator[bytes]:
        found = self._results.read_cards(criteria)
        nothing: list[Card] = []
        batches = _chain(await anext(found, nothing), found)  # before any part is sent
        writers = {"json": self._json, "metalink": self._metalink}
        if wanted.name == "atom":
            written = self._feed(batches, criteria)
        elif wanted.name in writers:
            written = writers[wanted.name](batches)
        elif wanted.name in _CITATIONS:
            written = self._citations(batches, wanted.name)
        else:
            written = self._table(batches, export.FORMATS[wanted.name])
        async for part in written:
            yield part

    async def _table(
        self, batches: AsyncIterator[list[Card]], form: export.TableFormat
    ) -> AsyncGenerator[bytes]:
        yield export.encode([[*COLUMNS, "size_z_um", "size_y_um", "size_x_um", "page"]], form)
        async for cards in batches:
            yield export.encode([self._row(card) for card in cards], form)

    def _row(self, card: Card) -> list[str | int | float]:
        values = card.model_dump(mode="json", include=set(COLUMNS))
        sides: Sequence[float | str] = card.size_um or ["", "", ""]
        found = [values[name] for name in COLUMNS]
        return [*map(_cell, found), *sides, f"{self._site_url}{card.page}"]

    async def _json(self, batches: AsyncIterator[list[Card]]) -> AsyncGenerator[bytes]:
        before = b"["
        async for cards in batches:
            for card in cards:
                yield before + card.model_dump_json().encode()
                before = b",\n"
        yield b"[]" if before == b"[" else b"]"

    async def _citations(
        self, batches: AsyncIterator[list[Card]], name: str
    ) -> AsyncGenerator[bytes]:
        yield b""
        async for cards in batches:
            rows = await self._catalogue.load_rows("datasets", [card.pid for card in cards])
            for row in filter(is_visible, rows):
                cited = await self._cited.load("dataset", row, with_links=False)
                yield _CITATIONS[name](cited).encode() + b"\n"

    async def _feed(
        self, batches: AsyncIterator[list[Card]], criteria: Criteria
    ) -> AsyncGenerator[bytes]:
        entries: list[atom.Entry] = []
        async for cards in batches:
            shown = {card.pid: card for card in cards[: atom.MAX_ENTRIES - len(entries)]}
            rows = await self._catalogue.load_rows("datasets", list(shown))
            entries += [_entry(shown[row["_id"]], row) for row in filter(is_visible, rows)]
            if len(entries) >= atom.MAX_ENTRIES:
                break
        table = self._results.table
        query = criteria.address(table, paged=False)
        url = f"{self._site_url}{PATH}?{f'{query}&' if query else ''}format=atom"
        title = table.profile.title
        yield atom.atom(entries, title=title, url=url, site_url=self._site_url).encode()

    async def _metalink(self, batches: AsyncIterator[list[Card]]) -> AsyncGenerator[bytes]:
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<metalink xmlns="{_METALINK}">\n'.encode()
        async for cards in batches:
            for card in cards:
                async for part in self._files(card.pid):
                    yield part
        yield b"</metalink>\n"

    async def _files(self, pid: str) -> AsyncGenerator[bytes]:
        root = folder_name(pid)
        async for batch in self._catalogue.read_files_in_batches(pid, 0, FILES_PER_BATCH):
            lines = (_file(self._site_url, pid, root, file) for file in batch)
            yield "".join(line for line in lines if line).encode()


def _entry(card: Card, row: Doc) -> atom.Entry:
    times = [str(change["at"]) for change in row.get("history") or ()]
    first = times[0] if times else utc_text(card.date)
    last = times[-1] if times else first
    return atom.Entry(card, published=first, updated=last, summary=row["record"].get("summary"))


def _file(site_url: str, pid: str, root: str, file: dict[str, object]) -> str | None:
    """Returns the entry of a file; None if its size or checksum is not known."""
    size, digest = file.get("size"), file.get("sha256")
    if size is None or digest is None:
        return None
    location = f"{file['path']}/{file['name']}" if file.get("path") else str(file["name"])
    name = quoteattr(f"{root}/{outside_path(location)}")
    url = escape(f"{site_url}{data_path(pid, location)}")
    return (
        f"  <file name={name}>\n    <size>{size}</size>\n"
        f'    <hash type="sha-256">{digest}</hash>\n    <url priority="1">{url}</url>\n  </file>\n'
    )


def _cell(value: object) -> str | int | float:
    if value is None:
        return ""
    return value if isinstance(value, int | float) else export.neutral(str(value))


async def _chain(first: T, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    yield first
    async for part in rest:
        yield part
