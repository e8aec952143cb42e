"""The fields that the web site shows and searches: parameters of the profile, and own fields.

One table for the profile endpoint, the parameters of searches, facets and pages of records.
"""

from dataclasses import dataclass
from functools import cached_property

from portal_shared.profile import ParameterRule, Profile
from portal_shared.search import query_terms
from portal_shared.site_rules import FieldKind, FieldText, Group, ValueText

from portal_gateway.labels import words

OTHER_GROUP = Group(name="other", label="Further parameters")
AVAILABILITY = {
    "ONLINE": ValueText(label="online"),
    "PARTLY_ONLINE": ValueText(label="preview online, full size on tape"),
    "ARCHIVED": ValueText(label="on tape"),
    "RESTORING": ValueText(label="coming from tape"),
    "UNAVAILABLE": ValueText(label="not available at the moment"),
    "LOST": ValueText(label="lost"),
}
_OWN: dict[str, tuple[FieldKind, FieldText]] = {  # fields of every dataset
    "instrument": ("choice", FieldText(label="Instrument")),
    "techniques": ("choice", FieldText(label="Technique", address="technique")),
    "keywords": ("choice", FieldText(label="Keyword", address="keyword")),
    "license": ("choice", FieldText(label="Licence", address="licence")),
    "availability": (
        "choice",
        FieldText(label="Availability", values=AVAILABILITY, listed_order=True),
    ),
    "year": ("choice", FieldText(label="Year")),
    "size": ("range", FieldText(label="Size of the files", address="bytes")),
    "created": ("date", FieldText(label="Date", address="date")),
    "person": ("choice", FieldText(label="Person")),
    "document": ("choice", FieldText(label="Part of", address="document")),
}
NO_TEXT = FieldText()
_OWN_UNITS = {"size": "B"}
PUBLIC_UNITS = {"um": "µm", "a": "years", "deg": "°", "celsius": "°C", "degC": "°C"}
RESERVED = frozenset(("q", "page", "per_page", "sort", "exact", "view", "format", "lang"))


def written_unit(unit: str | None) -> str | None:
    """Returns a unit as readers know it; None for none."""
    return PUBLIC_UNITS.get(unit, unit) if unit else None


@dataclass(frozen=True)
class SiteField:
    """One field: how it is written, searched and grouped."""

    name: str
    label: str
    kind: FieldKind
    address: str  # name of its query parameter
    group: str
    order: int
    unit: str | None = None  # as units.find reads it; None: not a number
    explanation: str | None = None
    own: bool = False  # a field of every record, not a parameter
    searchable: bool = True
    facet: bool = False
    whole: bool = False  # a number without decimals
    text: FieldText = NO_TEXT

    @property
    def public_unit(self) -> str | None:
        """The unit as it is written for readers; None for numbers without unit."""
        return written_unit(self.unit)


class FieldTable:
    """All fields of a profile, by name and by address."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.facets = _facet_names(profile)
        places = {
            name: (group.name, place)
            for group in profile.site.groups
            for place, name in enumerate(group.fields)
        }
        hidden = query_terms.free_text_parameters() | set(query_terms.age_groups())
        taken: set[str] = set(RESERVED)
        self.by_name: dict[str, SiteField] = {}
        for name, (kind, text) in _OWN.items():
            self._add(name, kind, text, places, taken, own=True)
        for name, rule in profile.parameters.items():
            if name not in self.by_name:
                self._add(name, _kind(rule), FieldText(label=rule.label), places, taken,
                          rule=rule, searchable=name not in hidden)  # fmt: skip
        self.by_address = {f.address: f for f in self.by_name.values() if f.searchable}

    def _add(
        self,
        name: str,
        kind: FieldKind,
        default: FieldText,
        places: dict[str, tuple[str, int]],
        taken: set[str],
        *,
        rule: ParameterRule | None = None,
        own: bool = False,
        searchable: bool = True,
    ) -> None:
        given = self.profile.site.fields.get(name, FieldText())
        wanted = given.address or default.address or name
        address = wanted if wanted not in taken else f"parameter_{name}"
        taken.add(address)
        group, order = places.get(name, (OTHER_GROUP.name, len(self.by_name)))
        self.by_name[name] = SiteField(
            name=name,
            label=given.label or default.label or name,
            kind=kind,
            address=address,
            group=group,
            order=order,
            unit=rule.unit if rule else _OWN_UNITS.get(name),
            explanation=given.explanation or default.explanation,
            own=own,
            searchable=searchable,
            facet=name in self.facets,
            whole=bool(rule and rule.whole),
            text=given.model_copy(
                update={
                    "values": {**default.values, **given.values},
                    "listed_order": given.listed_order or default.listed_order,
                }
            ),
        )

    @property
    def groups(self) -> tuple[Group, ...]:
        return (*self.profile.site.groups, OTHER_GROUP)

    def value_text(self, name: str, value: str) -> ValueText:
        """Returns how a text value of a field is written within a sentence."""
        found = self.by_name.get(name)
        if found is None:
            return ValueText(label=value)
        text = found.text.values.get(value)
        if text is not None:
            return text
        listed = found.text.words or value in self.listed_values(name)
        return ValueText(label=words.apart(value) if listed else value)

    def value_label(self, name: str, value: str) -> str:
        """Returns how a value is written where it stands alone: with a capital letter.

        Names with digits, such as numbers of proposals, stay as they are recorded.
        """
        label = self.value_text(name, value).label
        is_name = label == value and any(sign.isdigit() for sign in value)
        return label if is_name else words.capital(label)

    def value_link(self, name: str, value: str) -> str | None:
        """Returns the address of the term for the value, where a vocabulary has one."""
        vocabulary = self.profile.vocabularies.get(name)
        term = vocabulary.terms.get(value) if vocabulary else None
        return vocabulary.value_uri.format(id=term[0]) if vocabulary and term else None

    def listed_values(self, name: str) -> tuple[str, ...]:
        """Returns the values that the profile lists for a field, in its order."""
        if name == "availability":
            return tuple(AVAILABILITY)
        rule = self.profile.parameters.get(name)
        return rule.values if rule else ()

    @cached_property
    def unsearchable(self) -> dict[str, SiteField]:
        """Fields that are shown but never searched by value, by address."""
        return {f.address: f for f in self.by_name.values() if not f.searchable}


def _kind(rule: ParameterRule) -> FieldKind:
    if rule.free_text:
        return "text"
    if rule.date:
        return "date"
    return "choice" if rule.unit is None else "range"


def _facet_names(profile: Profile) -> tuple[str, ...]:
    if profile.site.facets:
        return profile.site.facets
    listed = (name.removeprefix("parameter:") for name in profile.facets.datasets)
    return tuple(dict.fromkeys(listed)) or ("techniques", "instrument", "keywords", "year")
