"""The table of docs/datacite.md: each property is made from the fields that it lists."""

from pathlib import Path
from typing import Any

import pytest
from portal_shared import generate
from portal_shared import profile as profiles
from portal_shared.citation.datacite import FIELDS, Field, Source, metadata
from portal_shared.citation.relations import COUNTERPARTS, TYPES

from tests.builders import dataset, document

PAGE = Path(__file__).parents[3] / "docs/datacite.md"
PROFILE = profiles.load("human-organs")


def watched(record: Any, seen: set[str]) -> Any:
    """Return the same record, which adds the names of the fields that are read to `seen`."""
    fields = set(type(record).model_fields)

    class Watched(type(record)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            if name in fields:
                seen.add(name)
            return super().__getattribute__(name)

    return Watched.model_validate(record.model_dump())


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f.name)
def test_a_property_reads_the_fields_that_it_lists_and_no_other(field: Field) -> None:
    seen: set[str] = set()
    for record in (dataset(), document()):
        field.make(Source(watched(record, seen), PROFILE))
    assert seen - {"profile"} == field.reads


def test_the_page_has_the_table_of_the_mapping() -> None:
    page = PAGE.read_text("utf-8")
    assert generate.with_datacite_table(page) == page, "run `make contracts`"


def test_the_metadata_contain_what_the_table_lists() -> None:
    made = metadata(Source(dataset(), PROFILE, year=2026))
    assert made.keys() == {"schemaVersion", *(f.name for f in FIELDS)}


def test_every_relation_but_one_has_a_counterpart() -> None:
    assert TYPES - COUNTERPARTS.keys() == {"IsPublishedIn"}
    assert all(COUNTERPARTS[COUNTERPARTS[name]] == name for name in COUNTERPARTS)
