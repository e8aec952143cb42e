"""Decides by their names which fields of a job are private, by the rules of a profile."""

import re
import unicodedata
from functools import cache, lru_cache

from portal_shared.profile import PrivacyRules

MAX_CACHED_NAMES = 10_000  # the same parameters are in thousands of datasets
MAX_NAME_CHARACTERS = 1000  # of a name that is compared; its end beyond that is ignored
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHERS = re.compile(r"[\W_]+")


def words(name: str) -> str:
    """Returns a name in the form of the patterns: `_patient_birth_date_` for PatientBirthDate.

    Accents, case, punctuation, compatibility characters (full width) and characters that nobody
    sees do not matter. Letters of other scripts stay.
    """
    return _words(name[:MAX_NAME_CHARACTERS])


@lru_cache(MAX_CACHED_NAMES)
def _words(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not (unicodedata.combining(c) or _is_unseen(c)))
    plain = _CAMEL.sub("_", _APOSTROPHES.sub("", plain)).replace("\u00df", "ss")
    return f"_{_OTHERS.sub('_', plain.casefold()).strip('_')}_"


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) == "Cf"  # a soft hyphen, a blank without width


def plain(name: str) -> str:
    """Returns only the letters and digits of `words`: agegroup for "Age group"."""
    return _plain(name[:MAX_NAME_CHARACTERS])


@lru_cache(MAX_CACHED_NAMES)
def _plain(name: str) -> str:
    return words(name).replace("_", "")


class PrivateNames:
    """The rules of one profile."""

    def __init__(self, rules: PrivacyRules) -> None:
        self._names = [re.compile(p) for p in rules.names]
        self._persons = [re.compile(p) for p in rules.persons]
        self._authors = [re.compile(f"_{p}_") for p in rules.authors]
        self._donor = [re.compile(f"_{p}(?=[_a-z0-9])") for p in rules.donor]
        self._donor_alone = [re.compile(f"_{p}_") for p in rules.donor]
        self._allowed = {plain(name) for name in rules.allowed}
        self._is_private = lru_cache(MAX_CACHED_NAMES)(self._find_private)
        self._is_donor = lru_cache(MAX_CACHED_NAMES)(self._find_donor)
        self._is_author = lru_cache(MAX_CACHED_NAMES)(self._find_author)

    def is_donor(self, name: str) -> bool:
        """Whether a name stands for a donor, so that only `allowed` fields may be below it."""
        return self._is_donor(name[:MAX_NAME_CHARACTERS])

    def _find_donor(self, name: str) -> bool:
        return any(p.fullmatch(words(name)) for p in self._donor_alone)

    def is_allowed(self, name: str) -> bool:
        """Whether a field below a donor may be published."""
        return plain(name) in self._allowed

    def is_author(self, name: str) -> bool:
        """Whether the fields below this name are those of authors, whose names are public."""
        return self._is_author(name[:MAX_NAME_CHARACTERS])

    def _find_author(self, name: str) -> bool:
        return any(p.fullmatch(words(name)) for p in self._authors)

    def is_private(self, name: str, *, of_author: bool = False) -> bool:
        """Whether a field or parameter with this name is removed."""
        return self._is_private(name[:MAX_NAME_CHARACTERS], of_author=of_author)

    def _find_private(self, name: str, *, of_author: bool) -> bool:
        form = words(name)
        if self._has_private_pattern(form):
            return True
        if not of_author and any(p.search(form) for p in self._persons):
            return True
        for pattern in self._donor:
            found = pattern.match(form)
            rest = form[found.end() :].replace("_", "") if found else ""
            if rest and rest not in self._allowed:
                return True
        return False

    def _has_private_pattern(self, form: str) -> bool:
        return any(p.search(form) for p in self._names)


def private_names(rules: PrivacyRules) -> PrivateNames:
    """Returns the compiled rules of a profile."""
    return _compiled(rules.model_dump_json())


@cache
def _compiled(rules: str) -> PrivateNames:
    return PrivateNames(PrivacyRules.model_validate_json(rules))
