"""Patterns and normal forms of the identifiers that records carry: DOI, ORCID iD and ROR id."""

import re
from urllib.parse import quote

DOI = re.compile(r"10\.\d{4,9}/\S+")
_DOI_PREFIXES = (
    "https://doi.org/",
    "http://doi.org/",
    "https://dx.doi.org/",
    "http://dx.doi.org/",
    "doi:",
)
_SAFE_IN_DOI_URL = "/:;().,!$&*=@~"
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_ORCID_ANY_CASE = re.compile(_ORCID.pattern, re.IGNORECASE)
_ROR = re.compile(r"(?:https://)?(?:ror\.org/)?(0[a-z0-9]{6}\d{2})", re.IGNORECASE)
_CHECK_DIGIT_X = 10


def bare_doi(text: str) -> str:
    """Returns `10.1/a` for `https://doi.org/10.1/A` and `doi:10.1/A`; DOIs ignore case."""
    lowered = text.strip().lower()
    for prefix in _DOI_PREFIXES:
        lowered = lowered.removeprefix(prefix)
    return lowered


def is_doi(text: str) -> bool:
    """Whether the text is a DOI, bare or as a URL."""
    return bool(DOI.fullmatch(bare_doi(text)))


def doi_url(doi: str) -> str:
    """Returns the address of a bare DOI, with the characters escaped that an address cannot hold.

    Source: DOI Handbook, section 3.8 "Encoding".
    """
    return f"https://doi.org/{quote(doi, safe=_SAFE_IN_DOI_URL)}"


def is_orcid(text: str) -> bool:
    """Whether the text is an ORCID iD, bare or as a URL, with a correct check digit."""
    match = _ORCID.fullmatch(text)
    return match is not None and _has_valid_check_digit(match[1])


def normalize_orcid(text: str | None) -> str | None:
    """Returns the bare iD in upper case; None for anything else or a wrong check digit."""
    match = _ORCID_ANY_CASE.fullmatch((text or "").strip())
    digits = match[1].upper() if match else ""
    return digits if digits and _has_valid_check_digit(digits) else None


def _has_valid_check_digit(digits: str) -> bool:
    """ISO 7064 MOD 11-2, as ORCID uses it."""
    total = 0
    for digit in digits.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[-1] == ("X" if check == _CHECK_DIGIT_X else str(check))


def normalize_ror(text: str | None) -> str | None:
    """Returns the URL of a ROR id; None for anything else."""
    match = _ROR.fullmatch((text or "").strip())
    return f"https://ror.org/{match[1].lower()}" if match else None
