"""Normalises the data of a donor. A missing value is unknown, it is not "no"."""

import re
from dataclasses import dataclass
from typing import Literal

from portal_cli.hoa.record import Donor

ADULT = 18
NOT_APPLICABLE = re.compile(r"\s*not applicable", re.IGNORECASE)
CONTROL = re.compile(r"\bdisease[- ]free\b", re.IGNORECASE)
NONE_KNOWN = re.compile(r"\bno known medical history\b", re.IGNORECASE)
DISEASES = (  # recognised by words in the text, not by a clinical coding
    ("COVID-19", re.compile(r"covid|sars-?cov", re.IGNORECASE)),
    ("tetralogy of Fallot", re.compile(r"tetralogy of fallot", re.IGNORECASE)),
    ("hypertension", re.compile(r"\bhypertension|high blood pressure", re.IGNORECASE)),
    ("diabetes", re.compile(r"\bdiabetes", re.IGNORECASE)),
    ("COPD", re.compile(r"\bCOPD\b|chronic obstructive pulmonary disease", re.IGNORECASE)),
)
DECADES = ((60, "18-59"), (70, "60-69"), (80, "70-79"), (90, "80-89"))


@dataclass(frozen=True)
class DonorFacts:
    """The data of a donor as the portal shows them."""

    age: int | None  # only if a number is recorded
    age_group: Literal["minor", "adult", "unknown"]
    age_band: str | None  # wide enough that few donors are alone in theirs
    cause_of_death: str | None
    explant: bool  # the organ came from a living person: no cause, the age is not at death
    pathology: tuple[str, ...]


def describe_donor(donor: Donor) -> DonorFacts:
    explant = bool(donor.cause_of_death and NOT_APPLICABLE.match(donor.cause_of_death))
    return DonorFacts(
        age=donor.age if isinstance(donor.age, int) else None,
        age_group=age_group(donor.age),
        age_band=age_band(donor.age),
        cause_of_death=None if explant else donor.cause_of_death,
        explant=explant,
        pathology=pathology(donor),
    )


def age_group(age: int | str | None) -> Literal["minor", "adult", "unknown"]:
    if age is None:
        return "unknown"
    if isinstance(age, str):
        return "minor" if age.startswith("<") else "adult"
    return "adult" if age >= ADULT else "minor"


def age_band(age: int | str | None) -> str | None:
    if age is None:
        return None
    if age_group(age) == "minor":
        return "<18"
    if isinstance(age, str):
        return "adult, age not recorded"
    return next((name for below, name in DECADES if age < below), "90+")


def pathology(donor: Donor) -> tuple[str, ...]:
    """Returns tags found in cause of death, medical history and the yes/no fields.

    "control" and "none known" are tags, too, though not diseases.
    """
    text = " | ".join(t for t in (donor.cause_of_death, donor.medical_history) if t)
    tags = [tag for tag, words in DISEASES if words.search(text)]
    for tag, field in (("hypertension", donor.hypertension), ("diabetes", donor.diabetes)):
        if (
            field is not None
            and field.strip().lower() not in ("no", "never", "")
            and tag not in tags
        ):
            tags.append(tag)
    if CONTROL.search(text):
        tags.append("control")
    if NONE_KNOWN.search(text):
        tags.append("none known")
    return tuple(tags)
