"""Builds the search document of a record: texts to search, fields to filter, ready answer."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from portal_shared.contracts.records import Dataset, Document, Instrument, pid_key
from portal_shared.search import apostrophes, index_fields, query_terms, techniques

from portal_indexer import filter_fields as fields
from portal_indexer.listing.fields import listing
from portal_indexer.panosc_records import (
    PanoscRecord,
    dataset_relations,
    document_relations,
    panosc_dataset,
    panosc_document,
    panosc_instrument,
    panosc_member,
)
from portal_indexer.texts import document_words, parameter_texts, word_forms

SearchDocument = dict[str, Any]

DATASET_TEXTS = ("pid", "title", "doi", "license", "keywords", "availability", "availabilityDetail")
DOCUMENT_TEXTS = ("pid", "type", "title", "summary", "doi", "license", "keywords")
INSTRUMENT_TEXTS = ("pid", "name", "facility")
DATASET_FACETS = ("keywords", "license", "availability", "availabilityDetail")
DOCUMENT_FACETS = ("keywords", "type", "license")
INSTRUMENT_FACETS = ("name", "facility")


def build_dataset(
    record: Dataset,
    *,
    doi: str | None = None,
    availability: str | None = None,
    availability_detail: str | None = None,
    documents: Sequence[Document] = (),
) -> SearchDocument:
    api_record = panosc_dataset(record, doi, availability, availability_detail)
    relations = dataset_relations(record)
    texts = {
        "title": record.title,
        "samples": _sample_texts(relations),
        "keywords": list(record.keywords),
        "techniques": _technique_names(relations),
        "facts": parameter_texts.facts(relations["parameters"], (record.title, *record.keywords)),
        "documents": document_words.true_texts(record, documents),
    }
    return {
        **_common_fields(api_record, relations),
        **texts,
        **_derived_texts(texts, relations["parameters"]),
        "identifiers": [record.pid, record.name, *_dois(api_record)],
        **_dataset_fields(api_record, relations),
        **fields.pattern_fields(api_record, index_fields.PATTERN_FIELDS[index_fields.DATASETS]),
        index_fields.TEXT_ORDER: fields.text_keys(api_record, index_fields.DATASETS),
        index_fields.PARENT_DOCUMENTS: sorted(index_fields.ancestor_key(d.pid) for d in documents),
        index_fields.FACETS: {
            **fields.facets(api_record, DATASET_FACETS, relations),
            **fields.layout_mark(),
        },
        index_fields.PEOPLE: _name_variants(_persons(record)),
        **listing(record, api_record, relations),
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
        "facts": parameter_texts.facts(rows, (record.title, *record.keywords)),
    }
    return {
        **_common_fields(api_record, relations),
        **texts,
        "members": _name_variants(persons),
        **_derived_texts(texts, rows),
        "identifiers": [record.pid, record.name, *_dois(api_record), *(d.pid for d in datasets)],
        index_fields.TEXT_DIGESTS: fields.digests(api_record, DOCUMENT_TEXTS),
        **fields.pattern_fields(api_record, index_fields.PATTERN_FIELDS[index_fields.DOCUMENTS]),
        index_fields.TEXT_ORDER: fields.text_keys(api_record, index_fields.DOCUMENTS),
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
        index_fields.FACETS: {
            **fields.merge(
                [
                    fields.facets(api_record, DOCUMENT_FACETS, relations),
                    *(fields.facets({}, (), r) for _, r in below),
                ]
            ),
            **fields.layout_mark(),
        },
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
        index_fields.TEXT_ORDER: fields.text_keys(api_record, index_fields.INSTRUMENTS),
        index_fields.FACETS: fields.own_facets(api_record, INSTRUMENT_FACETS),
    }


def encode(document: SearchDocument) -> bytes:
    """Returns a search document as a line of JSON: a third of its memory."""
    return _json(document).encode()


def ready_answers(document: SearchDocument) -> dict[str, str]:
    """Returns the JSON texts that the gateway sends without a request to Meilisearch."""
    return {name: document[name] for name in (index_fields.JSON, index_fields.RELATIONS)}


def _derived_texts(texts: SearchDocument, rows: Sequence[PanoscRecord]) -> SearchDocument:
    """Returns other forms of the words, the notes about persons, and the quantities."""
    listed = [t for value in texts.values() for t in ([value] if isinstance(value, str) else value)]
    notes = parameter_texts.notes(rows)
    return {
        "forms": word_forms.other_forms(listed),
        "numbers": parameter_texts.numbers(rows, listed),
        index_fields.NOTES: [*notes, *word_forms.other_forms(notes)],
    }


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


def _persons(record: Dataset) -> list[PanoscRecord]:
    rows = (panosc_member(record.pid, n, member) for n, member in enumerate(record.members))
    return [row["person"] for row in rows if "person" in row]


def _name_variants(persons: Iterable[PanoscRecord]) -> list[str]:
    """Returns names as written, with the last name first, and with initials."""
    found: list[str] = []
    for person in persons:
        found.append(person["fullName"])
        first, _, last = person["fullName"].rpartition(" ")
        last, first = person.get("lastName", last), person.get("firstName", first)
        if first and last:
            found += [f"{last} {first}", f"{last} {first[:1]}"]
    return _distinct([*found, *(form for name in found for form in apostrophes.forms(name))])


def _dois(api_record: PanoscRecord) -> list[str]:
    return [api_record["doi"]] if "doi" in api_record else []


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
