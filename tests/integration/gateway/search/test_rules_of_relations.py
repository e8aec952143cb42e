"""The rules of the search API that concern includes, units and techniques."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from tests.drivers.portal import Portal
from tests.integration.gateway.few_records import MAGNETIC, PANET, SAXS, X_RAY, XES, events

pytestmark = pytest.mark.asyncio(loop_scope="module")
SET1, SET2, DOC1 = "10.5072/set-1", "10.5072/set-2", "10.5072/doc-1"
DIGITS = {SET1: "1", SET2: "2", "set-3": "3", "set-4": "4", DOC1: "1", "doc-2": "2", "doc-3": "3"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    yield shared_portal


def under(relation: str, where: Any = None, *include: Any, **shape: Any) -> dict[str, Any]:
    scope = {**({"where": where} if where is not None else {}), **shape}
    return {"relation": relation, "scope": {**scope, "include": list(include)}}


async def rows(api: Portal, path: str, *include: Any, **more: Any) -> list[dict[str, Any]]:
    raw_filter = {"include": list(include), **more}
    answer = await api.get(f"/api/{path}", filter=raw_filter)
    assert answer.status_code == 200, answer.text
    counted = (await api.get(f"/api/{path}/count", filter=raw_filter)).json()
    assert counted == {"count": int(answer.headers["x-total-count"])}
    return answer.json()


async def found(api: Portal, path: str, *include: Any, **more: Any) -> str:
    return "".join(DIGITS[row["pid"]] for row in await rows(api, path, *include, **more))


def quantity(name: str, value: Any, unit: str | None = None) -> dict[str, Any]:
    return under(
        "parameters",
        {"and": [{"name": name}, {"value": value}, *([{"unit": unit}] if unit else [])]},
    )


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("sample_temperature", 293.15, "K", "1"),
        ("sample_temperature", 20, "celsius", "1"),
        ("sample_temperature", 68, "F", "1"),
        ("sample_temperature", {"between": [20, 27]}, "C", "12"),
        ("sample_temperature", {"gte": "293.15"}, "kelvin", "12"),
        ("sample_temperature", {"gt": 293.15}, "K", "2"),
        ("sample_temperature", 20, None, "1"),
        ("sample_temperature", {"gt": 0}, "", "12"),
        ("sample_temperature", {"gt": 0}, "m", ""),
        ("sample_temperature", {"gt": 0}, "florps", ""),
        ("incident_wavelength", 0.093, "nm", "1"),
        ("incident_wavelength", {"lte": 2}, "\u00c5", "12"),
        ("incident_wavelength", {"lte": 2}, "\u212b", "12"),
        ("incident_wavelength", {"inq": ["93", 1000]}, "pm", "1"),
        ("incident_wavelength", {"neq": 93}, "pm", "2"),
        ("incident_wavelength", {"like": "93"}, "pm", "1"),
        ("incident_wavelength", {"regexp": "^200$"}, "pm", "2"),
        ("current", 0.15272, "A", "2"),
        ("current", 152720, "uA", "2"),
        ("current", {"between": [152719, 152721]}, "\u00b5A", "2"),
        ("detector_distance", 0.073127, "m", "3"),
        ("detector_distance", 73127, "um", "3"),
        ("detector_distance", {"between": [73126, 73128]}, "microns", "3"),
        ("field", -100, "uT", "2"),
        ("field", {"gte": -0.0001}, "T", "2"),
        ("field", {"between": [-101, -99]}, "microtesla", "2"),
        ("field", {"gt": -100}, "microtesla", ""),
        ("thickness", 21, "florps", "2"),
        ("thickness", {"gt": 1}, "m", ""),
        ("count", {"gt": "6.5"}, None, "2"),
        ("count", {"gt": "many"}, None, ""),
        ("run", "21", None, "1"),
        ("run", {"gt": 3}, None, ""),
        ("sample_chemical_formula", {"like": "Cu"}, None, "1"),
        ("sample_chemical_formula", {"like": "cu"}, None, ""),
        ("sample_chemical_formula", {"ilike": "cu"}, None, "1"),
        ("energy", {"gt": 4, "lt": 5}, "MeV", "3"),
        ("energy", {"gte": 5}, "MeV", "3"),
        ("energy", {"gt": 5}, "MeV", ""),
        ("energy", {"lt": 4}, "MeV", ""),
        ("energy", 4500, "keV", "3"),
        ("energy", {"between": [5, 9]}, "MeV", "3"),
        ("energy", {"between": [5.1, 9]}, "MeV", ""),
    ],
)
async def test_a_quantity_selects_in_any_unit(
    api: Portal, name: str, value: Any, unit: str | None, expected: str
) -> None:
    parts = [{"name": name}, {"value": value}, *([] if unit is None else [{"unit": unit}])]
    for where in (
        {"and": parts},
        {"and": parts[::-1]},
        {k: v for p in parts for k, v in p.items()},
    ):
        assert await found(api, "Datasets", under("parameters", where)) == expected


async def test_matching_rows_are_returned_in_the_unit_as_it_was_written(api: Portal) -> None:
    received = await rows(
        api, "Datasets", quantity("incident_wavelength", {"lt": 150}, "picometres")
    )
    assert [d["pid"] for d in received] == [SET1]
    by_name = {p["name"]: (p["value"], p.get("unit")) for p in received[0]["parameters"]}
    assert by_name["incident_wavelength"] == (93, "picometres")
    assert by_name["sample_temperature"] == (20, "C")
    assert len(by_name) == 4
    nested = under("datasets", None, quantity("incident_wavelength", {"lt": 150}, "pm"))
    received = await rows(api, "Documents", nested)
    assert [d["pid"] for d in received[0]["datasets"]] == [SET1]
    trimmed = received[0]["datasets"][0]["parameters"]
    assert [(p["name"], p["value"], p["unit"]) for p in trimmed] == [
        ("incident_wavelength", 93, "pm")
    ]


async def test_of_two_units_for_one_row_the_first_is_returned(api: Portal) -> None:
    received = await rows(
        api, "Datasets", quantity("current", {"gt": 0}, "A"), quantity("current", {"gt": 0}, "uA")
    )
    current = next(p for p in received[0]["parameters"] if p["name"] == "current")
    assert (current["value"], current["unit"]) == (0.15272, "A")


async def test_a_unit_beside_or_counts_for_its_branches(api: Portal) -> None:
    where = {
        "name": "sample_temperature",
        "unit": "C",
        "or": [{"value": {"lt": 21}}, {"value": {"gt": 100}}],
    }
    assert await found(api, "Datasets", under("parameters", where)) == "1"
    two = {"or": [{"and": [{"name": "count"}, {"value": 7}]},
                  {"and": [{"name": "sample_temperature"}, {"value": 20},
                           {"unit": "C"}]}]}  # fmt: skip
    assert await found(api, "Datasets", under("parameters", two)) == "12"
    assert await found(api, "Datasets", under("parameters", {"unit": "kelvin"})) == "2"
    assert await found(api, "Datasets", under("parameters", {"name": "run"})) == "1"


async def test_parameters_of_listed_datasets_are_returned_and_limited_as_requested(
    api: Portal,
) -> None:
    condition = quantity("run", "21")
    condition["scope"] |= {"order": "name DESC", "limit": 2}
    received = await rows(api, "Datasets", condition)
    assert [p["name"] for p in received[0]["parameters"]] == ["sample_temperature",
                                                        "sample_chemical_formula"]  # fmt: skip
    one = (
        await api.get(f"/api/Datasets/{SET1}", filter={"include": [quantity("run", "21")]})
    ).json()
    assert [p["name"] for p in one["parameters"]] == ["run"]


async def test_parameters_of_documents_are_trimmed(api: Portal) -> None:
    received = await rows(api, "Documents", quantity("length", {"lt": 200}, "cm"))
    assert [(p["value"], p["unit"]) for p in received[0]["parameters"]] == [(100, "cm")]
    assert [d["pid"] for d in received] == [DOC1]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"pid": PANET + XES}, "13"),
        ({"pid": "https://w3id.org/elsewhere/" + XES}, "13"),
        ({"pid": XES}, "13"),
        ({"panetId": XES}, "13"),
        ({"pid": X_RAY}, "123"),
        ({"pid": "PaNET01124"}, "1"),
        ({"pid": MAGNETIC}, "2"),
        ({"pid": "PaNET00207"}, "2"),
        ({"pid": {"neq": XES}}, "24"),
        ({"pid": {"nin": [XES, MAGNETIC]}}, "4"),
        ({"pid": {"inq": [SAXS, MAGNETIC]}}, "12"),
        ({"and": [{"pid": XES}, {"pid": SAXS}]}, "1"),
        ({"and": [{"pid": X_RAY}, {"pid": {"neq": SAXS}}]}, "23"),
        ({"or": [{"pid": SAXS}, {"pid": MAGNETIC}]}, "12"),
        ({"pid": XES, "name": {"neq": "SAXS"}}, "3"),
        ({"name": "XES"}, "13"),
        ({"name": "xes"}, "13"),
        ({"name": "X-ray  Emission   Spectroscopy"}, "13"),
        ({"name": "x-ray emission spectroscopy technique"}, "13"),
        ({"name": "small angle scattering concept"}, "1"),
        ({"name": "local name"}, "2"),
        ({"name": "own technique"}, "13"),
        ({"name": "unheard of"}, ""),
        ({"name": {"neq": "unheard of"}}, "1234"),
        ({"name": {"nin": ["SAXS", "XES"]}}, "24"),
        ({"name": {"like": "local"}}, "2"),
        ({"name": {"nlike": "local"}}, "134"),
        ({"text": "LOCAL"}, "2"),
        ({"pid": {"like": "w3id"}}, "2"),
        ({"pid": "local/7"}, ""),
    ],
)
async def test_techniques_stand_for_all_below_them(api: Portal, where: Any, expected: str) -> None:
    assert await found(api, "Datasets", under("techniques", where)) == expected
    documents = {"1": "1", "2": "1", "3": "2"}
    nested = await found(api, "Documents", under("datasets", None, under("techniques", where)))
    assert nested == "".join(sorted({documents[d] for d in expected if d in documents}))


async def test_requested_tags_are_returned_as_stored(api: Portal) -> None:
    received = await rows(api, "Datasets", under("techniques", {"pid": "PaNET01124"}))
    assert [t["pid"] for t in received[0]["techniques"]] == [PANET + SAXS]
    received = await rows(api, "Datasets", under("techniques", {"pid": {"neq": MAGNETIC}}))
    assert [len(d["techniques"]) for d in received] == [2, 1, 0]


async def test_without_a_condition_parents_stay_with_empty_arrays(api: Portal) -> None:
    received = await rows(api, "Documents", under("datasets", None, under("techniques")))
    assert [len(d["datasets"]) for d in received] == [2, 1, 0]
    assert await found(api, "Documents", under("datasets", {})) == "123"
    assert await found(api, "Documents", under("datasets", {"and": []})) == "12"
    every = await rows(api, "Datasets", "techniques", "samples", "parameters", "files",
                       "instrument",
                       "documents")  # fmt: skip
    last = every[-1]
    assert [last[r] for r in ("techniques", "samples", "parameters", "files", "documents")] == [
        [], [], [], [], [],
    ]  # fmt: skip
    assert "instrument" not in last
    assert "datasets" not in (await rows(api, "Documents"))[0]


async def test_conditions_of_several_includes_hold_on_one_dataset(api: Portal) -> None:
    both = [under("techniques", {"pid": XES}), quantity("sample_temperature", {"gt": 290}, "K")]
    assert await found(api, "Documents", under("datasets", None, *both)) == "1"
    apart = [under("techniques", {"pid": XES}), quantity("current", {"gt": 0}, "A")]
    assert await found(api, "Documents", under("datasets", None, *apart)) == ""
    twice = [under("datasets", None, one) for one in apart]
    assert await found(api, "Documents", *twice) == "1"
    received = await rows(api, "Documents", *twice)
    assert [d["pid"] for d in received[0]["datasets"]] == [SET1, SET2]


async def test_two_parameters_includes_are_two_conditions(api: Portal) -> None:
    both = [quantity("sample_temperature", {"gt": 0}, "K"), quantity("run", "21")]
    assert await found(api, "Datasets", *both) == "1"
    assert await found(api, "Documents", under("datasets", None, *both)) == "1"


async def test_shapes_cut_each_parents_array_and_never_drop_a_parent(api: Portal) -> None:
    scope = under("datasets", None, order="size DESC", limit=1, fields=["pid"])
    received = await rows(api, "Documents", scope)
    assert [[d["pid"] for d in row["datasets"]] for row in received] == [[SET2], ["set-3"], []]
    assert set(received[0]["datasets"][0]) == {"pid"}
    assert await found(api, "Documents", under("datasets", {"pid": SET1}, skip=5)) == "1"


async def test_includes_go_four_levels_deep_and_filter_from_there(api: Portal) -> None:
    person = under("person", {"text": "BYRON"})
    chain = under("datasets", None, under("documents", None, under("members", None, person)))
    received = await rows(api, "Documents", chain)
    assert [d["pid"] for d in received] == [DOC1]
    members = received[0]["datasets"][0]["documents"][0]["members"]
    assert [m["person"]["fullName"] for m in members] == ["Ada Byron"]
    instruments = under("datasets", None, under("document", {"type": "publication"}))
    answer = await api.pids("/api/Instruments", filter={"include": [instruments]})
    assert answer == ["bm05", "bm18"]


async def test_members_keep_their_order_and_files_come_by_path_and_name(api: Portal) -> None:
    people = under("members", None, under("person"), under("affiliation"))
    received = (await rows(api, "Documents", people))[0]["members"]
    assert [m["person"]["fullName"] for m in received] == ["Claire Walsh", "Ada Byron"]
    assert "affiliation" not in received[0]
    assert received[1]["affiliation"]["name"] == "ESRF"
    assert all(isinstance(m["id"], str) for m in received)
    files = (await rows(api, "Datasets", "files"))[0]["files"]
    assert [f["name"] for f in files] == ["log.txt", "a.h5", "b.h5"]
    assert await found(api, "Datasets", under("files", {"size": {"gt": 5}})) == "1"
    assert await found(api, "Documents", under("members", None,
                       under("affiliation", {"country": "France"}))) == "1"  # fmt: skip


async def test_members_are_found_by_their_own_id(api: Portal) -> None:
    [document] = await rows(api, "Documents", under("members"), where={"pid": DOC1})
    second = document["members"][1]
    by_id = under("members", {"id": second["id"]}, "person", "affiliation")
    [found] = await rows(api, "Documents", by_id)
    assert [m["id"] for m in found["members"]] == [second["id"]]
    assert await rows(api, "Documents", under("members", {"id": "nobody"})) == []


async def test_a_record_above_many_others_is_returned_once_below_each(
    api: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal_gateway.search.relations.MAX_PARENTS_PER_REQUEST", 1)
    received = await rows(api, "Datasets", "documents")
    above = {row["pid"]: [d["pid"] for d in row["documents"]] for row in received}
    assert (above[SET1], above[SET2]) == ([DOC1], [DOC1])


async def test_a_count_reads_no_relation_that_is_only_displayed(
    api: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal_gateway.search.relations.MAX_RELATED_ROWS", 0)
    received = under("documents", None, under("datasets"))
    conditions = [under("techniques", {"pid": XES}), under("samples", {"text": "left"})]
    include = [received, *conditions, under("parameters", {"value": {"regexp": "Cu"}})]
    counted = await api.get("/api/Datasets/count", filter={"include": include})
    assert (counted.status_code, counted.json()) == (200, {"count": 1})
    refused = await api.get("/api/Datasets", filter={"include": include})
    assert refused.status_code == 400


async def test_paging_comes_after_the_join(api: Portal) -> None:
    condition = under("techniques", {"pid": X_RAY})
    assert await found(api, "Datasets", condition, limit=2) == "12"
    assert await found(api, "Datasets", condition, limit=2, skip=2) == "3"
    assert await found(api, "Datasets", condition, order="pid DESC", limit=2) == "32"


async def test_conditions_on_one_record_trim_but_never_hide_it(api: Portal) -> None:
    include = [under("datasets", None, under("techniques", {"pid": MAGNETIC})),
               under("members", {"role": "nobody"})]  # fmt: skip
    one = (await api.get(f"/api/Documents/{DOC1}", filter={"include": include})).json()
    assert [d["pid"] for d in one["datasets"]] == [SET2]
    assert one["members"] == []


async def test_a_dataset_does_not_name_a_document_that_is_not_public(api: Portal) -> None:
    received = {row["pid"]: row for row in await rows(api, "Datasets", "documents")}
    assert "doc-hidden" not in str(received)
    assert received["set-4"]["documents"] == []
    assert received[SET1]["documentId"] == DOC1
    one = await api.get("/api/Datasets/set-4")
    assert "documentId" not in one.json()


async def test_what_is_not_public_is_in_no_relation(api: Portal) -> None:
    received = await rows(api, "Documents", "datasets")
    assert "set-hidden" not in str(received)
    chain = under("documents", None, under("datasets"))
    assert "set-hidden" not in str(await rows(api, "Datasets", chain))
