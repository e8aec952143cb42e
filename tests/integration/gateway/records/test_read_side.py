"""From events to answers: what a reader gets of what was registered."""

from typing import Any

import pytest

from tests.drivers.portal import Portal
from tests.integration.gateway.records.small_atlas import (
    DONOR,
    HEART,
    HIDDEN,
    KIDNEYS,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_right_document_comes_first(atlas: Portal) -> None:
    found = await atlas.pids("/api/Documents", filter={"query": f"left kidney {DONOR}", "limit": 3})
    assert found[0] == f"{DONOR}_kidney"


async def test_questions_name_the_right_scans(atlas: Portal) -> None:
    question = f"sub-region of the left kidney of the body donor {DONOR}"
    assert (await atlas.pids("/api/Datasets", query=question))[0] == KIDNEYS[0].pid
    assert await atlas.pids("/api/Datasets", query="ear") == []
    assert await atlas.pids("/api/Datasets", query="LADAF-2021-16") == []
    assert await atlas.pids("/api/Datasets", query="cardiac") == [HEART.pid]
    assert (await atlas.pids("/api/Documents", query="kidny"))[0] == f"{DONOR}_kidney"
    assert await atlas.pids("/api/Documents", query="Walsh C.")


async def test_every_item_has_a_score_inside_zero_and_one(atlas: Portal) -> None:
    answer = await atlas.get("/api/Documents", filter={"query": "kidney", "fields": ["pid"]})
    assert all(0 < row["score"] < 1 for row in answer.json())
    assert {r["score"] for r in (await atlas.get("/api/Instruments")).json()} == {0.5}


async def test_what_is_not_public_is_nowhere(atlas: Portal) -> None:
    assert HIDDEN.pid not in await atlas.pids("/api/Datasets")
    assert (await atlas.get("/api/Datasets/count")).json() == {"count": 4}
    assert (await atlas.get(f"/api/Datasets/{HIDDEN.pid}")).status_code == 404
    assert (await atlas.get(f"/api/Datasets/{HIDDEN.pid}/files")).status_code == 404
    assert (await atlas.get(f"/datasets/{HIDDEN.pid}")).status_code == 404
    machine = (await atlas.get("/api/Instruments", filter={"include": "datasets"})).json()
    assert HIDDEN.pid not in [d["pid"] for d in machine[0]["datasets"]]
    facets = await atlas.get("/api/Datasets/facets", facets="parameter:organ")
    assert "brain" not in facets.text


async def test_pages_totals_and_counts_agree(atlas: Portal) -> None:
    everything = await atlas.pids("/api/Datasets")
    assert everything == sorted(everything)
    for where in ({}, {"title": {"like": "kidney"}}):
        total = (await atlas.get("/api/Datasets/count", where=where)).json()["count"]
        seen: list[str] = []
        for skip in range(0, total, 1):
            answer = await atlas.get(
                "/api/Datasets", filter={"where": where, "skip": skip, "limit": 1}
            )
            assert answer.headers["x-total-count"] == str(total)
            seen += [row["pid"] for row in answer.json()]
        assert seen == sorted(set(seen))
        assert len(seen) == total


async def test_conditions_hold_on_one_and_the_same_dataset(atlas: Portal) -> None:
    def voxel_filter(side: str, most: float) -> dict[str, Any]:
        context = {"and": [{"name": "organ_context"}, {"value": side}]}
        voxel = {"and": [{"name": "voxel_size"}, {"value": {"lt": most}}, {"unit": "mm"}]}
        nested = [{"relation": "parameters", "scope": {"where": w}} for w in (context, voxel)]
        return {"include": [{"relation": "datasets", "scope": {"include": nested}}]}

    answer = await atlas.get("/api/Documents", filter=voxel_filter("left", 0.01))
    assert [row["pid"] for row in answer.json()] == [f"{DONOR}_kidney"]
    assert [d["pid"] for d in answer.json()[0]["datasets"]] == [KIDNEYS[0].pid]
    received = answer.json()[0]["datasets"][0]["parameters"]
    assert {p["name"]: (p["value"], p["unit"]) for p in received if p["name"] == "voxel_size"} == {
        "voxel_size": (0.00649, "mm")
    }
    assert await atlas.pids("/api/Documents", filter=voxel_filter("left", 0.001)) == []


async def test_facets_count_all_rows_that_are_selected(atlas: Portal) -> None:
    names = "techniques,instrument,parameter:organ,parameter:voxel_size[mm]"
    received = (await atlas.get("/api/Datasets/facets", filter={"limit": 1}, facets=names)).json()
    assert received["total"] == 4
    assert received["facets"]["parameter:organ"] == [
        {"value": "kidney", "count": 3},
        {"value": "heart", "count": 1},
    ]
    assert received["facets"]["instrument"] == [{"value": "BM18", "count": 4}]
    assert received["facets"]["parameter:voxel_size[mm]"] == {
        "min": 0.00649,
        "max": 0.02514,
        "unit": "mm",
        "count": 4,
    }
    looked_at = {"where": {"title": {"like": ""}}}  # the same rows, but not for the engine
    for path in ("/api/Datasets/facets", "/api/Documents/facets"):
        for facets in (names, "keywords,samples,parameter:donor,parameter:voxel_size"):
            counted = (await atlas.get(path, facets=facets)).json()
            assert counted == (await atlas.get(path, filter=looked_at, facets=facets)).json()
    documents = (await atlas.get("/api/Documents/facets", facets="parameter:organ")).json()
    assert documents["facets"]["parameter:organ"][0]["count"] == 1


async def test_an_answer_known_already_is_not_sent_again(atlas: Portal) -> None:
    address = "/api/Datasets?filter[include]=parameters"
    first = await atlas.reader.get(address)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    again = await atlas.reader.get(address, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    packed = await atlas.reader.get(address, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == first.content
    assert first.headers["content-type"] == "application/json; charset=utf-8"


REFUSED = [
    ("GET", "/api/Datasets/nope", 404, 'Unknown "Dataset" id "nope".'),
    ("GET", "/api/Datasets/nope/files", 404, "could not find a model with id nope"),
    ("GET", "/api/Nope", 404, "There is no method to handle GET /Nope"),
    ("GET", "/api/Files", 404, "There is no method to handle GET /Files"),
    ("POST", "/api/Datasets/", 404, 'Shared class "Dataset" has no method handling POST /'),
    (
        "DELETE",
        "/api/Datasets/x",
        404,
        'Shared class "Dataset" has no method handling DELETE /x',
    ),
    ("GET", "/api/Datasets?filter=[]", 400, "Value is not an object."),
    ("GET", "/api/Datasets?filter=%FF", 400, "The query string is not UTF-8"),
]


async def test_errors_have_the_standards_shape(atlas: Portal) -> None:
    for method, path, status, message in REFUSED:
        answer = await atlas.reader.request(method, path)
        assert answer.status_code == status
        error = answer.json()["error"]
        received = (error["statusCode"], error["name"], error["message"])
        assert received == (status, "Error", message)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/nowhere", 404, "There is no method to handle GET /nowhere"),
        ("/datasets/nope", 404, 'Unknown "Dataset" id "nope".'),
        ("/doi/10.5072/nope", 404, "No record has the DOI 10.5072/nope"),
        ("/api/records/nope/history", 404, 'Unknown record "nope".'),
        ("/api/records/nope/citation", 404, 'Unknown record "nope".'),
        ("/api/downloads/nope", 404, "There is no download 'nope'"),
    ],
)
async def test_other_errors_are_problem_details(
    atlas: Portal, path: str, status: int, detail: str
) -> None:
    answer = await atlas.reader.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["title"], problem["status"]) == ("Not Found", status)
    assert problem["detail"] == detail


async def test_a_reader_that_takes_no_json_is_refused_with_the_formats(atlas: Portal) -> None:
    answer = await atlas.reader.get("/api/Datasets", headers={"accept": "text/html"})
    assert answer.status_code == 406
    answer = await atlas.reader.get("/api/Datasets", headers={"accept": "text/html, */*;q=0.1"})
    assert answer.status_code == 200


HOSTILE = [
    "filter=" + '{"where":' + '{"and":[' * 3000 + "]}" * 3000 + "}",
    "filter=" + "%7B%22where%22%3A" * 500,
    "filter[where]" + "[and][0]" * 120 + "[title]=a",
    "filter[where][title]=a&filter[where][title][like]=b",
    "filter[where][title][inq][9999]=a",
    "filter[limit][a]=1",
    "filter[]=1",
    "filter[where]=1",
    "filter=%00",
    'filter={"where":{"title":"\\u0000"}}',
    'filter={"where":{"title":{"like":"%25%25%25%25_____%25"}}}',
    'filter={"where":{"title":{"regexp":"(a%2B)%2B$"}}}',
    'filter={"where":{"title":{"regexp":"' + "(" * 400 + ")" * 400 + '"}}}',
    'filter={"where":{"size":{"gt":1e308}}}',
    'filter={"where":{"size":{"inq":[-0.0,1e-320,9007199254740993]}}}',
    'filter={"where":{"creationDate":{"lt":"9999-12-31T23:59:59-23:59"}}}',
    'filter={"where":{"creationDate":{"gt":"0001-01-01T00:00:00%2B23:59"}}}',
    'filter={"where":{"title":{"between":["a",null]}}}',
    'filter={"where":{"__proto__":1}}',
    'filter={"where":{"title":{"eq":{"$ne":null}}}}',
    'filter={"where":{"pid":{"neq":"\\" OR pid EXISTS"}}}',
    'filter={"query":"\\"a \\" -b * \\\\ ' + "x " * 300 + '"}',
    "query=%22%22%22",
    "query=%F0%9F%AB%80 %C3%A9",
    "query=" + "a" * 5000,
    'filter={"skip":9007199254740991}',
    'filter={"skip":9007199254740991,"limit":9007199254740991}',
    'filter={"skip":3,"limit":2,"query":"kidney"}',
    'filter={"limit":2,"order":["score DESC","size","title DESC"],"query":"kidney"}',
    'filter={"include":[{"relation":"parameters","scope":{"where":{"value":{"gt":"x"}},"order":"value"}}]}',
    'filter={"include":[{"relation":"parameters","scope":{"where":{"name":"n","value":1e300,"unit":"Ym"}}}]}',
    'filter={"include":[{"relation":"parameters","scope":{"where":{"name":null,"unit":null}}}]}',
    'filter={"include":[{"relation":"techniques","scope":{"where":{"name":{"nin":[null,""]}}}}]}',
    'filter={"include":[{"relation":"techniques","scope":{"where":{"pid":{"gt":"a"}}}}]}',
    'filter={"include":[{"relation":"documents","scope":{"include":["datasets","members"]}}]}',
    "facets=parameter:[[]],techniques",
    "&".join(f"a{n}=1" for n in range(3000)),
]


async def test_no_input_is_a_fault_of_ours(atlas: Portal) -> None:
    for query in HOSTILE:
        for path in ("Datasets", "Documents", "Datasets/count", "Datasets/facets", "Instruments"):
            answer = await atlas.reader.get(f"/api/{path}?{query}")
            assert answer.status_code in (200, 400), (path, query[:300], answer.text)
            if answer.status_code == 400:
                assert answer.json()["error"]["message"]
    for path in (
        "/api/Datasets/%00",
        "/api/%FF",
        "/datasets/%00",
        "/doi/%00",
        "/api/Datasets/" + "x" * 9000,
    ):
        assert (await atlas.reader.get(path)).status_code == 404, path
