"""Whatever is sent: no fault of ours, no hang, nothing that is not public. `make fuzz` goes on."""

import asyncio
import importlib
import json
import os
import pkgutil
import socket
import string
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
import schemathesis.generation
import schemathesis.specs
import schemathesis.transport
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portal_gateway.filters.parser import OPERATORS
from portal_gateway.filters.schema import ENTITIES

from tests.drivers import plain_http
from tests.drivers.portal import Portal
from tests.drivers.process import served
from tests.integration.gateway.few_records import events

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),  # of long filters
]
REQUESTS = int(os.environ.get("PORTAL_TEST_FUZZ", "400"))
for _package in (schemathesis.generation, schemathesis.specs, schemathesis.transport):
    # They import late, in threads; then pytest parses them, which CPython 3.11 at times fails to
    # do while another thread parses (gh-106905).
    for _module in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        importlib.import_module(_module.name)
HANGS = 15  # seconds: far beyond what any answer takes, even on a machine that is busy
HIDDEN = "Lung hidden"


@dataclass(frozen=True)
class Api:
    portal: Portal
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal) -> AsyncGenerator[Api]:
    await shared_portal.publish(events())
    await shared_portal.wait_indexed()
    async with served(shared_portal.gateway) as port:
        yield Api(shared_portal, port)


bounded = settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=REQUESTS <= 400,
    database=None,
    suppress_health_check=list(HealthCheck),
)
FIELDS = sorted({f for e in ENTITIES.values() for f in e.fields} | {"and", "or", "text"})
RELATIONS = sorted({r for e in ENTITIES.values() for r in e.relations})
HOSTILE = [
    '" OR pid EXISTS OR "', "x] OR isPublic = false", "' OR 1=1 --", "\\", "$where", "__proto__",
    "constructor", "pid IN [", "\x00", "\ud7ff", "\U0001d4b3", "%00", "../../etc/passwd", "{{7*7}}",
    "[]", "set-hidden", "hidden", "NaN", "Infinity", "-0", "1e999", "9" * 400, "PaNET01200",
    "µm",
    "a" * 300,
    "(a+)+$", "(a|a)*b", "(?=x)", "\\1", "[[:alpha:]]{1000}", "(((((a{9}){9}){9}){9}){9})",
    "%_%_%_%_",
]  # fmt: skip
texts = st.sampled_from(HOSTILE) | st.text(max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(["2021-06-01", "0001-01-01T00:00:00+23:59", "9999-12-31", "lung", 10])
)
operands = scalars | st.lists(scalars, max_size=4) | st.dictionaries(texts, scalars, max_size=2)
conditions = st.dictionaries(st.sampled_from(OPERATORS) | texts, operands, max_size=3) | operands
wheres = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS) | texts, conditions, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["and", "or"]), st.lists(inner | scalars, max_size=4), max_size=2
    ),
    max_leaves=12,
)


def scopes(includes: Any) -> Any:
    return st.fixed_dictionaries(
        {},
        optional={
            "where": wheres | scalars,
            "include": includes,
            "limit": scalars,
            "skip": scalars,
            "offset": scalars,
            "order": st.sampled_from(FIELDS) | st.lists(texts, max_size=2),
            "fields": st.lists(st.sampled_from(FIELDS), max_size=2)
            | st.dictionaries(st.sampled_from(FIELDS), scalars, max_size=2),
            "query": scalars,
        },
    )


includes = st.recursive(
    st.sampled_from(RELATIONS) | scalars,
    lambda inner: st.lists(
        st.fixed_dictionaries(
            {"relation": st.sampled_from(RELATIONS) | scalars}, optional={"scope": scopes(inner)}
        ),
        max_size=3,
    ),
    max_leaves=6,
)
filters = scopes(includes)
paths = st.sampled_from(
    [f"/api/{e}{tail}" for e in ("Datasets", "Documents", "Instruments")
     for tail in ("", "/count", "/facets", "/suggest", "/export", "/10.5072%2Fset-1")]
    + ["/api/Datasets/10.5072/set-1/files", "/api/Datasets/10.5072/set-1/files/count"]
)  # fmt: skip


def broken(sent: str) -> Any:
    """Cut, repeated or with a character more: no longer what it was."""
    position = st.integers(0, len(sent))
    return (
        position.map(lambda n: sent[:n])
        | st.tuples(position, texts).map(lambda p: sent[: p[0]] + p[1] + sent[p[0] :])
        | st.just(sent * 2)
    )


written = filters.map(lambda f: json.dumps(f, ensure_ascii=True)) | filters.flatmap(
    lambda f: broken(json.dumps(f, ensure_ascii=True))
)
brackets = st.lists(
    st.tuples(
        st.lists(
            st.sampled_from(FIELDS + OPERATORS + ["where", "0", "", "99"]) | texts, max_size=6
        ),
        texts,
    ),
    max_size=4,
).map(
    lambda parts: "&".join(
        "filter" + "".join(f"[{quote(p, safe='')}]" for p in path) + "=" + quote(value, safe="")
        for path, value in parts
    )
)
PARAMETERS = ("where", "query", "facets", "typed", "limit", "columns", "format", "snippets")
others = st.fixed_dictionaries({}, optional=dict.fromkeys(PARAMETERS, texts))


def check_answer(answer: httpx.Response) -> None:
    """Answered or refused by name; never more than is public."""
    found = (str(answer.request.url)[:500], answer.text[:500])
    assert answer.status_code in (200, 304, 400, 404, 406), found
    if answer.status_code == 200:
        assert HIDDEN not in answer.text, found
    else:
        error = answer.json()["error"]
        assert error["statusCode"] == answer.status_code
        assert error["message"]


async def test_filters_of_any_kind_are_answered_or_refused(api: Api) -> None:
    with plain_http.client(api.url, timeout=HANGS) as client:

        @bounded
        @given(paths, written, others)
        def check(path: str, sent: str, more: dict[str, str]) -> None:
            check_answer(client.get(path, params={"filter": sent, **more}))

        await asyncio.to_thread(check)


async def test_brackets_of_any_kind_are_answered_or_refused(api: Api) -> None:
    with plain_http.client(api.url, timeout=HANGS) as client:

        @bounded
        @given(paths, brackets)
        def check(path: str, sent: str) -> None:
            check_answer(client.get(f"{path}?{sent}"))

        await asyncio.to_thread(check)


async def test_paths_of_any_kind_are_answered_or_refused(api: Api) -> None:
    with plain_http.client(api.url, timeout=HANGS) as client:

        @bounded
        @given(st.lists(texts | st.sampled_from(["Datasets", "count", "files", "%2F"]), max_size=4),
               st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]))  # fmt: skip
        def check(parts: list[str], method: str) -> None:
            path = "/api/" + "/".join(quote(p, safe="") for p in parts)
            answer = client.request(method, path, follow_redirects=False)
            assert answer.status_code < 500, (method, path, answer.text[:300])
            assert HIDDEN not in answer.text

        await asyncio.to_thread(check)


async def test_requests_made_from_the_openapi_document_meet_no_fault(api: Api) -> None:
    document = (await api.portal.reader.get("/api/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    every = [one.ok() for one in schema.get_all_operations()]
    searcher = ("/api/Datasets", "/api/Documents", "/api/Instruments")
    operations = [one for one in every if one.path.startswith(searcher)]
    assert len(operations) >= 20
    for operation in operations:

        @settings(bounded, max_examples=max(5, REQUESTS // 20))
        @given(operation.as_strategy())
        def check(case: Any) -> None:
            answer = case.call(base_url=api.url, timeout=HANGS)
            assert answer.status_code < 500, (case.path, answer.text[:300])
            assert HIDDEN not in answer.text

        await asyncio.to_thread(check)


def huge() -> dict[str, str]:
    deep = '{"or":[' * 3000 + "{}" + "]}" * 3000
    include: Any = "datasets"
    for _ in range(200):
        include = [{"relation": "documents", "scope": {"include": include}}]
    listed = [string.ascii_letters + str(n) for n in range(1900)]
    return {
        "deep": f'{{"where":{deep}}}',
        "wide": json.dumps({"where": {"or": [{"pid": str(n)} for n in range(2100)]}}),
        "members": json.dumps({"where": {"pid": {"inq": listed[:900]}}}),
        "patterns": json.dumps({"where": {"or": [{"title": {"regexp": "(a+)+$"}}] * 500}}),
        "includes": json.dumps({"include": include}),
        "brackets": "[" * 30_000,
        "objects": '{"a":' * 5_000,
        "digits": '{"limit":' + "9" * 40_000 + "}",
        "text": json.dumps({"query": "word " * 9000}),
        "expression": json.dumps({"where": {"title": {"regexp": "(a|b|c|d)" * 100 + "{1000}"}}}),
        "like": json.dumps({"where": {"title": {"like": "%_" * 450 + "x"}}}),
        "same include": json.dumps({"include": ["parameters"] * 3000}),
    }


@pytest.mark.parametrize("kind", sorted(huge()))
async def test_huge_filters_are_answered_or_refused(api: Api, kind: str) -> None:
    async with plain_http.async_client(api.url, timeout=HANGS) as client:
        for path in ("/api/Datasets", "/api/Documents", "/api/Datasets/count"):
            sent = quote(huge()[kind], safe='{}[]":,')
            answer = await client.get(f"{path}?filter={sent}")
            assert answer.status_code in (200, 400), answer.text[:300]


async def test_ten_megabytes_of_filter_end_the_request_not_the_service(api: Api) -> None:
    def sent() -> bytes:
        with socket.create_connection(("127.0.0.1", api.port), timeout=HANGS) as client:
            head = (
                b"GET /api/Datasets?filter=" + b"%7B" * 3_500_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            try:
                client.sendall(head)
            except OSError:
                return b"closed"
            try:
                return client.recv(100) or b"closed"
            except OSError:
                return b"closed"

    answer = await asyncio.to_thread(sent)
    assert answer == b"closed" or answer.startswith(b"HTTP/1.1 4")
    assert (await api.portal.get("/api/Datasets")).status_code == 200


async def test_what_is_hidden_cannot_be_found_by_searches(api: Api) -> None:
    for where in (
        {"isPublic": False},
        {"isPublic": {"neq": True}},
        {"pid": "set-hidden"},
        {"title": {"like": "hidden"}},
        {"or": [{"isPublic": False}, {"pid": {"neq": "x"}}]},
    ):
        for tail in ("", "/facets?facets=keywords", "/export", "/suggest"):
            join = "&" if "?" in tail else "?"
            path = f"/api/Datasets{tail}{join}filter={quote(json.dumps({'where': where}))}"
            answer = await api.portal.reader.get(path)
            assert answer.status_code == 200
            assert HIDDEN not in answer.text
    assert (await api.portal.get("/api/Datasets/count", query="hidden")).json() == {"count": 0}
