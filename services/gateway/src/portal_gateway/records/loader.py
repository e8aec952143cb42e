"""Loads the full record of a dataset or document by pid, DOI or name."""

import asyncio
from collections.abc import Iterable
from typing import Any, Literal, cast

from portal_shared.contracts.identifiers import shown_doi
from portal_shared.contracts.records import Dataset, Document
from portal_shared.runtime.errors import Gone, Invalid
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import DOI, Catalogue, is_tombstone, tombstone_view
from portal_gateway.citation import formats, styles
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.loader import CitedRecordLoader
from portal_gateway.errors import MODEL_NOT_FOUND, BadRequest, ResourceNotFound
from portal_gateway.labels.fields import FieldTable
from portal_gateway.records import view
from portal_gateway.records.models import RecordView
from portal_gateway.records.related import RelatedDatasets
from portal_gateway.results.cards import card_of_record
from portal_gateway.results.models import Card

Level = Literal["dataset", "document"]


class Withdrawn(Gone):
    """The record was withdrawn after it was public; `members` are what remains of it."""

    code = "WITHDRAWN"

    def __init__(self, reason: str, members: dict[str, Any]) -> None:
        super().__init__(reason)
        self.members = members


class RecordLoader:
    def __init__(
        self,
        catalogue: Catalogue,
        related: RelatedDatasets,
        cited: CitedRecordLoader,
        table: FieldTable,
        *,
        site_url: str,
    ) -> None:
        self._catalogue = catalogue
        self._related = related
        self._cited = cited
        self._table = table
        self.site_url = site_url.rstrip("/")

    async def find(self, name: str) -> tuple[Level, Doc]:
        """Finds the row of a public record by pid, DOI or name.

        Raises ResourceNotFound; Withdrawn; BadRequest if several records have the DOI or name.
        """
        found = await self._catalogue.find_visible(name)
        if not found:
            raise ResourceNotFound(f'Unknown record "{name[:300]}".', code=MODEL_NOT_FOUND)
        if len(found) > 1:
            pids = ", ".join(row["_id"] for _, row in found)
            raise BadRequest(
                f"Several records are called {name[:300]}: use a pid, one of {pids}", field="pid"
            )
        level, row = found[0]
        if is_tombstone(row):
            raise await self._withdrawn(level, row)
        return cast("Level", level), row

    async def load(self, name: str) -> RecordView:
        """Loads the whole view. Raises like `find`."""
        level, row = await self.find(name)
        related = await (self._of_dataset(row) if level == "dataset" else self._of_document(row))
        cited = self._cited.cite(related.record, row)
        citation = await asyncio.to_thread(_citation, cited)
        return view.record_view(
            self._table, row, related, cited=cited, citation=citation, site_url=self.site_url
        )

    async def load_cited(self, name: str, *, with_links: bool = True) -> CitedRecord:
        """Loads a record in the form in which it is cited, see CitedRecordLoader.

        Raises like `find`.
        """
        return await self._cited.load(*await self.find(name), with_links=with_links)

    async def _of_dataset(self, row: Doc) -> view.Related:
        record = Dataset.model_validate(row["record"])
        card = card_of_record(self._table, row, record)
        cards, above, editions = await asyncio.gather(
            self._related.of_dataset(card),
            self._catalogue.load_links(row.get("documents") or (), "document"),
            self._catalogue.visible_datasets([record.supersedes, record.superseded_by]),
        )
        return view.Related(record, card=card, cards=cards, documents=above, editions=editions)

    async def _of_document(self, row: Doc) -> view.Related:
        record = Document.model_validate(row["record"])
        datasets, parts = await asyncio.gather(
            self._related.of_document(record.pid),
            self._catalogue.load_links(record.documents, "document"),
        )
        return view.Related(record, datasets=_in_order(datasets, record.datasets), parts=parts)

    async def _withdrawn(self, level: str, row: Doc) -> Withdrawn:
        record: Doc = row["record"]
        cited = await self._cited.load(level, row, with_links=False)
        citation = await asyncio.to_thread(_citation, cited)
        tombstone = tombstone_view(row)
        public = {
            "pid": row["_id"],
            "level": level,
            "name": record.get("name"),
            "doi": shown_doi(row.get(DOI), record.get("doi")),
            "record_title": tombstone["title"],
            "reason": tombstone["reason"],
            "withdrawn_at": tombstone["withdrawn_at"],
            "superseded_by": await self._edition(record.get("superseded_by")),
            "citation": citation,
        }
        return Withdrawn(str(tombstone["reason"]), public)

    async def _edition(self, pid: str | None) -> str | None:
        return pid if pid in await self._catalogue.visible_datasets([pid]) else None


def _citation(cited: CitedRecord) -> str:
    """Returns the citation as text; the title with its address if the style fails."""
    try:
        return formats.text(cited, styles.DEFAULT, "en-US").strip()
    except Invalid:
        return f"{cited.title}. {cited.address}"


def _in_order(cards: list[Card], pids: Iterable[str]) -> list[Card]:
    """Returns the cards in the order of the document; others follow."""
    ranks = {pid: n for n, pid in enumerate(pids)}
    return sorted(cards, key=lambda card: ranks.get(card.pid, len(ranks)))
