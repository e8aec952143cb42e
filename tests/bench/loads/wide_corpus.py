"""Records of many communities, with the distributions of real archives, from a seed.

Words, people, keywords and techniques are distributed as in Zipf's law; sizes and numbers of
datasets are log-normal; a tenth of the optional fields is missing; every tenth parameter has a
name of a long tail.
"""

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from portal_shared.contracts.records import (
    Dataset,
    Document,
    Instrument,
    Member,
    Parameter,
    Person,
    Sample,
    Technique,
)

from tests.bench.loads.search_corpus import PANET, TECHNIQUES

SEED = 20261129
_PARTS = re.compile(r"\w+")
ONSETS = _PARTS.findall(
    "b c d f g h j k l m n p r s t v w z bl br cl cr dr fl fr gl gr pl pr sc sh sk sl sm sn sp st"
    " str sw th tr ch qu ph"
)
ONSETS.append("")  # a syllable may begin with its vowel
VOWELS = _PARTS.findall("a e i o u ai ea ee ia ie io oa ou y")
CODAS = ["", "", "", *_PARTS.findall("n r l s t m d c p nt st ng rd ll ck x g")]
WORDS, PEOPLE, KEYWORDS, FACILITIES, INSTRUMENTS = 20_000, 8000, 600, 12, 90
UNITS = (
    *(("energy", "keV", 20.0), ("wavelength", "nm", 0.3), ("temperature", "K", 290.0)),
    *(("pressure", "mbar", 1000.0), ("exposure_time", "ms", 60.0), ("voxel_size", "um", 5.0)),
)
ONE_SYLLABLE, TWO_SYLLABLES = 60, 3000  # words of lower rank have so many
SINCE = datetime(2008, 1, 1, tzinfo=UTC)
LICENSES = ("CC-BY-4.0", "CC0-1.0", "CC-BY-NC-4.0", "ODbL-1.0")


def word(rank: int) -> str:
    """Returns the word of a rank: frequent words are short.

    As in a natural language, 20 000 words have about 5000 different runs of three characters, and
    few words are parts of others.
    """
    found = _syllable(rank % 900)
    if rank >= ONE_SYLLABLE:
        found += _syllable((rank * 31 + rank // 900 * 17) % 1300)
    if rank >= TWO_SYLLABLES:
        found += _syllable((rank * 57 + 5) % 2000)
    return found


def _syllable(number: int) -> str:
    mixed = (number * 7919 + 13) % (len(ONSETS) * len(VOWELS) * len(CODAS))  # a prime number
    rest, onset = divmod(mixed, len(ONSETS))
    coda, vowel = divmod(rest, len(VOWELS))
    return ONSETS[onset] + VOWELS[vowel] + CODAS[coda]


def zipf(size: int) -> list[float]:
    return list(accumulate(1 / (rank + 2) for rank in range(size)))


@dataclass(frozen=True)
class WideCorpus:
    """`datasets` datasets in about a third as many documents, or `each` in a document."""

    datasets: int
    names: int = 2000  # of parameters, in the long tail
    seed: int = SEED
    each: int = 0  # datasets of a document; 0: by chance

    def records(self) -> Iterator[tuple[Document, list[Dataset]]]:
        """Yields each document with its datasets."""
        chance = random.Random(self.seed)  # noqa: S311  # repeatable, not secret
        made = number = 0
        while made < self.datasets:
            by_chance = 1 + int(chance.lognormvariate(0.3, 0.9))
            count = min(self.datasets - made, self.each or by_chance)
            yield self._document(chance, number, count)
            made, number = made + count, number + 1

    def _document(
        self, chance: random.Random, number: int, count: int
    ) -> tuple[Document, list[Dataset]]:
        pid = f"10.5072/wide-{number:07d}"
        title = self.text(chance, 4, 10)
        below = [self._dataset(chance, pid, f"{pid}.{n}", title) for n in range(count)]
        released = SINCE + timedelta(hours=chance.randrange(24 * 6500))
        document = Document(
            pid=pid, name=title, title=title, profile="panosc",
            type=chance.choices(("publication", "proposal", "report"), (7, 2, 1))[0],
            summary=self.text(chance, 20, 90) if chance.random() < 0.9 else None,
            doi=pid if chance.random() < 0.8 else None,
            release_date=released if chance.random() < 0.9 else None,
            license=chance.choices(LICENSES, (70, 15, 10, 5))[0] if chance.random() < 0.9 else None,
            keywords=tuple(dict.fromkeys(self.keyword(chance) for _ in range(chance.randrange(5)))),
            members=tuple(self._member(chance) for _ in range(1 + chance.randrange(4))),
            datasets=tuple(d.pid for d in below),
        )  # fmt: skip
        return document, below

    def _dataset(self, chance: random.Random, document: str, pid: str, title: str) -> Dataset:
        term, name, _ = chance.choices(TECHNIQUES, [t[2] for t in TECHNIQUES])[0]
        machine = min(int(chance.paretovariate(1.1)) - 1, INSTRUMENTS - 1)
        sample = self.text(chance, 1, 2)
        return Dataset(
            pid=pid, name=pid, title=f"{title} {self.text(chance, 1, 3)}", profile="panosc",
            created=SINCE + timedelta(seconds=chance.randrange(3600 * 24 * 6500)),
            document=document,
            size=int(chance.lognormvariate(21, 3)) if chance.random() < 0.9 else None,
            instrument=instrument(machine),
            techniques=(Technique(pid=PANET + term, name=name),),
            samples=(Sample(pid=f"sample-{sample}", name=sample),),
            keywords=(self.keyword(chance),),
            license=LICENSES[0] if chance.random() < 0.7 else None,
            parameters=tuple(self._parameters(chance)),
        )  # fmt: skip

    def _parameters(self, chance: random.Random) -> Iterator[Parameter]:
        for name, unit, middle in UNITS:
            if chance.random() < 0.7:
                value = round(middle * math.exp(chance.gauss(0, 0.5)), 4)
                yield Parameter(name=name, value=value, unit=unit)
        yield Parameter(name="facility", value=f"facility {chance.randrange(FACILITIES)}")
        if chance.random() < 0.7:
            tail = min(int(chance.paretovariate(0.5)), self.names)
            yield Parameter(name=f"own_{tail}", value=round(chance.gauss(0, 10), 3), unit="mm")

    @staticmethod
    def _member(chance: random.Random) -> Member:
        number = _ranked(chance, _PEOPLE)
        family, given = word(number + 400).capitalize(), word(number % 97 + 30).capitalize()
        person = Person(id=f"person-{number}", full_name=f"{given} {family}", first_name=given,
                        last_name=family)  # fmt: skip
        return Member(role="author", person=person)

    @staticmethod
    def keyword(chance: random.Random) -> str:
        return word(100 + _ranked(chance, _KEYWORDS))

    @staticmethod
    def text(chance: random.Random, least: int, most: int) -> str:
        count = chance.randint(least, most)
        return " ".join(word(_ranked(chance, _WORDS)) for _ in range(count))


_WORDS, _PEOPLE, _KEYWORDS = zipf(WORDS), zipf(PEOPLE), zipf(KEYWORDS)


def _ranked(chance: random.Random, weights: list[float]) -> int:
    return chance.choices(range(len(weights)), cum_weights=weights)[0]


def instrument(number: int) -> Instrument:
    facility = f"facility {number % FACILITIES}"
    return Instrument(pid=f"10.5072/instrument-{number}", name=f"ID{number:02d}", facility=facility)
