"""A community's profile: what its records are called, must hold, and map to. Data, checked here."""

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from portal_shared.errors import NotFound
from portal_shared.model import Level


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publisher(Part):
    name: str
    ror: str | None = None


class DoiRules(Part):
    mint: tuple[Level, ...] = ()  # levels for which a record without a DOI is given one
    resource_types: dict[Level, str] = {"document": "Collection", "dataset": "Dataset"}


class IcatRules(Part):
    facility: str
    investigation_type: str
    dataset_type: str
    parameter_prefix: str = ""  # before names that `parameters` gives no ICAT name


class TechniqueRule(Part):
    label: str
    aliases: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()  # PaNET numbers of all broader terms


class ParameterRule(Part):
    """With a unit ("": a plain number) the value is a number, else text."""

    label: str
    unit: str | None = None
    icat: str | None = None
    values: tuple[str, ...] = ()  # a vocabulary: nothing else is taken
    minimum: float | None = None  # in `unit`
    maximum: float | None = None
    required: bool = False  # of every dataset


class Facets(Part):
    documents: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


class Profile(Part):
    name: str
    title: str
    facility: str
    publisher: Publisher
    license: str | None = None
    strict: bool = True
    document_types: tuple[Literal["publication", "proposal"], ...] = ()
    doi: DoiRules = DoiRules()
    details_allowed: dict[str, tuple[str, ...]] = {}
    private: tuple[str, ...] = ()  # names of fields that are dropped wherever they stand
    required: dict[Level, tuple[str, ...]] = {}  # fields that may not be empty
    embargo: bool = True  # a release date in the future keeps a record from the public
    icat: IcatRules
    techniques: dict[str, TechniqueRule] = {}
    parameters: dict[str, ParameterRule] = {}
    synonyms: tuple[tuple[str, ...], ...] = ()
    facets: Facets = Facets()


def names() -> list[str]:
    """The profiles there are."""
    folder = files("portal_shared") / "profiles"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


@cache
def load(name: str) -> Profile:
    """Raises NotFound for a name that is none of `names()`."""
    if name not in names():
        raise NotFound(f"no profile {name!r}; there are {', '.join(names())}", field="profile")
    text = (files("portal_shared") / "profiles" / f"{name}.yaml").read_text("utf-8")
    return Profile.model_validate(yaml.safe_load(text))
