"""Subjects, dates, sizes and descriptions of a record for DataCite."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from portal_shared.citation.people import clean
from portal_shared.contracts.identifiers import normalize_ror
from portal_shared.contracts.records import Dataset, Document, Funding, Parameter
from portal_shared.profile import Profile

Part = dict[str, Any]
Record = Document | Dataset

PANET = "http://purl.org/pan-science/PaNET/"
_NAME = re.compile(r"\{(\w+)\}")


def subjects(record: Record, profile: Profile) -> list[Part]:
    """Returns keywords, PaNET techniques and parameters with a vocabulary in the profile."""
    found: list[Part] = [{"subject": k} for k in map(clean, record.keywords) if k]
    for technique in record.techniques if isinstance(record, Dataset) else ():
        subject: Part = {"subject": clean(technique.name)}
        if technique.pid.startswith(PANET):
            subject |= {
                "subjectScheme": "PaNET",
                "schemeUri": PANET,
                "valueUri": technique.pid,
                "classificationCode": technique.panet_id or technique.pid.removeprefix(PANET),
            }
        found.append(subject)
    for parameter in record.parameters:
        vocabulary = profile.vocabularies.get(parameter.name)
        term = vocabulary.terms.get(str(parameter.value)) if vocabulary else None
        if vocabulary and term:
            number, label = term
            found.append(
                {
                    "subject": label,
                    "subjectScheme": vocabulary.scheme,
                    "schemeUri": vocabulary.scheme_uri,
                    "valueUri": vocabulary.value_uri.format(id=number),
                    "classificationCode": f"{vocabulary.scheme}:{number}",
                }
            )
    return distinct(s for s in found if s["subject"])


def dates(
    record: Record,
    *,
    registered: datetime | None,
    updated: datetime | None,
    withdrawn: datetime | None,
) -> list[Part]:
    found: list[tuple[str, str]] = []
    if isinstance(record, Dataset):
        found += [("Collected", _day(record.created)), ("Created", _day(record.created))]
    else:
        days = [_day(d) for d in (record.start_date, record.end_date) if d]
        if days:
            found.append(("Collected", "/".join(dict.fromkeys(days))))
    moments = {
        "Issued": registered,
        "Available": record.release_date or registered,
        "Updated": updated,
        "Withdrawn": withdrawn,
    }
    found += [(kind, _day(moment)) for kind, moment in moments.items() if moment]
    return [{"date": day, "dateType": kind} for kind, day in found]


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def sizes(record: Dataset, profile: Profile) -> list[str]:
    """Returns bytes and number of files, and the sizes that the profile makes of parameters."""
    size = record.size if record.size is not None else record.files.bytes
    found = [f"{size} bytes"] if size else []
    if record.files.count:
        found.append(f"{record.files.count} files")
    values = {p.name: _value(p.value) for p in record.parameters}
    found += [
        _NAME.sub(lambda m: values[m[1]], template)
        for template in profile.doi.sizes
        if all(name in values for name in _NAME.findall(template))
    ]
    return [text for text in map(clean, dict.fromkeys(found)) if text]


def descriptions(record: Record, profile: Profile, *, reason: str | None) -> list[Part]:
    """Returns abstract, methods and technical information; `reason` is that of a withdrawal."""
    found = [("Abstract", clean(record.summary))]
    if isinstance(record, Dataset):
        found.append(("Methods", _methods(record, profile)))
        technical = _listed(record.parameters, profile.doi.technical, profile)
        found.append(("TechnicalInfo", f"{technical}." if technical else ""))
    if reason is not None:
        found.append(("Other", f"Withdrawn: {clean(reason)}"))
    return [{"description": text, "descriptionType": kind} for kind, text in found if text]


def _methods(record: Dataset, profile: Profile) -> str:
    """Returns technique, instrument, preparation and the parameters of profile `doi.methods`."""
    names = ", ".join(clean(t.name) for t in record.techniques if clean(t.name))
    machine = record.instrument
    where = f" at {machine.facility} {machine.name}" if machine and names else ""
    listed = _listed(record.parameters, profile.doi.methods, profile)
    prepared = (clean(s.description).rstrip(".") for s in record.samples)
    sentences = [f"{names}{where}" if names else "", *prepared, listed]
    return ". ".join(clean(text) for text in sentences if clean(text)) + (
        "." if any(sentences) else ""
    )


def _listed(parameters: Sequence[Parameter], names: Sequence[str], profile: Profile) -> str:
    found: list[str] = []
    for name in names:
        values = [f"{_value(p.value)} {p.unit or ''}".strip() for p in parameters if p.name == name]
        rule = profile.parameters.get(name)
        if values:
            found.append(f"{rule.label if rule else name}: {', '.join(values)}")
    return clean("; ".join(found))


def _value(value: float | str) -> str:
    """Returns a value as text; whole numbers without decimals."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(value)


def funding(record: Record, profile: Profile) -> list[Part]:
    """Returns the funding of a record, and its proposal if the profile calls proposals awards."""
    given = list(record.funding)
    proposal = clean(record.proposal) if isinstance(record, Dataset) else ""
    awards = profile.doi.awards
    if proposal and awards:
        given.append(Funding(funder=awards.name, funder_id=awards.ror, award=proposal))
    return distinct(_award(one) for one in given if clean(one.funder))


def _award(given: Funding) -> Part:
    made: Part = {"funderName": clean(given.funder)}
    identifier = clean(given.funder_id)
    if identifier:
        made["funderIdentifier"] = normalize_ror(identifier) or identifier
        made["funderIdentifierType"] = _funder_type(identifier)
    award = {"awardNumber": clean(given.award), "awardTitle": clean(given.award_title)}
    return {**made, **{name: text for name, text in award.items() if text}}


def _funder_type(identifier: str) -> str:
    if normalize_ror(identifier):
        return "ROR"
    return "Crossref Funder ID" if "10.13039/" in identifier else "Other"


def distinct(items: Iterable[Part]) -> list[Part]:
    found: list[Part] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
