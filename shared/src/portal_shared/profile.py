"""Profiles of communities: names, required fields and mappings of their records, from YAML."""

import re
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field

from portal_shared.contracts.records import DoiLevel, FileRole, Level
from portal_shared.runtime.errors import NotFound
from portal_shared.site_rules import SiteRules


class ProfileModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publisher(ProfileModel):
    name: str
    ror: str | None = None


class SuffixRules(ProfileModel):
    """Form of the DOI suffix: `start`, then groups of characters made from the pid."""

    start: Annotated[str, Field(pattern=r"^[a-z0-9.-]*$")] = ""
    groups: Annotated[int, Field(ge=2, le=6)] = 3
    size: Annotated[int, Field(ge=4, le=6)] = 4  # characters of a group


class DoiRules(ProfileModel):
    mint: tuple[DoiLevel, ...] = ()  # levels whose records get a DOI if they have none
    suffix: SuffixRules = SuffixRules()
    embargo: Literal["draft", "registered"] = "draft"  # state until the release date
    resource_types: dict[DoiLevel, str] = {
        "atlas": "Collection",
        "document": "Collection",
        "dataset": "Dataset",
    }
    resource_labels: dict[DoiLevel, str] = {}  # free text of DataCite beside the type
    sizes: tuple[str, ...] = ()  # parameter names in braces: "{shape_x} x {shape_y} voxels"
    methods: tuple[str, ...] = ()  # parameters in the description of methods
    technical: tuple[str, ...] = ()  # parameters in the technical information
    awards: Publisher | None = None  # who grants proposals, if they count as awards


class Vocabulary(ProfileModel):
    """A scheme and the terms for values of a parameter."""

    scheme: str
    scheme_uri: str
    value_uri: str  # with {id}
    terms: dict[str, tuple[str, str]]  # value: id, label


class Place(ProfileModel):
    name: str
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class IcatRules(ProfileModel):
    facility: str
    investigation_type: str
    dataset_type: str
    derived: dict[str, str] = {}  # other dataset types, by a parameter that only they have
    parameter_prefix: str = ""  # for parameters without an ICAT name


class TechniqueRule(ProfileModel):
    label: str
    aliases: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()  # PaNET numbers of all broader terms


class ParameterRule(ProfileModel):
    """Rule for one parameter: a number if `unit` is set ("": without unit), else a date or text."""

    label: str
    unit: str | None = None
    date: bool = False  # RFC 3339 with a time zone
    whole: bool = False  # a number without decimals: a count
    icat: str | None = None
    values: tuple[str, ...] = ()  # the allowed values
    minimum: float | None = None  # in `unit`
    maximum: float | None = None
    required: bool = False  # in every dataset
    free_text: bool = False  # searched, but not counted, suggested or quoted
    reference: bool = False  # the name of another record: not searched as words


class DateRange(ProfileModel):
    """Which dates are plausible: from `earliest` to so many days from today."""

    earliest: date = date(1900, 1, 1)
    days_ahead: Annotated[int, Field(ge=0)] = 36_525


def _pattern(text: str) -> str:
    re.compile(text)
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class PrivacyRules(ProfileModel):
    """Which values are removed from jobs, and which texts are refused.

    Names are compared as words: `_patient_birth_date_` for PatientBirthDate,
    "Patient birth date" and patient.birth-date; without accents, in small letters.
    """

    donor: tuple[Pattern, ...] = ()  # words that begin the names of a donor's fields
    allowed: tuple[str, ...] = ()  # those of them that may be published; others are removed
    names: tuple[Pattern, ...] = ()  # private wherever they are, also inside a longer name
    persons: tuple[Pattern, ...] = ()  # likewise, but not below `authors`
    authors: tuple[Pattern, ...] = ()  # words that are the name of a list of authors
    texts: Literal["ignored", "reported", "refused"] = "ignored"
    # texts that look like a date of birth or an e-mail address


class AgeRules(ProfileModel):
    """What happens to ages above 89, by which a person can be recognised.

    shown: nothing. grouped: the page of a record shows them, but no facet counts them; the record
    needs the parameter `group`, which facets count instead. refused: a record with one is refused.
    """

    above_89: Literal["shown", "grouped", "refused"] = "shown"
    parameters: tuple[str, ...] = ()  # with an age in years
    group: str | None = None
    group_above_89: str | None = None  # its value for them


class SearchRules(ProfileModel):
    read_as: dict[str, str] = {}  # phrases whose meaning differs from their words
    numbered: tuple[str, ...] = ()  # words followed by a number, with or without leading zero
    empty_words: tuple[str, ...] = ()  # words of questions that do not describe what is searched


class OnlineRules(ProfileModel):
    """Which files of a dataset are copied to the cache when it is registered, and stay there."""

    roles: tuple[FileRole, ...] = ()
    levels_below: ByteSize = ByteSize(0)  # a level with fewer bytes stays as well, "256 MiB"


class Facets(ProfileModel):
    documents: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


class Profile(ProfileModel):
    name: str
    title: str
    facility: str
    publisher: Publisher
    location: Place | None = None  # of the facility
    language: str | None = None  # default of texts; BCP 47
    license: str | None = None
    strict: bool = True
    document_types: tuple[Literal["publication", "proposal", "atlas"], ...] = ()
    doi: DoiRules = DoiRules()
    details_allowed: dict[str, tuple[str, ...]] = {}
    privacy: PrivacyRules = PrivacyRules()
    ages: AgeRules = AgeRules()
    dates: dict[str, DateRange] = {}  # by the name of a field; "parameters": of parameters
    required: dict[Level, tuple[str, ...]] = {}  # fields that must not be empty
    embargo: bool = True  # a record is not public before its release date
    icat: IcatRules
    techniques: dict[str, TechniqueRule] = {}
    parameters: dict[str, ParameterRule] = {}
    vocabularies: dict[str, Vocabulary] = {}  # by the name of a parameter
    synonyms: tuple[tuple[str, ...], ...] = ()  # words and phrases with the same meaning
    search: SearchRules = SearchRules()
    facets: Facets = Facets()
    site: SiteRules = SiteRules()
    online: OnlineRules = OnlineRules()


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def names() -> list[str]:
    """Returns the names of all profiles."""
    folder = files("portal_shared") / "profiles"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


@cache
def load(name: str) -> Profile:
    """Returns a profile. Raises NotFound for a name that is not in `names()`."""
    if name not in names():
        raise NotFound(
            f"no profile {name!r}; available profiles: {', '.join(names())}", field="profile"
        )
    content = _read(f"profiles/{name}.yaml")
    privacy = content.get("privacy")
    if isinstance(privacy, str):  # rules that several profiles share
        content["privacy"] = _read(f"data/private_{privacy}.yaml")
    return Profile.model_validate(content)


def _read(path: str) -> dict[str, Any]:
    text = (files("portal_shared") / path).read_text("utf-8")
    content: dict[str, Any] = yaml.load(text, _LOADER)  # noqa: S506  # safe, in C where it can be
    return content
