"""Finds texts that look like a date of birth, an e-mail address or the name of a patient.

Their content is not quoted.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

from portal_shared.contracts.jobs import Problem
from portal_shared.profile import Profile

FIRST_YEAR = 1880
FIRST_MEASURED_YEAR = 2000  # unless the profile has another: full dates before it are of a life
MAX_CHARACTERS = 20_000  # of a text; longer ones are refused elsewhere
_MONTHS = (
    "jan|feb|f[eé]v|mar|m[aä]r|apr|avr|may|mai|jun|juin|jul|juil|aug|ao[uû]|sep|oct|okt|nov"
    "|dec|dez|d[eé]c|ene|abr|ago|dic|gen|mag|giu|lug|set|ott"
)
_DATE = (
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}"
    r"|\d{1,2}\s?[-./]\s?\d{1,2}\s?[-./]\s?(?:\d{4}|\d{2})"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?[\s-](?:of\s|de\s)?(?:{_MONTHS})[^\W\d]{{0,8}}"
    r"\.?,?[\s-](?:de\s)?\d{4}"
    rf"|(?:{_MONTHS})[^\W\d]{{0,8}}\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}"
    r"|\d{4}\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日"
    r"|\d{8}(?:T\d{2,6})?)"
)
_FULL_DATE = re.compile(rf"(?<![\w.])(?:{_DATE})(?![\w])", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"\d{4}")
_BIRTH = re.compile(
    r"(?<![^\W_])(?:born|birth(?:\s?da(?:y|te))?|d\.?\s?o\.?\s?b\.?|geb(?:oren|urtsdatum|\.)?|n[ée]e?"
    r"(?=\s+(?:le|en)\s)|(?:date\s+de\s+)?naissance)\b[^\n]{0,20}?"
    rf"(?:{_DATE}|\b(?:18|19|20)\d{{2}}\b)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PERSON = re.compile(  # DICOM writes names as DOE^JOHN
    r"(?<![^\W_])(?-i:[A-Z\u00c0-\u00de])[^\W\d_]+\^(?-i:[A-Z\u00c0-\u00de])[^\W\d_]+"
    r"|(?<![^\W_])(?:patient|donor|subject)(?:['\u2019]?s)?[\s_-]?name\s?[:=]\s?[^\W\d_]",
    re.IGNORECASE,
)
_FREE_FIELDS = ("title", "summary", "keywords", "parameters", "samples", "details", "reason")


def find_private_text(text: str, first_year: int = FIRST_MEASURED_YEAR) -> str | None:
    """Returns what the text looks like: a date of birth, an e-mail address, a name; or None.

    A date of birth is a full date before `first_year`, or any date or year after a word for birth.
    """
    given = text[:MAX_CHARACTERS]
    if "@" in given and _MAIL.search(given):
        return "an e-mail address"
    if ("^" in given or "name" in given.lower()) and _PERSON.search(given):
        return "the name of a patient"
    if not _DIGIT.search(given):
        return None
    if _BIRTH.search(given):
        return "a date of birth"
    for found in _FULL_DATE.finditer(given):
        year = _year(found[0])
        if year is not None and FIRST_YEAR <= year < first_year:
            return "a date of birth"
    return None


def _year(date: str) -> int | None:
    """Returns the year of a full date with four digits; None for other numbers."""
    if date[:8].isdigit():  # 19540312
        year, month, day = int(date[:4]), int(date[4:6]), int(date[6:8])
        return year if 1 <= month <= 12 and 1 <= day <= 31 else None  # noqa: PLR2004  # calendar
    found = _YEAR.search(date)
    return int(found[0]) if found else None


def private_text_problems(raw: Any, place: str, profile: Profile) -> list[Problem]:
    """Returns the free texts of a record, in the form of a job, that look private."""
    fields = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    created = profile.dates.get("created")
    first_year = created.earliest.year if created else FIRST_MEASURED_YEAR
    problems: list[Problem] = []
    for name in _FREE_FIELDS:
        for where, text in _texts(fields.get(name), f"{place}.{name}"):
            found = find_private_text(text, first_year)
            if found:
                reason = f"looks like {found}; private data must not be published, remove it"
                problems.append(Problem(field=where, reason=reason))
    return problems


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _texts(inner, f"{place}.{name}"[:300])
    elif isinstance(value, list):
        for n, inner in enumerate(cast("list[Any]", value)):
            if not isinstance(inner, int | float):
                yield from _texts(inner, f"{place}[{n}]")
