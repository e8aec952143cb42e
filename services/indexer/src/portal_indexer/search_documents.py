"""Builds the search document of a record: texts to search, fields to filter, ready answer."""

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import inflect
from portal_shared.contracts.records import Dataset, Document, Instrument, pid_key
from portal_shared.search import index_fields, query_terms, techniques

from portal_indexer import filter_fields as fields
from portal_indexer.panosc_records import (
    PanoscRecord,
    dataset_relations,
    document_relations,
    panosc_dataset,
    panosc_document,
    panosc_instrument,
)

SearchDocument = dict[str, Any]

DATASET_TEXTS = ("pid", "title", "doi", "license", "keywords", "availability")
DOCUMENT_TEXTS = ("pid", "type", "title", "summary", "doi", "license", "keywords")
INSTRUMENT_TEXTS = ("pid", "name", "facility")
DATASET_FACETS = ("keywords", "license", "availability")
DOCUMENT_FACETS = ("keywords", "type", "license")
INSTRUMENT_FACETS = ("name", "facility")
MIN_LETTERS = 3  # of a word whose singular or plural is indexed
MAX_FORMS = 2000  # of one record
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[A-Za-z]+")
_INFLECT = inflect.engine()


def build_dataset(
    record: Dataset,
    *,
    doi: str | None = None,
    availability: str | None = None,
    documents: Sequence[Document] = (),
) -> SearchDocument:
    api_record = panosc_dataset(record, doi, availability)
    relations = dataset_relations(record)
    texts = {
        "title": record.title,
        "samples": _sample_texts(relations),
        "techniques": _technique_names(relations),
        "facts": parameter_texts(relations["parameters"], (record.title,)),
    }
    return {
        **_common_fields(api_record, relations),
        **texts,
        "forms": _other_forms(texts),
        "documents": [t for d in documents for t in (d.title, *d.keywords)],
        "numbers": parameter_numbers(relations["parameters"]),
        "identifiers": [record.pid, record.name, *_dois(api_record)],
        **_dataset_fields(api_record, relations),
        **fields.pattern_fields(api_record, index_fields.PATTERN_FIELDS[index_fields.DATASETS]),
        index_fields.PARENT_DOCUMENTS: sorted(index_fields.ancestor_key(d.pid) for d in documents),
        index_fields.FACETS: fields.facets(api_record, DATASET_FACETS, relations),
    }


def build_document(
    record: Document, *, doi: str | None = None, datasets: Sequence[Dataset] = ()
) -> SearchDocument:
    """Builds the search document of a document; `datasets` are its public datasets."""
    api_record = panosc_document(record, doi)
    relations = document_relations(record)
    below = [(panosc_dataset(d, None, None), dataset_relations(d)) for d in datasets]
    members: list[PanoscRecord] = relations["members"]
    rows = [*relations["parameters"], *(p for _, r in below for p in r["parameters"])]
    persons = [m["person"] for m in members if "person" in m]
    affiliations = [m["affiliation"] for m in members if "affiliation" in m]
    texts = {
        "title": record.title,
        "keywords": list(record.keywords),
        "summary": query_terms.replace_phrases(record.summary or ""),
        "datasets": sorted({d.title for d in datasets}),
        "samples": _distinct(t for _, r in below for t in _sample_texts(r)),
        "techniques": _distinct(t for _, r in below for t in _technique_names(r)),
        "facts": parameter_texts(rows, (record.title, *record.keywords)),
    }
    return {
        **_common_fields(api_record, relations),
        **texts,
        "members": _name_variants(persons),
        "forms": _other_forms(texts),
        "numbers": parameter_numbers(rows),
        "identifiers": [record.pid, record.name, *_dois(api_record), *(d.pid for d in datasets)],
        index_fields.TEXT_DIGESTS: fields.digests(api_record, DOCUMENT_TEXTS),
        **fields.pattern_fields(api_record, index_fields.PATTERN_FIELDS[index_fields.DOCUMENTS]),
        index_fields.NUMBERS: _dates(api_record, ("startDate", "endDate", "releaseDate")),
        index_fields.MEMBERS: {
            "role": fields.digests_of_rows(members, ("role",)).get("role", []),
            "person": fields.digests_of_rows(persons, ("id", "fullName", "orcid", "lastName")),
            "affiliation": fields.digests_of_rows(affiliations, ("id", "name", "country")),
        },
        index_fields.PARAMETERS: fields.parameter_values(relations["parameters"]),
        index_fields.PARAMETER_NAMES: fields.parameter_names(relations["parameters"]),
        index_fields.DATASET_COUNT: len(datasets),
        index_fields.DATASET_FIELDS: fields.merge(
            _with_lists(_dataset_fields(t, r)) for t, r in below
        ),
        index_fields.FACETS: fields.merge(
            [
                fields.facets(api_record, DOCUMENT_FACETS, relations),
                *(fields.facets({}, (), r) for _, r in below),
            ]
        ),
    }


def build_instrument(record: Instrument) -> SearchDocument:
    api_record = panosc_instrument(record)
    return {
        **_common_fields(api_record, {}),
        "name": record.name,
        "facility": record.facility,
        "identifiers": [record.pid],
        index_fields.TEXT_DIGESTS: fields.digests(api_record, INSTRUMENT_TEXTS),
        **fields.pattern_fields(api_record, index_fields.PATTERN_FIELDS[index_fields.INSTRUMENTS]),
        index_fields.FACETS: fields.own_facets(api_record, INSTRUMENT_FACETS),
    }


def ready_answers(document: SearchDocument) -> dict[str, str]:
    """Returns the JSON texts that the gateway sends without a request to Meilisearch."""
    return {name: document[name] for name in (index_fields.JSON, index_fields.RELATIONS)}


def parameter_texts(rows: Iterable[PanoscRecord], others: Iterable[str] = ()) -> list[str]:
    """Returns the texts of parameters in the forms in which people search them.

    These are: with the words of camel case apart, and with and without leading zeros. Of the
    `others`, texts are returned in which the profile replaces phrases.
    """
    found: list[str] = [r for t in others if (r := query_terms.replace_phrases(t)) != t]
    for row in rows:
        value = row["value"]
        if not isinstance(value, str) or not value.strip():
            continue
        read = query_terms.replace_phrases(value)
        found += [read, _CAMEL.sub(" ", read), *query_terms.number_variants(read)]
    return _distinct(found)


def parameter_numbers(rows: Iterable[PanoscRecord]) -> list[str]:
    """Returns the parameter values that have a fraction, with their units.

    Integers are left out: they occur in too many records to help a search.
    """
    return _distinct(
        f"{row['value']} {row.get('unit') or ''}".strip()
        for row in rows
        if isinstance(row["value"], float) and not row["value"].is_integer()
    )


def _other_forms(texts: SearchDocument) -> list[str]:
    """Returns the singular and plural forms of the texts' words that the texts lack."""
    lists = [[v] if isinstance(v, str) else v for v in texts.values()]
    found = (word.lower() for listed in lists for text in listed for word in _WORD.findall(text))
    words = {word for word in found if len(word) >= MIN_LETTERS}
    forms = {form for word in words for form in _singular_or_plural(word)}
    return sorted(forms - words)[:MAX_FORMS]


@lru_cache(maxsize=100_000)
def _singular_or_plural(word: str) -> tuple[str, ...]:
    singular = _INFLECT.singular_noun(word)
    return (str(singular),) if singular else (_INFLECT.plural_noun(word),)


def _common_fields(api_record: PanoscRecord, relations: PanoscRecord) -> SearchDocument:
    pid: str = api_record["pid"]
    return {
        index_fields.ID: pid_key(pid),
        index_fields.ORDER: index_fields.sort_key(pid),
        index_fields.JSON: _json(api_record),
        index_fields.RELATIONS: _json(relations),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _dataset_fields(api_record: PanoscRecord, relations: PanoscRecord) -> SearchDocument:
    machine = relations.get("instrument")
    return {
        index_fields.TEXT_DIGESTS: fields.digests(api_record, DATASET_TEXTS),
        index_fields.NUMBERS: {
            **({"size": api_record["size"]} if "size" in api_record else {}),
            **_dates(api_record, ("creationDate",)),
        },
        index_fields.TECHNIQUES: fields.technique_terms(relations["techniques"]),
        index_fields.INSTRUMENT: fields.digests(machine, INSTRUMENT_TEXTS) if machine else {},
        index_fields.SAMPLES: fields.digests_of_rows(
            relations["samples"], ("pid", "name", "description")
        ),
        index_fields.PARAMETERS: fields.parameter_values(relations["parameters"]),
        index_fields.PARAMETER_NAMES: fields.parameter_names(relations["parameters"]),
    }


def _with_lists(document: SearchDocument) -> SearchDocument:
    """Puts single numbers into lists, so that the fields of several records can be merged."""
    return {
        **document,
        index_fields.NUMBERS: {
            name: [value] for name, value in document[index_fields.NUMBERS].items()
        },
    }


def _dates(api_record: PanoscRecord, names: Iterable[str]) -> dict[str, int]:
    return {n: index_fields.parse_microseconds(api_record[n]) for n in names if n in api_record}


def _sample_texts(relations: PanoscRecord) -> list[str]:
    return [t for s in relations["samples"] for t in (s["name"], s.get("description")) if t]


def _technique_names(relations: PanoscRecord) -> list[str]:
    found: list[str] = []
    for row in relations["techniques"]:
        found += [
            row["name"],
            *techniques.names_of(techniques.term(row["pid"], row.get("panetId"))),
        ]
    return _distinct(found)


def _name_variants(persons: Iterable[PanoscRecord]) -> list[str]:
    """Returns names as written, with the last name first, and with initials."""
    found: list[str] = []
    for person in persons:
        found.append(person["fullName"])
        first, _, last = person["fullName"].rpartition(" ")
        last, first = person.get("lastName", last), person.get("firstName", first)
        if first and last:
            found += [f"{last} {first}", f"{last} {first[:1]}"]
    return _distinct(found)


def _dois(api_record: PanoscRecord) -> list[str]:
    return [api_record["doi"]] if "doi" in api_record else []


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
