"""Maps records to the fields of the PaNOSC search API; fields without a value are left out.

A list without elements is a value: it stays an empty list.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from portal_shared.contracts.identifiers import shown_doi
from portal_shared.contracts.records import (
    Affiliation,
    Dataset,
    Document,
    Instrument,
    Member,
    Parameter,
    Person,
    Technique,
    pid_key,
    utc_text,
)

PanoscRecord: TypeAlias = dict[str, Any]
_SAFE = re.compile(r"[0-9A-Za-z_.~-]{1,100}")


def panosc_dataset(
    record: Dataset,
    doi: str | None,
    availability: str | None,
    availability_detail: str | None = None,
) -> PanoscRecord:
    """Maps a dataset without its relations; a registered `doi` wins over another."""
    return _present(
        pid=record.pid,
        title=record.title,
        isPublic=record.is_public,
        creationDate=utc_text(record.created),
        size=record.size,
        doi=shown_doi(doi, record.doi),
        license=record.license,
        keywords=list(record.keywords),
        availability=availability,
        availabilityDetail=availability_detail or availability,
        instrumentId=record.instrument.pid if record.instrument else None,
        documentId=record.document,
    )


def panosc_document(record: Document, doi: str | None) -> PanoscRecord:
    return _present(
        pid=record.pid,
        isPublic=record.is_public,
        type=record.type,
        title=record.title,
        summary=record.summary,
        doi=shown_doi(doi, record.doi),
        startDate=_date(record.start_date),
        endDate=_date(record.end_date),
        releaseDate=_date(record.release_date),
        license=record.license,
        keywords=list(record.keywords),
    )


def panosc_instrument(record: Instrument) -> PanoscRecord:
    return {"pid": record.pid, "name": record.name, "facility": record.facility}


def dataset_relations(record: Dataset) -> PanoscRecord:
    """Maps the relations stored with a dataset: all but its documents and files."""
    samples = {s.pid: _present(**s.model_dump(mode="json")) for s in record.samples}
    techniques = {t.pid: panosc_technique(t) for t in record.techniques}
    return _present(
        instrument=panosc_instrument(record.instrument) if record.instrument else None,
        techniques=_by_pid(techniques.values()),
        samples=_by_pid(samples.values()),
        parameters=panosc_parameters(record.pid, record.parameters),
    )


def document_relations(record: Document) -> PanoscRecord:
    """Maps the relations stored with a document: all but its datasets."""
    return {
        "members": [panosc_member(record.pid, n, m) for n, m in enumerate(record.members)],
        "parameters": panosc_parameters(record.pid, record.parameters),
    }


def panosc_technique(technique: Technique) -> PanoscRecord:
    return _present(pid=technique.pid, name=technique.name, panetId=technique.panet_id)


def panosc_parameters(pid: str, parameters: Iterable[Parameter]) -> list[PanoscRecord]:
    """Maps parameters, sorted by name; each gets an id derived from its record's pid."""
    rows = [
        _present(id=_row_id(pid, "p", n), name=p.name, value=p.value, unit=p.unit)
        for n, p in enumerate(parameters)
    ]
    return sorted(rows, key=lambda row: (row["name"], row["id"]))


def panosc_member(pid: str, number: int, member: Member) -> PanoscRecord:
    return _present(
        id=_row_id(pid, "m", number),
        role=member.role or (", ".join(member.roles) or None),
        person=_person(member.person) if member.person else None,
        affiliation=_affiliation(member.affiliation) if member.affiliation else None,
    )


def _person(person: Person) -> PanoscRecord:
    return _present(
        id=_safe_id(person.id),
        fullName=person.full_name,
        firstName=person.first_name,
        lastName=person.last_name,
        orcid=person.orcid,
        researcherId=person.researcher_id,
    )


def _affiliation(affiliation: Affiliation) -> PanoscRecord:
    return _present(**{**affiliation.model_dump(), "id": _safe_id(affiliation.id)})


def _safe_id(given: str) -> str:
    return given if _SAFE.fullmatch(given) else pid_key(given)[:24]


def _row_id(pid: str, kind: str, number: int) -> str:
    return f"{pid_key(pid)[:16]}-{kind}{number:05d}"


def _date(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None


def _by_pid(rows: Iterable[PanoscRecord]) -> list[PanoscRecord]:
    return sorted(rows, key=lambda row: row["pid"])


def _present(**fields: Any) -> PanoscRecord:
    return {name: value for name, value in fields.items() if value is not None}
