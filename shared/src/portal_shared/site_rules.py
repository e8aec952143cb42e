"""What a profile says to the web site: texts, labels, groups, facets, orders, colours.

Everything has a default, so that a profile without these rules has a complete site.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FieldKind = Literal["choice", "range", "text", "date"]


class SiteModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accent(SiteModel):
    """The one colour that a community chooses; lightness is that of the site's style."""

    hue: Annotated[float, Field(ge=0, lt=360)] = 255
    chroma: Annotated[float, Field(ge=0, le=0.16)] = 0.12


class ValueText(SiteModel):
    """How a value of a field is written."""

    label: str  # within a sentence: "kidney", "Achilles tendon"
    plural: str | None = None
    explanation: str | None = None


class FieldText(SiteModel):
    """How a field is written and searched; a parameter of the profile, or a field of records."""

    label: str | None = None  # default: that of the parameter
    address: str | None = None  # name of its query parameter; default: the field's name
    explanation: str | None = None
    listed_order: bool = False  # facets list its values in the order of the profile
    words: bool = False  # its values are words: `left_upper_lobe` is "left upper lobe"
    hidden: bool = False  # pages of records do not show it
    values: dict[str, ValueText] = {}


class Group(SiteModel):
    """Fields that a record's page shows together, in this order."""

    name: str
    label: str
    fields: tuple[str, ...] = ()


class Sight(SiteModel):
    """What can be seen with voxels up to a size."""

    up_to: Annotated[float, Field(gt=0)]  # micrometres
    text: str


class OrganRules(SiteModel):
    width: Annotated[float, Field(gt=0)] | None = None  # millimetres, typical
    sights: tuple[Sight, ...] = ()


class Roles(SiteModel):
    """Which parameters are the facts that results and titles show; None: there is none."""

    organ: str | None = None
    side: str | None = None
    donor: str | None = None
    type: str | None = None  # with the values `overview` and `zoom`
    region: str | None = None
    whole: tuple[str, ...] = ()  # regions that are the whole organ; they are not named
    voxel: str | None = None
    shape: tuple[str, ...] = ()  # numbers of voxels along z, y, x
    overview: str | None = None  # name of the dataset that a zoom is registered to
    energy: str | None = None
    proposal: str | None = None
    raw_bytes: str | None = None  # of the volume, where no files are listed


class SiteRules(SiteModel):
    name: str | None = None  # default: the profile's title
    tagline: str = ""
    texts: dict[str, str] = {}  # paragraphs by name
    contact: str | None = None  # an e-mail address, or a URL
    accent: Accent = Accent()
    document: str | None = None  # pid of the record of the whole collection
    paper: str | None = None  # DOI of the paper to cite beside a dataset
    roles: Roles = Roles()
    groups: tuple[Group, ...] = ()  # other parameters follow in a last group
    fields: dict[str, FieldText] = {}
    facets: tuple[str, ...] = ()  # default: `facets.datasets` of the profile
    sights: tuple[Sight, ...] = ()  # where the organ has none of its own
    organs: dict[str, OrganRules] = {}  # by value of the organ
