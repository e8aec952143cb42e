"""Parses ISO 8601 durations, as in diskLifetime."""

import re

DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
MAX_SECONDS = 10 * 365 * 86400.0


def parse_duration(duration: str) -> float | None:
    """Returns the seconds of a duration; None if invalid, or with years or months (no fixed
    length).
    """
    found = DURATION.fullmatch(duration) if len(duration) < 40 else None  # noqa: PLR2004
    if found is None or not any(found.groups()):
        return None
    total = sum(SECONDS[unit] * float(n) for unit, n in found.groupdict().items() if n)
    return min(total, MAX_SECONDS)
