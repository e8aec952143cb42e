"""Records as the PaNOSC search API tells them: absent fields are left out. Pure."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import (
    Affiliation,
    Dataset,
    Document,
    File,
    Instrument,
    Member,
    Parameter,
    Person,
    Technique,
    pid_key,
    utc_text,
)

Told: TypeAlias = dict[str, Any]
_SAFE = re.compile(r"[0-9A-Za-z_.~-]{1,100}")


def told_dataset(record: Dataset, doi: str | None, availability: str | None) -> Told:
    """Its own fields; `doi` is the one that was minted, if one was."""
    return _there(
        pid=record.pid,
        title=record.title,
        isPublic=record.is_public,
        creationDate=utc_text(record.created),
        size=record.size,
        doi=doi or (bare_doi(record.doi) if record.doi else None),
        license=record.license,
        keywords=list(record.keywords) or None,
        availability=availability,
        instrumentId=record.instrument.pid if record.instrument else None,
        documentId=record.document,
    )


def told_document(record: Document, doi: str | None) -> Told:
    return _there(
        pid=record.pid,
        isPublic=record.is_public,
        type=record.type,
        title=record.title,
        summary=record.summary,
        doi=doi or (bare_doi(record.doi) if record.doi else None),
        startDate=_date(record.start_date),
        endDate=_date(record.end_date),
        releaseDate=_date(record.release_date),
        license=record.license,
        keywords=list(record.keywords) or None,
    )


def told_instrument(record: Instrument) -> Told:
    return {"pid": record.pid, "name": record.name, "facility": record.facility}


def dataset_relations(record: Dataset) -> Told:
    """What is kept with a dataset: everything but its documents and files."""
    samples = {s.pid: _there(**s.model_dump(mode="json")) for s in record.samples}
    techniques = {t.pid: told_technique(t) for t in record.techniques}
    return _there(
        instrument=told_instrument(record.instrument) if record.instrument else None,
        techniques=_by_pid(techniques.values()),
        samples=_by_pid(samples.values()),
        parameters=told_parameters(record.pid, record.parameters),
    )


def document_relations(record: Document) -> Told:
    """What is kept with a document: everything but its datasets."""
    return {
        "members": [told_member(record.pid, n, m) for n, m in enumerate(record.members)],
        "parameters": told_parameters(record.pid, record.parameters),
    }


def told_technique(technique: Technique) -> Told:
    return _there(pid=technique.pid, name=technique.name, panetId=technique.panet_id)


def told_parameters(pid: str, parameters: Iterable[Parameter]) -> list[Told]:
    """By name; each has an id of its own below its record's."""
    rows = [
        _there(id=_row_id(pid, "p", n), name=p.name, value=p.value, unit=p.unit)
        for n, p in enumerate(parameters)
    ]
    return sorted(rows, key=lambda row: (row["name"], row["id"]))


def told_member(pid: str, number: int, member: Member) -> Told:
    return _there(
        id=_row_id(pid, "m", number),
        role=member.role or (", ".join(member.roles) or None),
        person=_person(member.person) if member.person else None,
        affiliation=_affiliation(member.affiliation) if member.affiliation else None,
    )


def told_file(pid: str, file: File) -> Told:
    return _there(
        id=pid_key(f"{pid}\n{file.location}")[:24],
        name=file.name,
        path=file.path or None,
        size=file.size,
        sha256=file.sha256,
    )


def _person(person: Person) -> Told:
    return _there(
        id=_id(person.id),
        fullName=person.full_name,
        firstName=person.first_name,
        lastName=person.last_name,
        orcid=person.orcid,
        researcherId=person.researcher_id,
    )


def _affiliation(affiliation: Affiliation) -> Told:
    return _there(**{**affiliation.model_dump(), "id": _id(affiliation.id)})


def _id(given: str) -> str:
    return given if _SAFE.fullmatch(given) else pid_key(given)[:24]


def _row_id(pid: str, kind: str, number: int) -> str:
    return f"{pid_key(pid)[:16]}-{kind}{number:05d}"


def _date(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None


def _by_pid(rows: Iterable[Told]) -> list[Told]:
    return sorted(rows, key=lambda row: row["pid"])


def _there(**fields: Any) -> Told:
    return {name: value for name, value in fields.items() if value is not None}
