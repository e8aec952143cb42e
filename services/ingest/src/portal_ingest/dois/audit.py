"""What ICAT holds of the DOIs that ingest knows, a page at a time; and told once more."""

from typing import Any

from portal_ingest.dois.writeback import Writeback
from portal_ingest.icat.adapter import Icat
from portal_ingest.store.records import Registry, Stored

AT_ONCE = 200


class DoiAudit:
    def __init__(self, registry: Registry, icat: Icat, writeback: Writeback) -> None:
        self._registry = registry
        self._icat = icat
        self._writeback = writeback

    async def page(self, after: str) -> dict[str, Any]:
        """Records in the order of their pids: the DOI as ingest was told it, and as ICAT has it."""
        batch = await self._registry.batch_after(after, AT_ONCE)
        datasets = {s.pid: s.icat_id for s in batch if s.kind == "dataset" and s.icat_id}
        documents = [s for s in batch if s.kind == "document" and s.doi]
        held = await self._icat.dataset_dois(list(datasets.values()))
        published = await self._icat.published([s.doi for s in documents if s.doi])
        rows = [
            {"pid": s.pid, "doi": s.doi, "icat": held.get(datasets[s.pid])}
            for s in batch
            if s.pid in datasets
        ]
        rows += [
            {"pid": s.pid, "doi": s.doi, "icat": s.doi if s.doi in published else None}
            for s in documents
            if await self._writeback.datasets_in_icat(s)
        ]
        return {"records": rows, "next": batch[-1].pid if len(batch) == AT_ONCE else None}

    async def mend(self, pids: list[str]) -> int:
        """Tell ICAT the DOIs of these as if it had never been told; returns how many."""
        found: list[Stored] = [s for p in pids if (s := await self._registry.find(p)) and s.doi]
        for stored in found:
            await self._writeback.tell(stored, str(stored.doi), again=True)
        return len(found)
