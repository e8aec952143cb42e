"""The fields of the search indexes: filled by the indexer, filtered by the gateway.

id        the pid as the engine takes it (model.key)
order     the pid so that the engine orders it by code points
json      the record as the API answers it, without relations; ready to send
relations the relations that are kept with it, likewise
eq.F      digests of the values of text field F: equality is exact, whatever the engine folds
n.F       numbers; instants as microseconds since 1970
g.F, w.F  of texts that patterns are asked of: all runs of three characters, digests of all words
t         technique terms with all their broader ones
i.F, s.F  digests of the fields of the instrument, of the samples
m.F       digests of the roles, persons and affiliations of members
p.NAME    parameters: v = numbers as stored, s = digests of texts, and by dimension in SI
pn        digests of the names of parameters
up        of a dataset: its public documents, by above()
nd        of a document: how many datasets it has; with one, d says what is true of that one
d         of a document: what its datasets have together of t, i, s, p, pn, eq, n
facet     values to count, by facet
"""

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime

from portal_shared import units

DOCUMENTS, DATASETS, INSTRUMENTS = "documents", "datasets", "instruments"
INDEXES = (DOCUMENTS, DATASETS, INSTRUMENTS)
# The names of the fields as the search engine stores them; their meaning is in the table above.
ID, ORDER, JSON, RELATIONS = "id", "order", "json", "relations"
TEXT_DIGESTS, NUMBERS, GRAMS, WORDS = "eq", "n", "g", "w"
TECHNIQUES, INSTRUMENT, SAMPLES, MEMBERS = "t", "i", "s", "m"
PARAMETERS, PARAMETER_NAMES = "p", "pn"
PARENT_DOCUMENTS, DATASET_COUNT, DATASET_FIELDS = "up", "nd", "d"
FACETS = "facet"
FILTERABLE = (
    *(ID, TEXT_DIGESTS, NUMBERS, GRAMS, WORDS, TECHNIQUES, INSTRUMENT, SAMPLES, MEMBERS),
    *(PARAMETERS, PARAMETER_NAMES, DATASET_FIELDS, PARENT_DOCUMENTS, DATASET_COUNT, FACETS),
)
SORTABLE = (ORDER, NUMBERS)

MAX_FACET_VALUES = 100_000  # in one answer
MAX_FACET_CHARS = 80  # free text is no facet
_DIGEST_CHARS = 16
_MAX_FACET_BYTES = 300  # bytes of a value: a technique's name may be a paragraph
_ORDER_BYTES = 220  # the engine keeps 468 bytes of a value
_MAX_ANCESTOR_KEY_CHARS = 2 * _ORDER_BYTES + 1 + _DIGEST_CHARS  # of a pid that may have been cut
PATTERN_FIELDS = {  # the texts of each index that have g and w
    DOCUMENTS: ("title", "summary", "keywords"),
    DATASETS: ("title", "keywords"),
    INSTRUMENTS: ("name", "facility"),
}
_WORD = re.compile(r"\w+")
_GRAM_CHARS = 3  # characters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]


def grams(text: str) -> set[str]:
    """Its runs of three characters, whatever their case: a text has those of all its parts."""
    folded = text.casefold()
    return {
        folded[at : at + _GRAM_CHARS].encode().hex()
        for at in range(max(0, len(folded) - _GRAM_CHARS + 1))
    }


def word_digests(text: str) -> set[str]:
    """Digests of its words, whatever their case."""
    return {digest(word) for word in _WORD.findall(text.casefold())}


def single_word_digest(text: str) -> str | None:
    """The digest of a text that is one word: whatever has that word contains the text."""
    folded = text.casefold()
    return digest(folded) if _WORD.fullmatch(folded) else None


def parameter_key(parameter: str) -> str:
    """A parameter's name as a field's name: a letter first, no dots."""
    return "x" + digest(parameter)


def sort_key(pid: str) -> str:
    """UTF-8 orders as code points do, and so does its hexadecimal form in any collation."""
    return pid.encode()[:_ORDER_BYTES].hex()


def ancestor_key(pid: str) -> str:
    """A record as those below it name it: in the order of pids, and unmistakable."""
    return f"{sort_key(pid)}-{digest(pid)}"


def ancestor_pid(named: str) -> str | None:
    """The pid that above() was given; None where it was too long to be kept whole."""
    kept, _, mark = named.partition("-")
    pid = bytes.fromhex(kept).decode("utf-8", "ignore")
    return pid if digest(pid) == mark else None


def all_pids_known(named: Collection[str]) -> bool:
    """Whether above_pid() tells all of these; only long ones have to be looked at for that."""
    return all(
        ancestor_pid(one) is not None for one in named if len(one) >= _MAX_ANCESTOR_KEY_CHARS
    )


def dimension_key(unit: units.Unit) -> str:
    return "u" + digest(repr([(base, str(power)) for base, power in unit.dimension]))[:8]


def microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def parse_microseconds(text: str) -> int:
    """Of an instant as it is told (model.utc_text)."""
    return microseconds(datetime.fromisoformat(text))


def facet_value(value: str) -> str:
    """A value so that the engine keeps it apart from others that fold to the same."""
    return digest(value) + value.encode()[:_MAX_FACET_BYTES].decode("utf-8", "ignore")


def parse_facet_value(kept: str) -> str | None:
    """The value again; None where it was too long to be kept whole."""
    value = kept[_DIGEST_CHARS:]
    return value if digest(value) == kept[:_DIGEST_CHARS] else None
