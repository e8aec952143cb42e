"""Whether and where a zoom lies in an overview, told in words and figures. Pure."""

from typing import Any

from portal_cli.hoa import overlay
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record

REGISTERED = "registered"
PENDING = "target not public"
UNREGISTERED = "not registered"
OVERVIEW = "overview"


def state(record: Record, atlas: Atlas) -> str:
    if record.dataset_type == "overview":
        return OVERVIEW
    if record.registration is None:
        return UNREGISTERED
    return REGISTERED if atlas.overview_of(record) else PENDING


def described(record: Record, atlas: Atlas) -> dict[str, Any] | None:
    """To be added to the registration as the Atlas has it; None for an overview.

    A zoom without one names the overviews of its specimen, and that its position is unknown.
    """
    found = state(record, atlas)
    if found == OVERVIEW:
        return None
    if record.registration is None:
        return {
            "state": found,
            "target_public": False,
            "note": "same specimen, position unknown",
            "same_specimen": atlas.neighbours(record),
        }
    overview = atlas.overview_of(record)
    if overview is None:
        return {"state": found, "target_public": False}
    box = overlay.box(record, record.registration, overview)
    return {
        "state": found,
        "target_public": True,
        "box_start": list(box.start),
        "box_end": list(box.end),
        "inside": round(box.inside, 6),
        "relative_scale": round(overlay.relative_scale(record, record.registration, overview), 6),
    }


def warnings(record: Record, atlas: Atlas) -> list[str]:
    overview = atlas.overview_of(record)
    if record.registration is None:
        return []
    if overview is None:
        target = record.registration.target_dataset
        return [f"registered to {target}, which is not public"]
    found: list[str] = []
    relative = overlay.relative_scale(record, record.registration, overview)
    if abs(relative - 1) > overlay.NOTABLE:
        found.append(f"the registration scales by {relative:.3f} where 1 is expected")
    inside = overlay.box(record, record.registration, overview).inside
    if round(inside, 6) < 1:
        found.append(f"{inside:.0%} of the registered box lies within the overview")
    return found
