"""Records to identify."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from portal_shared.contracts.records import Affiliation, Dataset, Document, Member, Person

JANE = Member(
    role="Investigation",
    roles=("Investigation", "Data curation"),
    person=Person(
        id="0000-0002-1825-0097",
        full_name="Jane Doe",
        first_name="Jane",
        last_name="Doe",
        orcid="0000-0002-1825-0097",
    ),
    affiliation=Affiliation(id="esrf", name="ESRF", ror="https://ror.org/02550n020"),
)
ALL = Member(
    person=Person(id="hoa", full_name="The Human Organ Atlas Collaboration", organisation=True)
)


def dataset(**fields: Any) -> Dataset:
    told = {
        "pid": "LADAF-2021-17_left-kidney",
        "name": "LADAF-2021-17_left-kidney",
        "title": "Left kidney",
        "profile": "human-organs",
        "created": datetime(2021, 3, 4, tzinfo=UTC),
        "members": (ALL, JANE),
        **fields,
    }
    return Dataset.model_validate(told)


def document(**fields: Any) -> Document:
    told = {
        "pid": "LADAF-2021-17_kidney",
        "name": "LADAF-2021-17_kidney",
        "title": "Kidney of donor LADAF-2021-17",
        "profile": "human-organs",
        "type": "publication",
        "members": (ALL, JANE),
        **fields,
    }
    return Document.model_validate(told)


@pytest.fixture(name="dataset")
def _dataset() -> Callable[..., Dataset]:
    return dataset


@pytest.fixture(name="document")
def _document() -> Callable[..., Document]:
    return document
