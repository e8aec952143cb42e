"""Facets do not count ages by which a person above 89 could be recognised; they count groups."""

import pytest
from portal_gateway.errors import BadRequest
from portal_gateway.filters.schema import DATASET, DOCUMENT
from portal_gateway.search.facets import (
    ParameterCounter,
    _make_counter,  # pyright: ignore[reportPrivateUsage]
)


@pytest.mark.parametrize("entity", [DATASET, DOCUMENT], ids=["datasets", "documents"])
@pytest.mark.parametrize("name", ["parameter:donor_age", "parameter:donor_age[a]"])
def test_an_age_has_no_facet_and_the_reason_names_that_of_its_group(name: str, entity: str) -> None:
    with pytest.raises(BadRequest, match="use parameter:donor_age_group"):
        _make_counter(entity, name)  # pyright: ignore[reportArgumentType]
    group = _make_counter(entity, "parameter:donor_age_group")  # pyright: ignore[reportArgumentType]
    assert isinstance(group, ParameterCounter)
