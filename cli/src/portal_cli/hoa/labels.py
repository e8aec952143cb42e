"""Display names of organs, specimens, regions and datasets."""

import re
from collections.abc import Iterable, Sequence

from portal_cli.hoa.record import Record

ORGANS = {"achillesTendon": "Achilles tendon"}
WHOLE_ORGAN = ("complete-organ", "overview")  # regions that are the whole organ


def words(name: str) -> str:
    """Returns `left_upper_lobe` or `internalCapsule` as separate words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " ")).lower()


def organ(name: str) -> str:
    return ORGANS.get(name, words(name))


def specimen(organ_name: str, context: str | None) -> str:
    """Returns a specimen in words: `the left kidney`, `testis 1`, `the kidney (top)`."""
    name = organ(organ_name)
    if context is None:
        return f"the {name}"
    part = words(context)
    if part in ("left", "right"):
        return f"the {part} {name}"
    if part.isdigit():
        return f"{name} {part}"
    return f"the {part} of the {name}" if " " in part else f"the {name} ({part})"


def title(record: Record) -> str:
    """Returns a display title that is unique, unlike the title in the citation."""
    sample, scan = record.sample, record.scan
    where = f"{specimen(sample.organ, sample.organ_context)} of donor {record.donor.id}"
    size = f"{record.data.voxel_size_um:g} µm, {scan.beamline}"
    if record.dataset_type == "zoom":
        return f"Zoom {record.voi} in {where}, {size}"
    plain = record.voi in WHOLE_ORGAN
    return f"Overview{'' if plain else f' ({record.voi})'} of {where}, {size}"


def voi_key(voi: str) -> str:
    """Returns a key of a region that is equal for VOI-1 and VOI-01."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", voi).lower()


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Returns a sort key that places VOI-2 before VOI-10."""
    parts = re.split(r"(\d+)", text)
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts)


def join_words(items: Sequence[str]) -> str:
    """Joins items as in `a, b and c`."""
    if len(items) < 2:  # noqa: PLR2004
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def count_noun(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sizes(values: Iterable[float]) -> str:
    """Returns a range of sizes: `2.5 µm` or `2.5 to 6.5 µm`."""
    found = sorted(set(values))
    if len(found) == 1:
        return f"{found[0]:g} µm"
    return f"{found[0]:g} to {found[-1]:g} µm"
