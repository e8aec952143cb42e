"""Fields of the search indexes: the indexer fills them, the gateway filters by them.

Stored names are short, because the engine stores them with every value. In `eq.F`, F is a field of
the record. A dot separates a field from its inner fields.
"""

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache

from portal_shared import units

DOCUMENTS, DATASETS, INSTRUMENTS = "documents", "datasets", "instruments"
INDEXES = (DOCUMENTS, DATASETS, INSTRUMENTS)

ID = "id"  # pid_key of the record: the engine does not accept every pid
ORDER = "order"  # sort_key of the pid: the engine sorts it by code points
JSON = "json"  # the record without relations, as the API returns it
RELATIONS = "relations"  # the relations stored with the record, as the API returns them
TEXT_DIGESTS = "eq"  # eq.F: digests of values of text field F, so that equality is exact
NUMBERS = "n"  # n.F: numbers; instants as microseconds since 1970
TEXT_ORDER = "o"  # o.F: text_key of text field F, by which rows are sorted
GRAMS = "g"  # g.F: all runs of three characters of a text that can be searched by pattern
WORDS = "w"  # w.F: digests of all words of such a text
TECHNIQUES = "t"  # technique terms with all their broader terms
INSTRUMENT = "i"  # i.F: digests of fields of the instrument
SAMPLES = "s"  # s.F: digests of fields of the samples
MEMBERS = "m"  # m.F: digests of roles, persons and affiliations
PARAMETERS = "p"  # p.NAME: numbers as stored (v), digests of texts (s), SI values by dimension
OTHER_PARAMETERS = "p.others"  # keys of parameters that no profile names (parameter_fields.py)
PARAMETER_NAMES = "pn"  # digests of the names of parameters
DATASET_FIELDS = "d"  # of a document: t, i, s, p, pn, eq and n of its datasets together
PARENT_DOCUMENTS = "up"  # of a dataset: ancestor_key of its public documents
DATASET_COUNT = "nd"  # of a document; if it is 1, DATASET_FIELDS describes that one dataset
FACETS = "facet"  # values to count, by facet
LISTING = "l"  # of a dataset: fields of result lists and of their facets
RECORDED = f"{LISTING}.has"  # names of facets for which it has a value
YEAR = f"{LISTING}.year"
BUCKETS = f"{LISTING}.b"  # by parameter_key, or SIZE: buckets of numbers (see buckets.py)
NAME_ORDER = f"{LISTING}.name"  # name_key
NAME_DIGEST = f"{LISTING}.nd"  # digest of the owner's name
PERSONS = f"{LISTING}.person"  # person_value of each author
PERSON_IDS = f"{LISTING}.pi"  # digests of their ids
TECHNIQUE_NAMES = f"{LISTING}.tn"  # digests of the names of techniques
CARD = "card"  # what a list shows of a dataset, as JSON

NOTES = "notes"  # free text about persons, for example a medical history
PEOPLE = "people"  # names of the authors of a dataset
SEARCHABLE = {  # texts of each index, by falling weight
    DOCUMENTS: (
        *("title", "keywords", "summary", "members", "datasets", "samples", "techniques"),
        *("facts", "forms", "identifiers", "numbers", NOTES),
    ),
    DATASETS: (
        *("title", "samples", "keywords", "techniques", "facts", "documents"),
        *("forms", "identifiers", "numbers", NOTES, PEOPLE),
    ),
    INSTRUMENTS: ("name", "facility", "identifiers"),
}
DESCRIBING = {  # the searchable texts that describe the record itself
    index: tuple(name for name in names if name not in (NOTES, PEOPLE))
    for index, names in SEARCHABLE.items()
}

COMPARABLE = (  # fields with ranges, and those after whose values rows are read on
    *(ORDER, f"{TEXT_ORDER}.*", f"{NUMBERS}.*", f"{PARAMETERS}.*", f"{LISTING}.*"),
    *(f"{DATASET_FIELDS}.{NUMBERS}.*", f"{DATASET_FIELDS}.{PARAMETERS}.*"),
)
EQUATABLE = (  # fields whose values are only compared for equality
    *(ID, TECHNIQUES, PARAMETER_NAMES, PARENT_DOCUMENTS, DATASET_COUNT),
    *(f"{group}.*" for group in (TEXT_DIGESTS, GRAMS, WORDS, INSTRUMENT, SAMPLES, MEMBERS, FACETS)),
    *(f"{DATASET_FIELDS}.{name}" for name in (TECHNIQUES, PARAMETER_NAMES)),
    *(f"{DATASET_FIELDS}.{group}.*" for group in (TEXT_DIGESTS, INSTRUMENT, SAMPLES)),
)
SORTABLE = (ID, ORDER, TEXT_ORDER, NUMBERS, PARAMETERS, LISTING)
SEARCH_CUTOFF_MS = 8000  # a search that takes longer is cut off by the engine, and is no answer

MAX_FACET_VALUES = 100_000  # in one response
MAX_FACET_CHARS = 80  # longer values are free text
_DIGEST_CHARS = 16
_MAX_FACET_BYTES = 300  # names of techniques may be very long
_ORDER_BYTES = 220  # the engine stores 468 bytes of a value
_MAX_ANCESTOR_KEY_CHARS = 2 * _ORDER_BYTES + 1 + _DIGEST_CHARS  # reached if the pid was cut
PATTERN_FIELDS = {  # texts of each index with GRAMS and WORDS
    DOCUMENTS: ("title", "summary", "keywords"),
    DATASETS: ("title", "keywords"),
    INSTRUMENTS: ("name", "facility"),
}
SORTED_TEXTS = {  # texts of each index with TEXT_ORDER: all that have one value
    DOCUMENTS: ("type", "title", "summary", "doi", "license"),
    DATASETS: ("title", "doi", "license", "availability", "availabilityDetail"),
    INSTRUMENTS: ("name", "facility"),
}
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"[0-9]{1,12}")
_PADDED_DIGITS = 12
_GRAM_CHARS = 3  # characters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=65_536)
def digest(text: str) -> str:
    """Returns a short hash of a text, so that the engine compares it exactly."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]


def grams(text: str) -> set[str]:
    """Returns all runs of three characters, ignoring case; a text has those of all its parts."""
    folded = text.casefold()
    return {
        folded[at : at + _GRAM_CHARS].encode().hex()
        for at in range(max(0, len(folded) - _GRAM_CHARS + 1))
    }


def word_digests(text: str) -> set[str]:
    """Returns the digests of all words, ignoring case."""
    return {digest(word) for word in _WORD.findall(text.casefold())}


def single_word_digest(text: str) -> str | None:
    """Returns the digest of a text that is one word, else None."""
    folded = text.casefold()
    return digest(folded) if _WORD.fullmatch(folded) else None


def parameter_key(parameter: str) -> str:
    """Returns a field name for a parameter: a letter first, no dots."""
    return "x" + digest(parameter)


def sort_key(pid: str) -> str:
    """Returns hexadecimal UTF-8, which sorts like code points in any collation."""
    return pid.encode()[:_ORDER_BYTES].hex()


def text_prefix(text: str) -> bytes:
    """Returns the part of a text by which it is sorted: its first 220 bytes of UTF-8."""
    return text.encode("utf-8", "replace")[:_ORDER_BYTES]


def text_key(text: str) -> str:
    """Returns a key that sorts like text_prefix; a letter first, so that it is never a number."""
    return f"x{text_prefix(text).hex()}"


def name_key(name: str) -> str:
    """Returns a key that sorts names as readers do: VOI-2 before VOI-10, case ignored."""
    padded = _DIGITS.sub(lambda m: m[0].zfill(_PADDED_DIGITS), name.casefold())
    return padded.encode()[:_ORDER_BYTES].hex()


def bucket_value(index: int) -> str:
    """Returns a bucket as it is counted."""
    return f"b{index}"


def parse_bucket_value(stored: str) -> int:
    return int(stored.removeprefix("b"))


def person_value(identifier: str, name: str) -> str:
    """Returns the facet value of a person: id and name."""
    return facet_value(f"{identifier}\t{name}")


def ancestor_key(pid: str) -> str:
    """Returns the key of a document in its datasets: unique, and sorted like pids."""
    return f"{sort_key(pid)}-{digest(pid)}"


def ancestor_pid(key: str) -> str | None:
    """Returns the pid of an ancestor_key; None if the pid was too long to be stored whole."""
    encoded, _, mark = key.partition("-")
    pid = bytes.fromhex(encoded).decode("utf-8", "ignore")
    return pid if digest(pid) == mark else None


def all_pids_known(keys: Collection[str]) -> bool:
    """Whether ancestor_pid returns the pid of every key; only long keys have to be checked."""
    return all(ancestor_pid(one) is not None for one in keys if len(one) >= _MAX_ANCESTOR_KEY_CHARS)


@lru_cache(maxsize=4096)
def dimension_key(unit: units.Unit) -> str:
    return "u" + digest(repr([(base, str(power)) for base, power in unit.dimension]))[:8]


def microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def parse_microseconds(text: str) -> int:
    """Returns the microseconds of an instant in the format of records.utc_text."""
    return microseconds(datetime.fromisoformat(text))


def facet_value(value: str) -> str:
    """Returns a value with its digest, so that the engine separates values that fold alike."""
    return digest(value) + value.encode()[:_MAX_FACET_BYTES].decode("utf-8", "ignore")


@lru_cache(maxsize=16_384)  # answers repeat the same values
def parse_facet_value(stored: str) -> str | None:
    """Returns the value of facet_value; None if it was too long to be stored whole."""
    value = stored[_DIGEST_CHARS:]
    return value if digest(value) == stored[:_DIGEST_CHARS] else None
