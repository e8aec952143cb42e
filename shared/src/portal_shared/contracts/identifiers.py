"""Patterns and normal forms of the identifiers that records carry: DOI, ORCID iD and ROR id.

One normaliser for each, used where records arrive, in suggestions and in the metadata of DOIs.
"""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote

DOI = re.compile(r"10\.\d{4,9}/\S+")
_DOI_PREFIX = re.compile(
    r"(?:(?:url|uri|info|urn)[:/\s]\s*)?"
    r"(?:(?:https?:)?(?://)?(?:www\.|dx\.)*doi\.org(?::443|:80)?/+|doi\s*:\s*|doi\s*/\s*|doi\s+)",
    re.IGNORECASE,
)
_SAFE_IN_DOI_URL = "/:;().,!$&*=@~"
_HTTP = re.compile(r"(?:https?:)?//|(?:www\.|dx\.)*doi\.org", re.IGNORECASE)
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_ORCID_PREFIX = re.compile(
    r"(?:orcid(?:\s*id)?(?:\s*[:=]\s*|\s+))?(?:(?:https?:)?(?://)?(?:www\.)?orcid\.org/+)?",
    re.IGNORECASE,
)
_ORCID_CHARACTERS = re.compile(r"\d{15}[\dX]", re.IGNORECASE)
_ROR_PREFIX = re.compile(
    r"(?:ror\s*[:=]\s*)?(?:(?:https?:)?(?://)?(?:www\.)?ror\.org/+)?", re.IGNORECASE
)
_ROR = re.compile(r"0[a-z0-9]{6}\d{2}", re.IGNORECASE)
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"  # base 32 without i, l, o and u
_TAIL = re.compile(r"[/\s]*(?:[?#]\S*)?$")
_CHECK_DIGIT_X = 10
_MAX_CHARACTERS = 2048  # of an identifier; longer texts are none
MAX_ORCID_CHARACTERS = 200  # with its address; a longer text is none
_END_OF_SENTENCE = ".,;:"
_ORCID_INSIDE = re.compile(r"(?<!\d)\d{4}[-_\s]?\d{4}[-_\s]?\d{4}[-_\s]?\d{3}[\dXx](?!\w)")
_ROR_INSIDE = re.compile(r"(?<![a-z0-9])0[a-hjkmnp-tv-z0-9]{6}\d{2}(?![a-z0-9])", re.IGNORECASE)
_DOI_INSIDE = re.compile(r"10\.\d{4,9}/[^\s\"'<>?#]{1,200}")
_OTHER_REGISTRY = re.compile(r"sandbox", re.IGNORECASE)  # iDs there are other persons
MAX_CACHED = 10_000  # normal forms: the same authors are in thousands of records
_MAX_PREFIXES = 3  # "doi:https://doi.org/10.1234/x"


def bare_doi(text: str) -> str:
    """Returns `10.1/a` for every spelling of that DOI: `https://doi.org/10.1/A`, `doi: 10.1/A`,
    `www.doi.org/10.1%2FA`; DOIs ignore case.

    Of a text that is no DOI, only known prefixes and outer blanks are removed.
    """
    return doi_as_given(text).lower()


def doi_as_given(text: str) -> str:
    """Returns the same as `bare_doi`, by which DOIs are compared, in the letters of the text."""
    found = text.strip()
    if len(found) > _MAX_CHARACTERS:
        return found
    is_address = False
    for _ in range(_MAX_PREFIXES):
        prefix = _DOI_PREFIX.match(found)
        if prefix is None:
            break
        is_address = is_address or bool(_HTTP.search(prefix[0]))
        found = found[prefix.end() :].strip()
    if is_address:
        found = re.split(r"[?#](?=utm_|[\w-]*(?:=|$))", found, maxsplit=1)[0].removesuffix("/")
    if is_address or re.match(r"10\.\d{4,9}%2f", found, re.IGNORECASE):
        found = unquote(found)  # only addresses are percent-encoded
    return found


def doi_inside(text: str) -> str | None:
    """Returns the DOI that a text probably means: `<https://doi.org/10.1/a>.` or `10.1/a,`.

    The end of a sentence is no part of it, nor is a bracket that the text opens before it.
    """
    found = _DOI_INSIDE.search(unquote(_without_unseen(text[:1000])))
    if not found:
        return None
    doi = found[0].rstrip(_END_OF_SENTENCE + "/")
    for opening, closing in ("()", "[]", "{}"):
        while doi.endswith(closing) and doi.count(closing) > doi.count(opening):
            doi = doi[:-1].rstrip(_END_OF_SENTENCE)
    return doi if is_doi(doi) else None


def is_unfinished_doi(text: str) -> bool:
    """Whether a DOI has a sign at its end, or a character nobody sees, that copying added."""
    doi = bare_doi(text)
    return is_doi(doi) and (doi[-1] in _END_OF_SENTENCE or doi != _without_unseen(doi))


def _without_unseen(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def is_doi(text: str) -> bool:
    """Whether the text is a DOI in any spelling that `bare_doi` understands."""
    return bool(DOI.fullmatch(bare_doi(text)))


def shown_doi(registered: str | None, given: str | None) -> str | None:
    """Returns the DOI of a record as readers see it: as given, if that is the registered one.

    `registered`: as the registry of DOIs has it, in small letters; None if it has none.
    """
    if given and (not registered or bare_doi(given) == bare_doi(registered)):
        return doi_as_given(given)
    return registered


def doi_url(doi: str) -> str:
    """Returns the address of a bare DOI, with the characters escaped that an address cannot hold.

    Source: DOI Handbook, section 3.8 "Encoding".
    """
    return f"https://doi.org/{quote(doi, safe=_SAFE_IN_DOI_URL)}"


def is_orcid(text: str) -> bool:
    """Whether the text is an ORCID iD in normal form, bare or as a URL, with its check digit."""
    match = _ORCID.fullmatch(text)
    return match is not None and _has_valid_check_digit(match[1])


def normalize_orcid(text: str | None) -> str | None:
    """Returns the bare iD for every spelling; None for other texts and for a wrong check digit.

    Accepted are addresses of orcid.org, any dashes or blanks or none, and a small x.
    """
    given = (text or "").strip()
    return _normalize_orcid(given) if len(given) <= MAX_ORCID_CHARACTERS else None


@lru_cache(MAX_CACHED)
def _normalize_orcid(text: str) -> str | None:
    given = unicodedata.normalize("NFKC", text).strip()
    rest = _TAIL.sub("", given[_prefix_length(_ORCID_PREFIX, given) :])
    plain = re.sub(r"[\s\u2010-\u2015\u2212-]", "", rest).upper()
    if not _ORCID_CHARACTERS.fullmatch(plain) or not plain.isascii():
        return None
    digits = "-".join(plain[n : n + 4] for n in range(0, 16, 4))
    return digits if _has_valid_check_digit(digits) else None


def orcid_inside(text: str) -> str | None:
    """Returns the only iD with a right check digit in a text; None if there is none or several."""
    given = unicodedata.normalize("NFKC", text[:MAX_ORCID_CHARACTERS])
    if _OTHER_REGISTRY.search(given):
        return None
    given = re.sub("[\u2010-\u2015\u2212]", "-", _without_unseen(given))
    found = {normalize_orcid(i.replace("_", "-")) for i in _ORCID_INSIDE.findall(given)} - {None}
    return found.pop() if len(found) == 1 else None


def ror_inside(text: str) -> str | None:
    """Returns the URL of the only ROR id with a right checksum in a text; None if unclear."""
    found = {f"https://ror.org/{i.lower()}" for i in _ROR_INSIDE.findall(text[:_MAX_CHARACTERS])}
    right = [url for url in found if has_ror_checksum(url)]
    return right[0] if len(right) == 1 else None


def _prefix_length(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0


def _has_valid_check_digit(digits: str) -> bool:
    """ISO 7064 MOD 11-2, as ORCID uses it."""
    total = 0
    for digit in digits.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[-1] == ("X" if check == _CHECK_DIGIT_X else str(check))


def normalize_ror(text: str | None) -> str | None:
    """Returns the URL of a ROR id for every spelling; None for anything else."""
    given = (text or "")[:_MAX_CHARACTERS].strip()
    rest = _TAIL.sub("", given[_prefix_length(_ROR_PREFIX, given) :])
    return f"https://ror.org/{rest.lower()}" if _ROR.fullmatch(rest) and rest.isascii() else None


def has_ror_checksum(url: str) -> bool:
    """Whether the last two digits of a ROR's URL are right (ISO 7064 MOD 97-10, base 32)."""
    identifier = url.rpartition("/")[2]
    body, check = identifier[:-2], identifier[-2:]
    if any(c not in _CROCKFORD for c in body):
        return False
    number = 0
    for character in body:
        number = number * 32 + _CROCKFORD.index(character)
    return 98 - (number * 100) % 97 == int(check)
