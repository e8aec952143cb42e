"""Loads the placements of a volume, of its overview and of its zooms: public records only."""

from dataclasses import dataclass

from portal_shared.runtime.errors import Gone
from portal_shared.runtime.mongo import Doc

from portal_gateway.catalogue import Catalogue, tombstone_view
from portal_gateway.errors import MODEL_NOT_FOUND, ResourceNotFound
from portal_gateway.overlays.overlay import (
    NO_OVERVIEW,
    SAME_SPECIMEN,
    Overlay,
    OverlayRegistration,
    describe_registration,
    find_overlaps,
    unknown_position,
)
from portal_gateway.overlays.placement import (
    SPECIMEN_FIELD,
    TARGET_FIELD,
    Placement,
    read_placement,
)

DATASETS = "datasets"
MAX_ZOOMS = 1000  # of one overview


@dataclass(frozen=True)
class LoadedOverlay:
    """An overlay with the placements that it refers to, by pid."""

    overlay: Overlay
    placements: dict[str, Placement]


@dataclass(frozen=True)
class OverlayLoader:
    catalogue: Catalogue

    async def load(self, pid: str) -> LoadedOverlay:
        """Loads the overlay of a public dataset by pid or DOI.

        Raises ResourceNotFound, and Gone if the dataset was withdrawn.
        """
        own = read_placement(await self._load_row(pid))
        targets = await self._load([own.target, *own.same_specimen])
        zooms = await self._find(TARGET_FIELD, own.pid)
        found = [describe_registration(zoom, own) for zoom in zooms]
        unplaced = await self._find(SPECIMEN_FIELD, own.pid)
        found += [unknown_position(zoom.pid, own.pid, SAME_SPECIMEN) for zoom in unplaced]
        siblings: list[Placement] = []
        if own.target is not None or own.problem is not None:
            overview = targets.get(own.target or "")
            found.insert(0, describe_registration(own, overview))
            siblings = await self._find(TARGET_FIELD, overview.pid) if overview else []
        elif own.is_zoom:
            found = [*_unplaced(own, targets), *found]
        overlay = Overlay(
            pid=own.pid, registrations=found, overlapping=find_overlaps(own, siblings)
        )
        known = [own, *zooms, *unplaced, *targets.values()]
        return LoadedOverlay(overlay, {p.pid: p for p in known})

    async def _load_row(self, pid: str) -> Doc:
        row = await self.catalogue.load_record(DATASETS, pid)
        if row is not None:
            return row
        tombstone = await self.catalogue.load_tombstone(DATASETS, pid)
        if tombstone is not None:
            raise Gone(str(tombstone_view(tombstone)["reason"]))
        raise ResourceNotFound(f'Unknown dataset "{pid[:300]}".', code=MODEL_NOT_FOUND)

    async def _load(self, pids: list[str | None]) -> dict[str, Placement]:
        wanted = [pid for pid in pids if pid is not None]
        if not wanted:
            return {}
        rows = await self.catalogue.find_details({"_id": {"$in": wanted}}, limit=len(wanted))
        return {row["_id"]: read_placement(row) for row in rows}

    async def _find(self, field: str, pid: str) -> list[Placement]:
        """Finds the public datasets that name this pid in a field, sorted by pid."""
        rows = await self.catalogue.find_details({f"record.{field}": pid}, limit=MAX_ZOOMS)
        return [read_placement(row) for row in rows]


def _unplaced(zoom: Placement, overviews: dict[str, Placement]) -> list[OverlayRegistration]:
    """Returns the public overviews of the specimen of a zoom without a registration."""
    found = [
        unknown_position(zoom.pid, pid, SAME_SPECIMEN)
        for pid in zoom.same_specimen
        if pid in overviews
    ]
    return found or [unknown_position(zoom.pid, None, NO_OVERVIEW)]
