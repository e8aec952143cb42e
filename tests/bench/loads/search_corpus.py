"""Generated records in the shape of the Atlas, from a seed."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_shared.contracts.records import (
    Affiliation,
    Dataset,
    Document,
    File,
    FileSummary,
    Instrument,
    Member,
    Parameter,
    Person,
    Sample,
    Technique,
    files_digest,
)

SEED = 20261126
ORGANS = ("heart", "lung", "kidney", "brain", "spleen", "liver", "testis", "prostate", "placenta")
SIDES = ("left", "right")
WORDS = tuple(
    re.findall(
        r"\w+",
        "complete overview zoom region lobe cortex medulla vessel ventricle alveoli nephron "
        "capsule hierarchical phase contrast tomography formalin ethanol agar voxel detector "
        "propagation synchrotron scintillator beam filter attenuation reconstruction stitching",
    )
)
FAMILIES = tuple(
    re.findall(
        r"\w+",
        "Walsh Tafforeau Lee Verleden Jonigk Ackermann Wagner Engel Bellier Burghammer Garcia "
        "Novak Okafor Lindqvist Moreau Rossi Schmidt Tanaka Silva Petrov",
    )
)
GIVEN = ("Ada", "Paul", "Clara", "Jean", "Emma", "Max", "Ines", "Leo", "Nora", "Tom", "Eva", "Luc")
PANET = "http://purl.org/pan-science/PaNET/"
TECHNIQUES = (  # with how often; about a fifth is x-ray emission spectroscopy
    ("PaNET01333", "x-ray propagation phase contrast microtomography", 40),
    ("PaNET01332", "x-ray propagation phase contrast tomography", 25),
    ("PaNET01200", "x-ray emission spectroscopy", 20),
    ("PaNET01162", "grazing incidence small angle x-ray scattering", 10),
    ("PaNET01275", "anomalous solution x-ray scattering", 5),
)
INSTRUMENTS = tuple(
    Instrument(pid=f"10.5072/instrument-{name.lower()}", name=name, facility="ESRF")
    for name in ("BM05", "BM18", "ID16A", "ID19")
)
BEGAN = datetime(2019, 1, 1, tzinfo=UTC)
FILES = 3


@dataclass(frozen=True)
class Corpus:
    documents: int
    datasets_each: int = 1
    seed: int = SEED

    def pid(self, number: int) -> str:
        return f"10.5072/bench-{number:07d}"

    def records(self) -> Iterator[tuple[Document, list[tuple[Dataset, list[File]]]]]:
        """Each document with its datasets and their files."""
        chance = random.Random(self.seed)  # noqa: S311  # repeatable, not secret
        for number in range(self.documents):
            yield self._record(number, chance)

    def _record(
        self, number: int, chance: random.Random
    ) -> tuple[Document, list[tuple[Dataset, list[File]]]]:
        pid = self.pid(number)
        organ = chance.choice(ORGANS)
        donor = f"LADAF-{2020 + number % 7}-{number % 97:02d}"
        title = f"{donor} {organ} {' '.join(chance.sample(WORDS, 4))} {number}"
        below = [
            _dataset(
                chance,
                document=pid,
                pid=f"{pid}.{one}",
                title=f"{title} {one}",
                organ=organ,
                donor=donor,
            )
            for one in range(self.datasets_each)
        ]
        document = Document(
            pid=pid,
            name=title,
            title=title,
            profile="panosc",
            type="publication",
            summary=" ".join(chance.choices(WORDS, k=30)),
            doi=pid,
            release_date=BEGAN + timedelta(days=number % 2500),
            license="CC-BY-4.0",
            keywords=(organ, *chance.sample(WORDS, 3)),
            members=tuple(_member(chance) for _ in range(4)),
            datasets=tuple(d.pid for d, _ in below),
        )
        return document, below


def _member(chance: random.Random) -> Member:
    family, given = chance.choice(FAMILIES), chance.choice(GIVEN)
    number = chance.randrange(500)
    person = Person(
        id=f"person-{family}-{number}",
        full_name=f"{given} {family}",
        first_name=given,
        last_name=family,
        orcid=f"0000-0002-{number:04d}-{number:04d}",
    )
    affiliation = Affiliation(id="esrf", name="European Synchrotron", country="France")
    return Member(role="author", person=person, affiliation=affiliation)


def _dataset(
    chance: random.Random, *, document: str, pid: str, title: str, organ: str, donor: str
) -> tuple[Dataset, list[File]]:
    files = [
        File(
            name=f"slice_{n:04d}.tif",
            path="raw",
            size=chance.randrange(10**6, 10**9),
            sha256=f"{chance.getrandbits(256):064x}",
        )
        for n in range(FILES)
    ]
    size = sum(f.size or 0 for f in files)
    term, name, _ = chance.choices(TECHNIQUES, [t[2] for t in TECHNIQUES])[0]
    summary = FileSummary(count=len(files), bytes=size, digest=files_digest(files))
    record = Dataset(
        pid=pid,
        name=pid,
        title=title,
        profile="panosc",
        created=BEGAN + timedelta(minutes=chance.randrange(4_000_000)),
        document=document,
        size=size,
        instrument=chance.choice(INSTRUMENTS),
        techniques=(Technique(pid=PANET + term, name=name),),
        samples=(Sample(pid=f"sample-{donor}-{organ}", name=f"{donor} {organ}"),),
        parameters=_parameters(chance, organ, donor),
        files=summary,
    )
    return record, files


def _parameters(chance: random.Random, organ: str, donor: str) -> tuple[Parameter, ...]:
    def number(least: float, most: float) -> float:
        return round(chance.uniform(least, most), 4)

    return (
        Parameter(name="organ", value=organ),
        Parameter(name="donor", value=donor),
        Parameter(name="side", value=chance.choice(SIDES)),
        Parameter(name="voxel_size", value=number(0.6, 26), unit="um"),
        Parameter(name="incident_photon_energy", value=number(40, 140), unit="keV"),
        Parameter(name="incident_wavelength", value=number(0.05, 1), unit="nm"),
        Parameter(name="sample_temperature", value=number(270, 310), unit="K"),
        Parameter(name="exposure_time", value=number(5, 200), unit="ms"),
        Parameter(name="detector_distance", value=number(0.5, 30), unit="m"),
        Parameter(name="projections", value=chance.randrange(2000, 20_000)),
    )
