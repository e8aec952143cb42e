"""What the search engine is given of a record: text to search, fields to filter, the answer."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from portal_shared.contracts.records import Dataset, Document, Instrument, pid_key
from portal_shared.search import index_fields, query_terms, techniques

from portal_indexer import filter_fields as fields
from portal_indexer import word_forms
from portal_indexer.panosc_records import (
    Told,
    dataset_relations,
    document_relations,
    told_dataset,
    told_document,
    told_instrument,
)

Packed = dict[str, Any]

DATASET_TEXTS = ("pid", "title", "doi", "license", "keywords", "availability")
DOCUMENT_TEXTS = ("pid", "type", "title", "summary", "doi", "license", "keywords")
INSTRUMENT_TEXTS = ("pid", "name", "facility")
DATASET_FACETS = ("keywords", "license", "availability")
DOCUMENT_FACETS = ("keywords", "type", "license")
INSTRUMENT_FACETS = ("name", "facility")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def dataset(
    record: Dataset,
    *,
    doi: str | None = None,
    availability: str | None = None,
    documents: Sequence[Document] = (),
) -> Packed:
    told = told_dataset(record, doi, availability)
    relations = dataset_relations(record)
    searched = {
        "title": record.title,
        "samples": _samples(relations),
        "techniques": _techniques(relations),
        "facts": facts(relations["parameters"], (record.title,)),
    }
    return {
        **_answer(told, relations),
        **searched,
        "forms": _other_forms(searched),
        "documents": [t for d in documents for t in (d.title, *d.keywords)],
        "numbers": numbers(relations["parameters"]),
        "identifiers": [record.pid, record.name, *_dois(told)],
        **_dataset_fields(told, relations),
        **fields.patterned(told, index_fields.PATTERN_FIELDS[index_fields.DATASETS]),
        "up": sorted(index_fields.ancestor_key(d.pid) for d in documents),
        "facet": fields.facets(told, DATASET_FACETS, relations),
    }


def document(
    record: Document, *, doi: str | None = None, datasets: Sequence[Dataset] = ()
) -> Packed:
    """`datasets`: the public ones."""
    told = told_document(record, doi)
    relations = document_relations(record)
    below = [(told_dataset(d, None, None), dataset_relations(d)) for d in datasets]
    members: list[Told] = relations["members"]
    rows = [*relations["parameters"], *(p for _, r in below for p in r["parameters"])]
    persons = [m["person"] for m in members if "person" in m]
    affiliations = [m["affiliation"] for m in members if "affiliation" in m]
    searched = {
        "title": record.title,
        "keywords": list(record.keywords),
        "summary": query_terms.replace_phrases(record.summary or ""),
        "datasets": sorted({d.title for d in datasets}),
        "samples": _distinct(t for _, r in below for t in _samples(r)),
        "techniques": _distinct(t for _, r in below for t in _techniques(r)),
        "facts": facts(rows, (record.title, *record.keywords)),
    }
    return {
        **_answer(told, relations),
        **searched,
        "members": _names(persons),
        "forms": _other_forms(searched),
        "numbers": numbers(rows),
        "identifiers": [record.pid, record.name, *_dois(told), *(d.pid for d in datasets)],
        "eq": fields.digests(told, DOCUMENT_TEXTS),
        **fields.patterned(told, index_fields.PATTERN_FIELDS[index_fields.DOCUMENTS]),
        "n": _dates(told, ("startDate", "endDate", "releaseDate")),
        "m": {
            "role": fields.rows_digests(members, ("role",)).get("role", []),
            "person": fields.rows_digests(persons, ("id", "fullName", "orcid", "lastName")),
            "affiliation": fields.rows_digests(affiliations, ("id", "name", "country")),
        },
        "p": fields.quantities(relations["parameters"]),
        "pn": fields.names(relations["parameters"]),
        "nd": len(datasets),
        "d": fields.united(_multiple(_dataset_fields(t, r)) for t, r in below),
        "facet": fields.united(
            [
                fields.facets(told, DOCUMENT_FACETS, relations),
                *(fields.facets({}, (), r) for _, r in below),
            ]
        ),
    }


def instrument(record: Instrument) -> Packed:
    told = told_instrument(record)
    return {
        **_answer(told, {}),
        "name": record.name,
        "facility": record.facility,
        "identifiers": [record.pid],
        "eq": fields.digests(told, INSTRUMENT_TEXTS),
        **fields.patterned(told, index_fields.PATTERN_FIELDS[index_fields.INSTRUMENTS]),
        "facet": fields.field_facets(told, INSTRUMENT_FACETS),
    }


def answers(packed: Packed) -> dict[str, str]:
    """What the gateway sends without asking the engine."""
    return {"json": packed["json"], "relations": packed["relations"]}


def facts(rows: Iterable[Told], others: Iterable[str] = ()) -> list[str]:
    """Text parameters as people search them: also with words apart, with and without zeros.

    Of other texts what they are read as, where that is not what they say.
    """
    found: list[str] = [r for t in others if (r := query_terms.replace_phrases(t)) != t]
    for row in rows:
        value = row["value"]
        if not isinstance(value, str) or not value.strip():
            continue
        read = query_terms.replace_phrases(value)
        found += [read, _CAMEL.sub(" ", read), *query_terms.number_variants(read)]
    return _distinct(found)


def numbers(rows: Iterable[Told]) -> list[str]:
    """Numbers that say something by themselves: those with a fraction."""
    return _distinct(
        f"{row['value']} {row.get('unit') or ''}".strip()
        for row in rows
        if isinstance(row["value"], float) and not row["value"].is_integer()
    )


def _other_forms(searched: Packed) -> list[str]:
    texts = [[v] if isinstance(v, str) else v for v in searched.values()]
    return word_forms.other_forms(text for listed in texts for text in listed)


def _answer(told: Told, relations: Told) -> Packed:
    pid: str = told["pid"]
    return {
        "id": pid_key(pid),
        "order": index_fields.sort_key(pid),
        "json": _json(told),
        "relations": _json(relations),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _dataset_fields(told: Told, relations: Told) -> Packed:
    machine = relations.get("instrument")
    return {
        "eq": fields.digests(told, DATASET_TEXTS),
        "n": {
            **({"size": told["size"]} if "size" in told else {}),
            **_dates(told, ("creationDate",)),
        },
        "t": fields.terms(relations["techniques"]),
        "i": fields.digests(machine, INSTRUMENT_TEXTS) if machine else {},
        "s": fields.rows_digests(relations["samples"], ("pid", "name", "description")),
        "p": fields.quantities(relations["parameters"]),
        "pn": fields.names(relations["parameters"]),
    }


def _multiple(packed: Packed) -> Packed:
    """With lists for single numbers, to be united with others."""
    return {**packed, "n": {name: [value] for name, value in packed["n"].items()}}


def _dates(told: Told, names: Iterable[str]) -> dict[str, int]:
    return {n: index_fields.parse_microseconds(told[n]) for n in names if n in told}


def _samples(relations: Told) -> list[str]:
    return [t for s in relations["samples"] for t in (s["name"], s.get("description")) if t]


def _techniques(relations: Told) -> list[str]:
    found: list[str] = []
    for row in relations["techniques"]:
        found += [
            row["name"],
            *techniques.names_of(techniques.term(row["pid"], row.get("panetId"))),
        ]
    return _distinct(found)


def _names(persons: Iterable[Told]) -> list[str]:
    """As they are written, with the last name first, and with initials."""
    found: list[str] = []
    for person in persons:
        found.append(person["fullName"])
        first, _, last = person["fullName"].rpartition(" ")
        last, first = person.get("lastName", last), person.get("firstName", first)
        if first and last:
            found += [f"{last} {first}", f"{last} {first[:1]}"]
    return _distinct(found)


def _dois(told: Told) -> list[str]:
    return [told["doi"]] if "doi" in told else []


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
