"""What the web site shows that comes from configuration: the answer of /api/profile."""

from portal_shared.contracts.identifiers import doi_url
from portal_shared.profile import Profile
from portal_shared.site_rules import FieldKind
from pydantic import BaseModel

from portal_gateway.labels import words
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.licences import Licence, licence


class PublisherView(BaseModel):
    name: str
    ror: str | None = None


class AccentView(BaseModel):
    """The colour of the community: hue in degrees and chroma of OKLCH."""

    hue: float
    chroma: float


class ValueView(BaseModel):
    """A value of a field, and how it is written."""

    value: str
    label: str  # where it stands alone
    in_text: str  # within a sentence
    plural: str | None = None
    link: str | None = None  # its term in a vocabulary
    term: str | None = None  # the vocabulary's name of the term, for example UBERON:0002113
    explanation: str | None = None


class FieldView(BaseModel):
    name: str
    label: str
    kind: FieldKind
    parameter: str | None = None  # of /api/search; None: it cannot be searched by value
    unit: str | None = None  # as readers see it
    group: str
    order: int
    explanation: str | None = None
    facet: bool
    whole: bool = False  # a number without decimals
    values: list[ValueView] = []


class GroupView(BaseModel):
    name: str
    label: str
    fields: list[str]


class SortView(BaseModel):
    key: str
    label: str


class SightView(BaseModel):
    """What can be seen with voxels up to a size in micrometres."""

    up_to_um: float
    text: str


class OrganView(BaseModel):
    value: str
    label: str
    in_text: str
    plural: str | None = None
    link: str | None = None
    width_mm: float | None = None  # typical, to draw organs at one scale
    sights: list[SightView] = []


class CitationView(BaseModel):
    """How to cite the whole collection."""

    document: str | None = None  # pid of its record
    doi: str | None = None  # of the paper
    doi_url: str | None = None


class RangeFormView(BaseModel):
    """How parameters of /api/search are written."""

    between: str = "from..to"
    missing: str
    note: str = "an end may be left out; a parameter may be repeated"


class PageSizes(BaseModel):
    default: int
    maximum: int


class ProfileView(BaseModel):
    """Everything that the web site shows and that comes from configuration."""

    name: str
    title: str
    site_name: str
    tagline: str
    texts: dict[str, str]
    language: str | None
    facility: str
    publisher: PublisherView
    licence: Licence | None
    contact: str | None
    accent: AccentView
    citation: CitationView
    fields: list[FieldView]
    groups: list[GroupView]
    facets: list[str]
    sorts: list[SortView]
    organs: list[OrganView]
    organ_field: str | None  # the field whose values are organs
    sights: list[SightView]
    search: RangeFormView
    page_sizes: PageSizes


def profile_view(
    table: FieldTable, sorts: list[SortView], *, missing: str, page_sizes: PageSizes
) -> ProfileView:
    profile, site = table.profile, table.profile.site
    organ = site.roles.organ
    return ProfileView(
        name=profile.name,
        title=profile.title,
        site_name=site.name or profile.title,
        tagline=site.tagline,
        texts=site.texts,
        language=profile.language,
        facility=profile.facility,
        publisher=PublisherView(name=profile.publisher.name, ror=profile.publisher.ror),
        licence=licence(profile.license),
        contact=site.contact,
        accent=AccentView(hue=site.accent.hue, chroma=site.accent.chroma),
        citation=CitationView(
            document=site.document,
            doi=site.paper,
            doi_url=doi_url(site.paper) if site.paper else None,
        ),
        fields=[_field_view(table, name) for name in _ordered(table)],
        groups=[
            GroupView(
                name=group.name,
                label=group.label,
                fields=[n for n in _ordered(table) if table.by_name[n].group == group.name],
            )
            for group in table.groups
        ],
        facets=[name for name in table.facets if name in table.by_name],
        sorts=sorts,
        organs=_organs(table) if organ else [],
        organ_field=organ,
        sights=_sights(profile),
        search=RangeFormView(missing=missing),
        page_sizes=page_sizes,
    )


def _ordered(table: FieldTable) -> list[str]:
    ranks = {group.name: rank for rank, group in enumerate(table.groups)}
    return sorted(table.by_name, key=lambda n: (ranks[table.by_name[n].group],
                                                table.by_name[n].order))  # fmt: skip


def _field_view(table: FieldTable, name: str) -> FieldView:
    field = table.by_name[name]
    listed = dict.fromkeys((*table.listed_values(name), *field.text.values))
    return FieldView(
        name=name,
        label=field.label,
        kind=field.kind,
        parameter=field.address if field.searchable else None,
        unit=field.public_unit,
        group=field.group,
        order=field.order,
        explanation=field.explanation,
        facet=field.facet,
        whole=field.whole,
        values=[value_view(table, name, value) for value in listed],
    )


def value_view(table: FieldTable, name: str, value: str) -> ValueView:
    text = table.value_text(name, value)
    vocabulary = table.profile.vocabularies.get(name)
    term = vocabulary.terms.get(value) if vocabulary else None
    return ValueView(
        value=value,
        label=words.capital(text.label),
        in_text=text.label,
        plural=text.plural,
        link=table.value_link(name, value),
        term=f"{vocabulary.scheme}:{term[0]}" if vocabulary and term else None,
        explanation=text.explanation,
    )


def _organs(table: FieldTable) -> list[OrganView]:
    site, organ = table.profile.site, table.profile.site.roles.organ or ""
    found: list[OrganView] = []
    for value in dict.fromkeys((*site.organs, *table.listed_values(organ))):
        view, rules = value_view(table, organ, value), site.organs.get(value)
        found.append(
            OrganView(
                **view.model_dump(include={"value", "label", "in_text", "plural", "link"}),
                width_mm=rules.width if rules else None,
                sights=[SightView(up_to_um=s.up_to, text=s.text) for s in rules.sights]
                if rules
                else [],
            )
        )
    return found


def _sights(profile: Profile) -> list[SightView]:
    return [SightView(up_to_um=s.up_to, text=s.text) for s in profile.site.sights]
