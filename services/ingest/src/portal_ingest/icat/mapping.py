"""Maps records to entries of ICAT: names, units and lengths that fit its schema.

Descriptive texts are cut to the length of their column; names that identify something by `names`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.moments import parse_moment
from portal_shared.contracts.records import (
    Dataset,
    Document,
    File,
    Funding,
    Member,
    Person,
    RelatedItem,
    Technique,
)
from portal_shared.profile import ParameterRule, Profile

from portal_ingest.icat.names import (
    LONG,
    SHORT,
    cut,
    cut_name,
    distinct_names,
    one_of_each,
)

HAS_PART = "HasPart"  # DataCite relation of a document to its datasets
LOCATION = 511  # characters
_NUMBERS = re.compile(r"\d+")
MAX_FILES = 500  # longer lists become logical files


@dataclass(frozen=True)
class ParameterEntry:
    name: str
    units: str
    value: float | str | datetime


@dataclass(frozen=True)
class FileEntry:
    name: str
    location: str
    size: int | None
    checksum: str | None


@dataclass(frozen=True)
class SharedEntity:
    """An entity that exists once in ICAT: an instrument, a technique, a sample, an affiliation."""

    name: str
    pid: str | None = None
    full_name: str | None = None


@dataclass(frozen=True)
class InvestigationEntry:
    name: str
    visit_id: str
    title: str
    type: str


@dataclass(frozen=True)
class DatasetEntry:
    facility: str
    investigation: InvestigationEntry
    type: str
    name: str
    description: str
    location: str | None
    doi: str | None
    start: datetime
    end: datetime
    file_count: int
    file_size: int
    sample: SharedEntity | None
    instruments: tuple[SharedEntity, ...]
    techniques: tuple[SharedEntity, ...]
    parameters: tuple[ParameterEntry, ...]
    files: tuple[FileEntry, ...] | None  # None: leave the files in ICAT unchanged


@dataclass(frozen=True)
class UserEntry:
    name: str
    full_name: str
    given_name: str | None
    family_name: str | None
    contributor_type: str
    order: str
    orcid: str | None = None
    affiliation: SharedEntity | None = None  # its pid: a ROR


@dataclass(frozen=True)
class PublicationEntry:
    facility: str
    doi: str
    internal_id: str
    title: str
    description: str
    users: tuple[UserEntry, ...]
    type: str = "Collection"
    published: datetime | None = None
    dates: tuple[tuple[str, str], ...] = ()  # DataCite's type, day
    funding: tuple[Funding, ...] = ()
    related: tuple[RelatedItem, ...] = ()
    subjects: tuple[str, ...] = ()


def dataset_entry(
    dataset: Dataset, files: tuple[FileEntry, ...] | None, profile: Profile
) -> DatasetEntry:
    rules = profile.icat
    instrument = dataset.instrument
    visit = instrument.name if instrument else "none"
    proposal = dataset.proposal or dataset.document or "unassigned"
    sample = dataset.samples[0] if dataset.samples else None
    names = [p.name for p in dataset.parameters]
    return DatasetEntry(
        facility=rules.facility,
        investigation=InvestigationEntry(
            cut_name(proposal), cut_name(visit), cut(proposal, SHORT), rules.investigation_type
        ),
        type=next((rules.derived[n] for n in names if n in rules.derived), rules.dataset_type),
        name=cut_name(_edition_name(dataset)),
        description=cut(dataset.title, SHORT),
        location=dataset.folder if dataset.folder and len(dataset.folder) <= LOCATION else None,
        doi=bare_doi(dataset.doi) if dataset.doi else None,
        start=dataset.created,
        end=parse_moment(dataset.details.get("end_date")) or dataset.created,
        file_count=dataset.files.count,
        file_size=dataset.files.bytes,
        sample=SharedEntity(cut_name(sample.name), cut_name(sample.pid)) if sample else None,
        instruments=(SharedEntity(cut_name(visit), cut_name(instrument.pid), instrument.name),)
        if instrument
        else (),
        techniques=_techniques(dataset.techniques),
        parameters=parameter_entries(dataset, profile),
        files=files,
    )


def _techniques(techniques: Sequence[Technique]) -> tuple[SharedEntity, ...]:
    """Returns one technique of each name: ICAT has no others, and refuses a second of a dataset."""
    found: dict[str, SharedEntity] = {}
    for technique in map(_technique, techniques):
        found.setdefault(technique.name, technique)
    return tuple(found.values())


def _technique(technique: Technique) -> SharedEntity:
    """Returns the technique; ICAT identifies it by name alone, so a long name becomes the pid."""
    name = technique.name if len(technique.name) <= SHORT else technique.pid
    return SharedEntity(cut_name(name), cut_name(technique.pid))


def parameter_entries(dataset: Dataset, profile: Profile) -> tuple[ParameterEntry, ...]:
    """Returns the parameters by their names in ICAT; repeated names are numbered."""
    found: dict[tuple[str, str], ParameterEntry] = {}
    for parameter in dataset.parameters:
        rule = profile.parameters.get(parameter.name)
        plain = rule.icat if rule and rule.icat else profile.icat.parameter_prefix + parameter.name
        value = _value(parameter.value, rule)
        units = cut_name(parameter.unit or "")
        name, number = cut_name(plain), 1
        while (name, units) in found:
            number += 1
            name = cut_name(f"{plain}#{number}")
        found[name, units] = ParameterEntry(name, units, value)
    return tuple(found.values())


def _value(value: float | str, rule: ParameterRule | None) -> float | str | datetime:
    if not isinstance(value, str):
        return float(value)
    return (parse_moment(value) if rule and rule.date else None) or cut(value, LONG)


def _edition_name(dataset: Dataset) -> str:
    """Returns a name for each edition, because names are unique in an investigation."""
    return dataset.name if dataset.edition == 1 else f"{dataset.name}.v{dataset.edition}"


def file_entries(folder: str | None, files: Sequence[File]) -> tuple[FileEntry, ...]:
    """Returns an entry per file, or logical files if there are more than `MAX_FILES`."""
    base = f"{folder}/" if folder else ""
    if len(files) > MAX_FILES:
        grouped = LogicalFiles(base)
        for file in files:
            grouped.add(file)
        return grouped.entries()
    names = distinct_names(cut_name(f.location) for f in files)
    return tuple(
        FileEntry(names[cut_name(f.location)], cut(base + f.location, LOCATION), f.size, f.sha256)
        for f in files
    )


class LogicalFiles:
    """Groups files into one entry per Zarr store, stack of slices or folder.

    Memory grows with the number of groups, not of files.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._sizes: dict[str, int] = {}
        self._single: dict[str, File] = {}  # groups of one file so far

    def add(self, file: File) -> None:
        name = _group_of(file.location)
        if name in self._sizes:
            self._single.pop(name, None)
        else:
            self._single[name] = file
        self._sizes[name] = self._sizes.get(name, 0) + (file.size or 0)

    def entries(self) -> tuple[FileEntry, ...]:
        single = self._single
        places = {n: single[n].location if n in single else n for n in sorted(self._sizes)}
        names = distinct_names(cut_name(place) for place in places.values())
        return tuple(
            FileEntry(
                names[cut_name(place)],
                cut(self._base + place, LOCATION),
                self._sizes[name],
                single[name].sha256 if name in single else None,
            )
            for name, place in places.items()
        )


def _group_of(location: str) -> str:
    """Returns the top folder of a file, or its name with # for numbers, except in the suffix."""
    top, inside, _ = location.partition("/")
    if inside:
        return top
    stem, dot, suffix = top.rpartition(".")
    return _NUMBERS.sub("#", stem) + dot + suffix


def publication_entry(
    document: Document, doi: str, profile: Profile, parts: Sequence[str] = ()
) -> PublicationEntry:
    """Returns the publication of a document; `parts` are the DOIs of its datasets."""
    related = [*(RelatedItem(relation=HAS_PART, identifier=d) for d in parts), *document.related]
    return PublicationEntry(
        facility=profile.icat.facility,
        doi=doi,
        internal_id=cut_name(document.pid),
        title=cut(document.title, SHORT),
        description=cut(document.summary or document.title, LONG),
        users=tuple(_user(m, n) for n, m in enumerate(_people(document.members))),
        type=profile.doi.resource_types.get("document", "Collection"),
        published=document.release_date,
        dates=_dates(document),
        funding=document.funding,
        related=one_of_each(
            (r for r in related if len(r.identifier) <= SHORT), lambda r: r.identifier
        ),
        subjects=one_of_each(map(cut_name, document.keywords), str),
    )


def _dates(document: Document) -> tuple[tuple[str, str], ...]:
    collected = [d.date().isoformat() for d in (document.start_date, document.end_date) if d]
    released = document.release_date.date().isoformat() if document.release_date else None
    dates = {"Collected": "/".join(dict.fromkeys(collected)), "Available": released}
    return tuple((kind, day) for kind, day in dates.items() if day)


def _people(members: Sequence[Member]) -> list[Member]:
    """Returns each person once: ICAT requires unique (publication, user, contributor type)."""
    found: dict[str, Member] = {}
    for member in members:
        if member.person:
            found.setdefault(_user_name(member.person), member)
    return list(found.values())


def _user_name(person: Person) -> str:
    return cut_name(person.orcid or person.id)


def _user(member: Member, number: int) -> UserEntry:
    person = member.person
    assert person is not None  # noqa: S101  # _people returns members with a person
    return UserEntry(
        name=_user_name(person),
        full_name=cut(person.full_name, SHORT),
        given_name=cut(person.first_name, SHORT) if person.first_name else None,
        family_name=cut(person.last_name, SHORT) if person.last_name else None,
        contributor_type="Creator",
        order=f"{number:04d}",
        orcid=person.orcid,
        affiliation=SharedEntity(cut_name(place.name or place.id), place.ror)
        if (place := member.affiliation)
        else None,
    )
