"""A community's profile: what its records are called, must hold, and map to. Data, checked here."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from portal_shared.contracts.records import DoiLevel, Level
from portal_shared.runtime.errors import NotFound


class ProfileModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publisher(ProfileModel):
    name: str
    ror: str | None = None


class SuffixRules(ProfileModel):
    """How a DOI made here looks after its prefix: `start`, then groups made of the pid."""

    start: Annotated[str, Field(pattern=r"^[a-z0-9.-]*$")] = ""
    groups: Annotated[int, Field(ge=2, le=6)] = 3
    size: Annotated[int, Field(ge=4, le=6)] = 4  # characters of a group


class DoiRules(ProfileModel):
    mint: tuple[DoiLevel, ...] = ()  # levels for which a record without a DOI is given one
    suffix: SuffixRules = SuffixRules()
    embargo: Literal["draft", "registered"] = "draft"  # the state until the release date
    resource_types: dict[DoiLevel, str] = {
        "atlas": "Collection",
        "document": "Collection",
        "dataset": "Dataset",
    }
    resource_labels: dict[DoiLevel, str] = {}  # DataCite's free text beside the type
    sizes: tuple[str, ...] = ()  # names of parameters in braces: "{shape_x} x {shape_y} voxels"
    methods: tuple[str, ...] = ()  # parameters told in the description of the methods
    technical: tuple[str, ...] = ()  # parameters told as technical information
    awards: Publisher | None = None  # who grants the proposals: each is told as an award


class Vocabulary(ProfileModel):
    """The terms of a scheme that values of a parameter stand for."""

    scheme: str
    scheme_uri: str
    value_uri: str  # {id} in it
    terms: dict[str, tuple[str, str]]  # value: id, label


class Place(ProfileModel):
    name: str
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class IcatRules(ProfileModel):
    facility: str
    investigation_type: str
    dataset_type: str
    derived: dict[str, str] = {}  # other types, by the parameter that only datasets of such have
    parameter_prefix: str = ""  # before names that `parameters` gives no ICAT name


class TechniqueRule(ProfileModel):
    label: str
    aliases: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()  # PaNET numbers of all broader terms


class ParameterRule(ProfileModel):
    """With a unit ("": a plain number) the value is a number, with `date` an instant, else text."""

    label: str
    unit: str | None = None
    date: bool = False  # RFC 3339 with a time zone
    icat: str | None = None
    values: tuple[str, ...] = ()  # a vocabulary: nothing else is taken
    minimum: float | None = None  # in `unit`
    maximum: float | None = None
    required: bool = False  # of every dataset
    free_text: bool = False  # prose: searched, but never counted, suggested or quoted


class SearchRules(ProfileModel):
    read_as: dict[str, str] = {}  # phrases that do not mean their words, and what they do mean
    numbered: tuple[str, ...] = ()  # words whose numbers may have zeros before them
    empty_words: tuple[str, ...] = ()  # of questions: they say nothing of what is sought


class Facets(ProfileModel):
    documents: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


class Profile(ProfileModel):
    name: str
    title: str
    facility: str
    publisher: Publisher
    location: Place | None = None  # of the facility
    language: str | None = None  # of texts that say none; BCP 47
    license: str | None = None
    strict: bool = True
    document_types: tuple[Literal["publication", "proposal", "atlas"], ...] = ()
    doi: DoiRules = DoiRules()
    details_allowed: dict[str, tuple[str, ...]] = {}
    private: tuple[str, ...] = ()  # names of fields that are dropped wherever they stand
    required: dict[Level, tuple[str, ...]] = {}  # fields that may not be empty
    embargo: bool = True  # a release date in the future keeps a record from the public
    icat: IcatRules
    techniques: dict[str, TechniqueRule] = {}
    parameters: dict[str, ParameterRule] = {}
    vocabularies: dict[str, Vocabulary] = {}  # by the name of a parameter
    synonyms: tuple[tuple[str, ...], ...] = ()  # words and phrases meant alike
    search: SearchRules = SearchRules()
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
