"""Jobs with hostile texts: refused by field, and quickly, however long they are."""

import copy
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from portal_ingest.icat.mapping import LogicalFiles
from portal_ingest.stomp import esrf_messages
from portal_ingest.store.size_limits import limit_outcomes, shorten_answer
from portal_shared.contracts.jobs import JobAnswer, Outcome, Problem
from portal_shared.contracts.records import File
from portal_shared.runtime.errors import Invalid
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.redaction import redact
from portal_shared.validation.validator import validate

from .test_job_validation import ANY, DATASET, HOA, job

MILLION = 10**6
PERSON = {"id": "p", "full_name": "A B", "orcid": "0000-0003-0907-0315"}
PLACE = {"id": "i", "name": "n", "ror": "https://ror.org/02550n020"}
FULL: dict[str, Any] = {
    **DATASET,
    "parameters": [*DATASET["parameters"], {"name": "donor_age", "value": "40", "unit": "a"}],
    "pid": "p",
    "summary": "s",
    "proposal": "p",
    "doi": "10.1234/a",
    "license": "x",
    "keywords": ["k"],
    "folder": "f",
    "files": [{"name": "n", "path": "p", "sha256": "0" * 64}],
    "language": "en",
    "funding": [{"funder": "f", "funder_id": "g", "award": "a", "award_title": "t"}],
    "related": [{"relation": "IsSupplementTo", "identifier": "10.1234/a", "title": "t"}],
    "relations": [{"type": "IsDerivedFrom", "pid": "z"}],
    "members": [{"role": "r", "roles": ["a"], "person": PERSON, "affiliation": PLACE}],
    "details": {"a": "b", "donor": {"id": "x"}},
}
TEXTS = {
    "letters": "a" * MILLION,
    "a number": "1" * (MILLION - 2) + " 1",
    "blanks": "1" + " " * MILLION + "1",
    "products": "m/" * (MILLION // 2),
    "a DOI": "10.1234/" + "\\" * MILLION,
    "an address": "http://" + "a." * (MILLION // 2),
}
Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yields the paths of all texts."""
    if isinstance(value, str):
        yield path
    if isinstance(value, list):
        for number, inner in enumerate(cast("list[Any]", value)):
            yield from places(inner, (*path, number))
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from places(inner, (*path, name))


def put(path: Path, text: str) -> dict[str, Any]:
    whole = copy.deepcopy(FULL)
    here: Any = whole
    for name in path[:-1]:
        here = here[name]
    here[path[-1]] = text
    return whole


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_of_a_million_characters_is_refused_in_every_field(text: str) -> None:
    """With the strict and the lenient profile; a slow check would exceed the time limit."""
    for place in places(FULL):
        for profile in (HOA, ANY):
            raw, _ = redact(job(put(place, text)), profile)
            part = validate(parse_envelope(raw), profile).datasets[0]
            fields = " ".join(p.field for p in part.problems)
            assert str(place[0]) in fields, (place, fields)
            assert all(len(p.reason) <= 1000 for p in part.problems)
            assert all(len(p.suggestion or "") <= 200 for p in part.problems)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_such_a_message_of_pyicat_plus_becomes_a_job_that_is_refused(text: str) -> None:
    message = {"datasetPaths": ["/a"], "metadataName": "SamplePatient_age", "metadataValue": text}
    made = esrf_messages.to_job("icatUpdateDatasetMetadata", json.dumps(message).encode())
    value = made["records"][0]["fields"]["parameters.SamplePatient_age"]["value"]
    assert value == text
    raw = {**DATASET, "parameters": [{"name": "SamplePatient_age", "value": value}]}
    assert validate(parse_envelope(job(raw)), ANY).datasets[0].problems


@pytest.mark.parametrize("name", ["L'ESRF", 'say "hi"', "a/b", "über 心", "'; DROP TABLE x; --"])
def test_a_name_with_quotes_and_slashes_is_valid(name: str) -> None:
    result = validate(parse_envelope(job({**DATASET, "name": name, "pid": "p"})), HOA)
    assert result.datasets[0].problems == []


@pytest.mark.parametrize(
    "name", ["a\x07b", "a\u202eb", "a\u2066b", "a\nb", "a\tb", "a\x7fb", "", " ", "a" * 256]
)
@pytest.mark.parametrize("profile", [HOA, ANY], ids=["strict", "lenient"])
def test_a_name_with_hidden_or_control_characters_is_refused_by_its_field(
    name: str, profile: Any
) -> None:
    result = validate(parse_envelope(job({**DATASET, "name": name, "pid": "p"})), profile)
    assert [p.field for p in result.datasets[0].problems] == ["datasets[0].name"]


def test_a_right_to_left_mark_is_reported_and_removed_in_the_suggestion() -> None:
    result = validate(parse_envelope(job({**DATASET, "summary": "safe\u200ftxt"})), HOA)
    found = result.datasets[0].problems
    assert [(p.field, p.suggestion) for p in found] == [("datasets[0].summary", "safetxt")]
    assert "U+200F" in found[0].reason


def test_too_many_keys_and_too_deep_nesting_are_refused_with_their_field() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(Invalid, match="nested deeper"):
        parse_job(json.dumps(job({**DATASET, "details": deep})).encode())
    many = {f"k{n}": "v" for n in range(100_000)}
    result = validate(parse_envelope(job({**DATASET, **many})), HOA).datasets[0]
    assert len(result.problems) == 201
    assert result.problems[-1].reason == "99800 more problems; correct the first ones and try again"


def test_a_job_with_too_many_records_is_refused_as_a_whole() -> None:
    result = validate(parse_envelope(job(*[{}] * 10_001)), HOA)
    assert [(p.field, p.reason) for p in result.problems] == [
        ("datasets", "10001 entries; a job has at most 10000. Send several jobs")
    ]
    assert result.datasets == []


def test_an_answer_with_many_problems_fits_into_a_document_and_has_one_of_each() -> None:
    problem = Problem(field="f" * 1000, reason="r" * 5000, suggestion="s" * 5000)
    refused = Outcome(kind="dataset", name="n", result="refused", problems=(problem,) * 200)
    limited = limit_outcomes([refused] * 1000)
    assert {len(o.problems) for o in limited} == {200, 1}
    assert [len(o.problems) for o in limited[:26]] == [200] * 25 + [1]
    answer = JobAnswer(job_id="j", result="refused", outcomes=tuple(limited))
    assert len(answer.model_dump_json()) < 16_000_000  # a document of MongoDB


def test_a_shortened_answer_counts_what_was_left_out() -> None:
    done = Outcome(kind="dataset", name="n" * 100, pid="p" * 100, result="registered", version=1)
    wrong = Problem(field="job", reason="r")
    answer = JobAnswer(job_id="j", result="partial", outcomes=(done,) * 9000, problems=(wrong,))
    shortened = shorten_answer(answer, 100_000)
    assert 90_000 < len(shortened.model_dump_json()) <= 100_000
    assert shortened.result == "partial"
    assert shortened.problems[0] == wrong
    more = 9000 - len(shortened.outcomes)
    omitted = f"{more} more outcomes and 0 more problems do not fit into this answer"
    assert shortened.problems[-1].reason == f"{omitted}; send smaller jobs"
    assert shorten_answer(answer, 10_000_000) is answer


def test_a_logical_file_of_one_file_has_its_name_and_checksum() -> None:
    grouped = LogicalFiles("b/")
    for location in ("s_1.jp2", "s_2.jp2", "v1.h5", "x.zarr/0", "x.zarr/1", "y/z.txt"):
        path, _, name = location.rpartition("/")
        grouped.add(File(name=name, path=path or None, size=1, sha256="0" * 64))
    entries = [(e.name, e.location, e.size, bool(e.checksum)) for e in grouped.entries()]
    assert entries == [
        ("s_#.jp2", "b/s_#.jp2", 2, False),
        ("v1.h5", "b/v1.h5", 1, True),
        ("x.zarr", "b/x.zarr", 2, False),
        ("y/z.txt", "b/y/z.txt", 1, True),
    ]
