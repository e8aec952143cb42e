"""Questions that readers ask of the Human Organ Atlas, and the datasets that answer them.

The answers follow from the published metadata, not from any text that the portal makes.
"""

import re
from collections.abc import Callable

from portal_cli.hoa.record import Record
from portal_cli.hoa.source import read_installed

Answer = Callable[[Record], bool]


def organ(name: str) -> Answer:
    return lambda r: r.sample.organ == name


def place(*words: str) -> Answer:
    """All words are in the side or region of the specimen or of the zoom."""

    def answer(r: Record) -> bool:
        text = f"{r.sample.organ_context or ''} {r.voi}"
        apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
        found = set(re.split(r"[\s_-]+", apart))
        return found.issuperset(words)

    return answer


def donor(name: str) -> Answer:
    return lambda r: r.donor.id == name


def history(pattern: str) -> Answer:
    """Cause of death or medical history have it, or a yes in the field of that name."""

    def answer(r: Record) -> bool:
        text = " | ".join(t for t in (r.donor.cause_of_death, r.donor.medical_history) if t)
        fields = {"hypertension": r.donor.hypertension, "diabetes": r.donor.diabetes}
        is_yes = any(
            value and value.lower() != "no" and re.search(pattern, name)
            for name, value in fields.items()
        )
        return bool(re.search(pattern, text, re.IGNORECASE)) or is_yes

    return answer


def voxel(micrometres: float) -> Answer:
    """The voxels have this size, or the pixels of the scan."""
    return lambda r: micrometres in (r.data.voxel_size_um, r.scan.pixel_size)


def kind(name: str) -> Answer:
    return lambda r: r.dataset_type == name


def energy(kiloelectronvolts: float) -> Answer:
    return lambda r: r.scan.energy == kiloelectronvolts


def region(name: str) -> Answer:
    """The volume of interest has this name; leading zeros of numbers do not count."""
    return lambda r: bool(re.match(rf"{name}(?!\d)", re.sub(r"(?<!\d)0+(?=\d)", "", r.voi)))


def every(*answers: Answer) -> Answer:
    return lambda r: all(answer(r) for answer in answers)


BIG_DONOR = "LADAF-2021-17"
COVID = r"covid|sars-?cov"
QUESTIONS: dict[str, Answer] = {
    # organs, in singular and plural, by other names
    "kidney": organ("kidney"),
    "lung": organ("lung"),
    "lungs": organ("lung"),
    "heart": organ("heart"),
    "cardiac": organ("heart"),
    "brain": organ("brain"),
    "renal": organ("kidney"),
    "pulmonary scans": organ("lung"),
    "liver": organ("liver"),
    "spleen": organ("spleen"),
    "human eye": organ("eye"),
    "testes": organ("testis"),
    "colon": organ("colon"),
    "prostate": organ("prostate"),
    "Achilles tendon": organ("achillesTendon"),
    "placenta": organ("placenta"),
    # sides
    "left": place("left"),
    "right": place("right"),
    "left kidney": every(organ("kidney"), place("left")),
    "right lung": every(organ("lung"), place("right")),
    "datasets of the left lung": every(organ("lung"), place("left")),
    # donors
    BIG_DONOR: donor(BIG_DONOR),
    f"kidney of {BIG_DONOR}": every(organ("kidney"), donor(BIG_DONOR)),
    "brain of donor I58": every(organ("brain"), donor("I58")),
    "A109": donor("A109"),
    # pathologies and causes of death
    "COVID-19": history(COVID),
    "SARS-CoV-2 lung": every(organ("lung"), history(COVID)),
    "tetralogy of Fallot": history("tetralogy of fallot"),
    "hypertension": history(r"\bhypertension|high blood pressure"),
    "diabetes": history(r"\bdiabetes"),
    "COPD": history("chronic obstructive pulmonary disease|copd"),
    "heart failure": history("heart failure"),
    "pancreatic cancer": history("pancreatic cancer"),
    "bacterial pneumonia": history("bacterial pneumonia"),
    "stroke": history(r"\bstroke"),
    # regions and kinds
    "upper lobe": place("upper", "lobe"),
    "left upper lobe": place("left", "upper", "lobe"),
    "hippocampus": place("hippocampus"),
    "internal capsule": place("internal", "capsule"),
    "VOI-1 of the heart": every(organ("heart"), region("VOI-1")),
    "overview": kind("overview"),
    "whole organ kidney": every(organ("kidney"), kind("overview")),
    "zooms of the spleen": every(organ("spleen"), kind("zoom")),
    # numbers with units
    "25.08 um": voxel(25.08),
    "25.08µm": voxel(25.08),
    "6.5 micrometers": voxel(6.5),
    "2.6 \u03bcm kidney": every(organ("kidney"), voxel(2.6)),
    "0.02508 mm": voxel(25.08),
    "85 keV": energy(85),
    # misspellings
    "kidny": organ("kidney"),
    "plasenta": organ("placenta"),
    "left kidnei": every(organ("kidney"), place("left")),
    "tetralogi of fallott": history("tetralogy of fallot"),
    "hipertension": history(r"\bhypertension|high blood pressure"),
}


def answers() -> dict[str, set[str]]:
    """Returns the names of the datasets that answer each question."""
    records = [entry.record for entry in read_installed().entries]
    return {q: {r.name for r in records if answer(r)} for q, answer in QUESTIONS.items()}


def documents_of(name: str) -> set[str]:
    """Returns the documents of an organ: one per donor, and the proposals with such datasets."""
    records = [entry.record for entry in read_installed().entries]
    mine = [r for r in records if r.sample.organ == name]
    return {r.document for r in mine} | {f"proposal-{r.proposal.proposal_number}" for r in mine}
