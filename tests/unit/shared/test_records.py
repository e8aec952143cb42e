"""Records, their keys and digests; errors and what follows from them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from portal_shared import profile
from portal_shared.contracts.identifiers import bare_doi
from portal_shared.contracts.records import File, Parameter, files_digest, pid_key, utc_text
from portal_shared.runtime.errors import Conflict, Invalid, NotFound, Unavailable, may_succeed_later
from pydantic import ValidationError


def test_dois_compare_bare_and_in_lower_case() -> None:
    for text in (
        "10.15151/ESRF-DC-1",
        "https://doi.org/10.15151/esrf-dc-1",
        "DOI:10.15151/ESRF-dc-1",
    ):
        assert bare_doi(text) == "10.15151/esrf-dc-1"


def test_a_digest_of_files_does_not_depend_on_their_order() -> None:
    one, two = File(name="a", size=1), File(name="a", path="b", size=1)
    assert files_digest([one, two]) == files_digest([two, one])
    assert files_digest([one]) != files_digest([two])


def test_a_key_fits_every_store() -> None:
    assert pid_key("10.1/ä b").isalnum()
    assert pid_key("a") != pid_key("b")


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2020, 5, 5, 17, 1, 2, 341999, timezone(timedelta(hours=2)))
    assert utc_text(moment) == "2020-05-05T15:01:02.341Z"
    assert utc_text(datetime(2020, 5, 5, tzinfo=UTC)) == "2020-05-05T00:00:00.000Z"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, [1]])
def test_a_parameter_is_a_finite_number_or_text(value: object) -> None:
    with pytest.raises(ValidationError):
        Parameter.model_validate({"name": "a", "value": value})


def test_a_parameter_keeps_its_kind() -> None:
    assert Parameter.model_validate({"name": "a", "value": "21"}).value == "21"
    assert isinstance(Parameter.model_validate({"name": "a", "value": 21}).value, int)


def test_only_what_can_never_succeed_is_not_tried_again() -> None:
    assert [may_succeed_later(e) for e in (Invalid(""), NotFound(""), Conflict(""))] == [False] * 3
    assert may_succeed_later(Unavailable(""))
    assert may_succeed_later(RuntimeError())


def test_every_profile_loads() -> None:
    assert profile.names() == ["esrf", "human-organs", "panosc"]
    for name in profile.names():
        assert profile.load(name).name == name


def test_an_unknown_profile_is_refused_with_a_list_of_profiles() -> None:
    with pytest.raises(NotFound, match="human-organs, panosc"):
        profile.load("../secrets")
