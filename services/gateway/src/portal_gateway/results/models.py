"""The answer of /api/search."""

from datetime import datetime

from portal_shared.site_rules import FieldKind
from pydantic import BaseModel


class Card(BaseModel):
    """A dataset as lists show it."""

    pid: str
    name: str
    title: str  # in words
    page: str  # address of its page
    thumbnail: str  # address of a small picture
    organ: str | None = None
    organ_label: str | None = None  # with its side, in words
    side: str | None = None
    donor: str | None = None
    type: str | None = None  # overview or zoom
    type_label: str | None = None
    region: str | None = None
    voxel_um: float | None = None
    size_um: list[float] | None = None  # extent along z, y, x
    shape: list[int] | None = None  # voxels along z, y, x
    bytes: int | None = None  # of its files
    full_bytes: int | None = None  # of the whole volume as the record says, without compression
    date: datetime
    availability: str | None = None
    availability_label: str | None = None
    zooms: int = 0  # public datasets that are registered to this one
    overview: str | None = None  # name of the overview that it is registered to
    doi: str | None = None
    licence: str | None = None


class FacetValue(BaseModel):
    value: str
    label: str
    count: int
    selected: bool
    link: str | None = None  # its term in a vocabulary


class MissingCount(BaseModel):
    """Datasets for which the field is not recorded; select them by the value `value`."""

    value: str
    count: int
    selected: bool


class Bucket(BaseModel):
    """Numbers from `start` up to, but without, `end`."""

    start: float
    end: float
    count: int


class SelectedRange(BaseModel):
    low: float | None = None
    high: float | None = None


class FacetView(BaseModel):
    """A facet; its counts ignore its own selection. Values without hits have the count 0."""

    field: str
    parameter: str
    label: str
    kind: FieldKind
    unit: str | None = None
    values: list[FacetValue] = []
    more_values: int = 0  # values that are left out
    missing: MissingCount
    buckets: list[Bucket] = []
    min: float | None = None
    max: float | None = None
    selected: list[SelectedRange] = []


class Chip(BaseModel):
    """One value of the search: remove it by leaving out this value of this parameter."""

    field: str
    label: str
    value_label: str
    parameter: str
    value: str


class Correction(BaseModel):
    """A word that no dataset has, and the word that was searched instead."""

    from_word: str
    to_word: str


class Drop(BaseModel):
    """How many datasets are found without one part of the search."""

    chip: Chip
    count_without: int


class ExportLink(BaseModel):
    format: str
    label: str
    media_type: str
    href: str


class SearchPage(BaseModel):
    """One page of a search: everything that a page of results shows."""

    total: int
    page: int
    pages: int
    per_page: int
    sort: str
    words: str  # without conditions such as organ:kidney, which are among the chips
    query: str  # the canonical query string of this search
    rows: list[Card]
    facets: list[FacetView]
    chips: list[Chip]
    corrections: list[Correction]
    ignored_words: list[str]  # words that no dataset has, left out of the search
    drop: list[Drop]  # only if nothing is found
    exports: list[ExportLink]
