"""The rules of the search API that concern paths, headers and how a filter arrives."""

import gzip
import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from tests.drivers.portal import Portal
from tests.drivers.services.operators import HEADERS
from tests.integration.gateway.few_records import events

pytestmark = pytest.mark.asyncio(loop_scope="module")
SET = "10.5072/set-1"
ALL = ["10.5072/set-1", "10.5072/set-2", "set-3", "set-4"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Portal]:
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    yield shared_portal


@pytest.mark.parametrize(
    "path",
    ["/api/Datasets", "/api/datasets", "/api/DATASETS", "/api/dataSets/", "/api/Datasets/"],
)
async def test_a_list_in_any_case_with_or_without_slash(api: Portal, path: str) -> None:
    answer = await api.reader.get(path)
    assert [d["pid"] for d in answer.json()] == ALL
    assert answer.headers["x-total-count"] == "4"


@pytest.mark.parametrize("pid", [SET, quote(SET, safe="")])
@pytest.mark.parametrize("word", ["Datasets", "datasets"])
async def test_a_pid_with_its_slash_plain_or_encoded(api: Portal, word: str, pid: str) -> None:
    for tail in ("", "/"):
        answer = await api.reader.get(f"/api/{word}/{pid}{tail}")
        assert answer.json()["pid"] == SET
        assert "score" not in answer.json()
    for files in ("files", "Files", "FILES/"):
        answer = await api.reader.get(f"/api/{word}/{pid}/{files}")
        assert [f["name"] for f in answer.json()] == ["log.txt", "a.h5", "b.h5"]
    assert (await api.reader.get(f"/api/{word}/{pid}/files/COUNT")).json() == {"count": 3}


@pytest.mark.parametrize(
    "path",
    ["Files", "Parameters", "Techniques", "Samples", "Members", "Files/count", "Nope"],
)
async def test_nothing_else_exists(api: Portal, path: str) -> None:
    answer = await api.reader.get(f"/api/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"There is no method to handle GET /{path}"


@pytest.mark.parametrize("path", ["Documents/doc-2/datasets", "Instruments/bm05/datasets"])
async def test_relations_have_no_addresses(api: Portal, path: str) -> None:
    assert (await api.reader.get(f"/api/{path}")).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["Datasets", f"Datasets/{SET}", "Documents/count", "Nope"])
async def test_writing_methods_are_not_found(api: Portal, method: str, path: str) -> None:
    answer = await api.reader.request(method, f"/api/{path}", content=b'{"pid":"x"}')
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["statusCode"], error["name"]) == (404, "Error")


@pytest.mark.parametrize(
    ("path", "message", "code"),
    [
        ("Datasets/nope", 'Unknown "Dataset" id "nope".', "MODEL_NOT_FOUND"),
        ("documents/a%2Fb", 'Unknown "Document" id "a/b".', "MODEL_NOT_FOUND"),
        ("Datasets/set-hidden", 'Unknown "Dataset" id "set-hidden".', "MODEL_NOT_FOUND"),
        ("Datasets/nope/files", "could not find a model with id nope", "MODEL_NOT_FOUND"),
        ("Datasets/nope/files/count", "could not find a model with id nope", "MODEL_NOT_FOUND"),
        ("Datasets/set-hidden/files", "could not find a model with id set-hidden",
         "MODEL_NOT_FOUND"),
    ],
)  # fmt: skip
async def test_unknown_records_are_refused_by_name(
    api: Portal, path: str, message: str, code: str
) -> None:
    answer = await api.reader.get(f"/api/{path}")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {"statusCode": 404, "name": "Error", "message": message, "code": code}
    }


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*, text/csv"])
async def test_who_takes_no_json_gets_none(api: Portal, accept: str) -> None:
    for path in ("Datasets", f"Datasets/{SET}", "Datasets/count", f"Datasets/{SET}/files"):
        answer = await api.reader.get(f"/api/{path}", headers={"accept": accept})
        assert answer.status_code == 406
        assert answer.json()["error"]["statusCode"] == 406


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, */*;q=0.1", ""])
async def test_who_takes_json_gets_it(api: Portal, accept: str) -> None:
    answer = await api.reader.get("/api/Datasets", headers={"accept": accept})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["Datasets", f"Datasets/{SET}", "Datasets/count", f"Datasets/{SET}/files", "Documents"]
)
async def test_what_a_reader_has_is_not_sent_again(api: Portal, path: str) -> None:
    first = await api.reader.get(f"/api/{path}")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = await api.reader.get(f"/api/{path}", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    other = await api.reader.get(f"/api/{path}", headers={"if-none-match": 'W/"other"'})
    assert other.json() == first.json()


async def test_long_answers_are_packed_for_those_who_take_it(api: Portal) -> None:
    address = "/api/Datasets?filter[include]=parameters"
    plain = await api.reader.get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with api.reader.stream("GET", address, headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    refused = await api.reader.get(address, headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


@pytest.mark.parametrize("origin", ["https://any.example", "null", "http://localhost:8000"])
@pytest.mark.parametrize("path", ["Datasets", "Datasets/nope", "Nope", "Datasets?filter=["])
async def test_pages_of_any_origin_may_read_every_answer(
    api: Portal, path: str, origin: str
) -> None:
    sent = {"origin": origin, "cookie": "session=of-another-program"}
    answer = await api.reader.get(f"/api/{path}", headers=sent)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "X-Total-Count" in answer.headers["access-control-expose-headers"]


async def test_a_preflight_is_good_for_a_day(api: Portal) -> None:
    headers = {
        "origin": "https://any.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "x-anything",
    }
    answer = await api.reader.options("/api/Documents", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-max-age"] == "86400"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/status", "/metrics"])
@pytest.mark.parametrize("token", [None, "Bearer wrong", "Bearer ", "Basic YTpi"])
async def test_figures_of_operators_are_on_a_port_of_their_own_and_closed(
    api: Portal, path: str, token: str | None
) -> None:
    headers = {"authorization": token} if token else {}
    transport = httpx.ASGITransport(api.gateway.state.operators)
    async with httpx.AsyncClient(transport=transport, base_url="http://operators") as operators:
        refused = await operators.get(path, headers=headers)
        assert (await operators.get(path, headers=HEADERS)).status_code == 200
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert "PORTAL_OPERATOR_TOKEN" in refused.json()["detail"]
    for sent in (headers, HEADERS):
        assert (await api.reader.get(path, headers=sent)).status_code == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("filter=", 4),
        ("filter={}", 4),
        ("filter=%20", 4),
        ("filter[where][title][ilike]=lung", 2),
        ("filter[where][or][0][title]=Heart&filter[where][or][1][pid]=set-4", 2),
        ("filter[where][and][0][title][ilike]=lung&filter[where][and][1][size][lt]=11", 1),
        ("filter[where][pid][inq][]=set-3&filter[where][pid][inq][]=set-4", 2),
        ("filter[where][size][between][0]=10&filter[where][size][between][1]=10", 2),
        ("filter[where][isPublic]=true", 4),
        ("filter[where][isPublic]=false", 0),
        ("filter[where][creationDate][lt]=2020-06-01", 1),
        ("filter[include][0][relation]=samples&filter[include][0][scope][where][text]=LEFT", 1),
        ('filter[where][title]=Heart&filter={"where":{"pid":"set-4"}}', 1),
        ('query=%20&filter={"query":"heart"}', 1),
        ('query=heart&filter={"query":"nothing such"}', 1),
        ("filter[limit]=2", 2),
        ("filter[skip]=3", 1),
        ("filter[offset]=3", 1),
        ("filter[skip]=1&filter[offset]=3", 3),
        ("filter[limit]=0", 4),
    ],
)
async def test_a_filter_arrives_as_json_and_in_brackets(
    api: Portal, query: str, count: int
) -> None:
    answer = await api.reader.get(f"/api/Datasets?{query}")
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == count


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("where=", 4),
        ("where={}", 4),
        ("where[title][ilike]=lung", 2),
        ('where={"text":"LUNG"}', 2),
        ('where={"and":[{"text":"lung"},{"or":[{"text":"zoom"},{"text":"heart"}]}]}', 1),
        ('where={"title":"Heart"}&filter={"where":{"size":10}}', 0),
        ('filter={"limit":1,"skip":1}', 4),
        ("query=heart", 1),
        ('filter={"include":[{"relation":"samples","scope":{"where":{"name":"left lung"}}}]}', 1),
    ],
)
async def test_counts_count_what_a_list_would_hold(api: Portal, query: str, count: int) -> None:
    assert (await api.reader.get(f"/api/Datasets/count?{query}")).json() == {"count": count}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("filter=[]", "Value is not an object."),
        ("filter=text", "Value is not an object."),
        ('filter={"where":[]}', "The where clause [] is not an object"),
        ('filter={"where":{"and":["x"]}}', 'The where clause "x" is not an object'),
        ('filter={"limit":-1}', "The limit parameter -1 is not valid"),
        ('filter={"limit":"abc"}', "The limit parameter abc is not valid"),
        ('filter={"limit":1.5}', "The limit parameter 1.5 is not valid"),
        ("filter[limit]=-1", "The limit parameter -1 is not valid"),
        ('filter={"skip":-1}', "The offset/skip parameter -1 is not valid"),
        ('filter={"offset":-1}', "The offset/skip parameter -1 is not valid"),
        ('filter={"where":{"size":{"inq":"x"}}}', 'The size property has invalid clause {"inq"'),
        ('filter={"where":{"size":{"between":[1]}}}', "The size property has invalid clause {"),
    ],
)
async def test_refusals_have_the_words_of_the_reference(
    api: Portal, query: str, message: str
) -> None:
    for path in ("Datasets", "Datasets/count"):
        answer = await api.reader.get(f"/api/{path}?{query}")
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["statusCode"], error["name"]) == (400, "Error")
        assert error["message"].startswith(message)


async def test_too_deep_has_its_code(api: Portal) -> None:
    where: Any = {"title": "a"}
    for _ in range(40):
        where = {"or": [where]}
    include: Any = {"relation": "datasets"}
    for relation in ("documents", "datasets", "documents", "datasets"):
        include = {"relation": relation, "scope": {"include": [include]}}
    for raw_filter in ({"where": where}, {"include": [include]}):
        path = "Documents" if "include" in raw_filter else "Datasets"
        answer = await api.get(f"/api/{path}", filter=raw_filter)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "QUERY_OBJECT_TOO_DEEP"


async def test_a_filter_that_lists_what_it_does_not_know_is_answered_with_what_it_does(
    api: Portal,
) -> None:
    for raw_filter, known in (
        ({"nope": 1}, "where, include, limit"),
        ({"where": {"nope": 1}}, "creationDate"),
        ({"where": {"title": {"near": 1}}}, "between"),
        ({"order": "nope"}, "score"),
        ({"include": "nope"}, "techniques"),
    ):
        answer = await api.get("/api/Datasets", filter=raw_filter)
        assert answer.status_code == 400
        assert known in answer.json()["error"]["message"]
    unknown = await api.get(f"/api/Datasets/{SET}", filter={"nope": 1})
    assert unknown.status_code == 400
    ignored = {"where": {"nope": 1}, "limit": -1, "skip": "x", "order": 5, "query": []}
    assert (await api.get(f"/api/Datasets/{SET}", filter=ignored)).status_code == 200


async def test_pages_cover_everything_once_and_agree_with_the_count(api: Portal) -> None:
    for where in ({}, {"title": {"ilike": "u"}}, {"text": "lung"}):
        total = (await api.get("/api/Datasets/count", where=where)).json()["count"]
        seen: list[str] = []
        skip = 0
        while True:
            page = await api.get(
                "/api/Datasets", filter=json.dumps({"where": where, "skip": skip, "limit": 1})
            )
            assert page.headers["x-total-count"] == str(total)
            if not page.json():
                break
            seen += [d["pid"] for d in page.json()]
            skip += 1
        assert seen == sorted(seen)
        assert len(seen) == total


@pytest.mark.parametrize("name", ["If-None-Match", "If-Range", "If-Modified-Since", "Accept",
    "Range", "Host", "Cookie", "X-Forwarded-Host", "Accept-Language", "Origin"])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/Datasets", "/api/search", "/api/records/set-3",
    "/doi/10.1", "/api/suggest?q=a", "/api/downloads/x", "/oai",
    f"/data/{quote(SET, safe='')}/a.h5"])  # fmt: skip
async def test_a_header_need_not_be_ascii(api: Portal, path: str, name: str) -> None:
    """RFC 9110, section 5.5: obsolete values have octets above 127."""
    answer = await api.reader.get(path, headers=[(name.encode(), b'"\xff", \xc3\x28')])
    # 503: the downloader does not run here
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
