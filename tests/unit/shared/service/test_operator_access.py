"""Routes of operators are closed to everybody without the token, and to pages of other sites."""

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI
from portal_doi import app as doi
from portal_downloader import app as downloader
from portal_gateway import app as gateway
from portal_indexer import app as indexer
from portal_ingest import app as ingest
from portal_shared.runtime.errors import Forbidden, Unauthorized
from portal_shared.service.operator_access import OperatorAccess
from pydantic import SecretStr

from tests.drivers.services.operators import HEADERS

FOREIGN = [
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": "http://portal:1"},
]
SERVICES = {"ingest": ingest.build, "doi": doi.build, "indexer": indexer.build}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Returns method and path of every route but those of health, with values for parameters."""
    documented = [(m.upper(), path) for path, item in app.openapi()["paths"].items() for m in item]
    found = [*documented, ("GET", "/status"), ("GET", "/metrics")]
    return [(method, path.format(job_id="j", pid="p")) for method, path in found]


async def statuses(app: FastAPI, found: list[tuple[str, str]], headers: dict[str, str]) -> set[int]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        answers = [await client.request(m, path, headers=headers) for m, path in found]
    assert all(a.headers["content-type"] == "application/problem+json" for a in answers)
    return {answer.status_code for answer in answers}


@pytest.mark.parametrize("build", SERVICES.values(), ids=SERVICES)
async def test_every_route_of_a_service_but_its_health_is_for_operators(
    build: Callable[[], FastAPI],
) -> None:
    app = build()
    found = routes(app)
    assert len(found) > 3
    assert await statuses(app, found, {}) == {401}
    assert await statuses(app, found, {"Authorization": "Bearer wrong"}) == {401}
    for origin in FOREIGN:
        assert await statuses(app, found, {**HEADERS, **origin}) == {403}


@pytest.mark.parametrize(
    ("build", "paths"),
    [
        (gateway.build, ["/status", "/metrics"]),
        (downloader.build, ["/status", "/metrics", "/failures"]),
    ],
    ids=["gateway", "downloader"],
)
async def test_the_ports_of_readers_have_no_routes_of_operators(
    build: Callable[[], FastAPI], paths: list[str]
) -> None:
    app, found = build(), [("GET", path) for path in paths]
    for headers in ({}, HEADERS):
        assert await statuses(app, found, headers) == {404}
    operators = app.state.operators
    assert await statuses(operators, found, {}) == {401}
    assert await statuses(operators, found, {**HEADERS, **FOREIGN[0]}) == {403}


@pytest.mark.parametrize(
    "build", [*SERVICES.values(), downloader.build], ids=[*SERVICES, "downloader"]
)
async def test_internal_ports_have_no_pages_about_their_routes(
    build: Callable[[], FastAPI],
) -> None:
    pages = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
    transport = httpx.ASGITransport(build())
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        found = {page: (await client.get(page, headers=HEADERS)).status_code for page in pages}
    assert found == dict.fromkeys(pages, 404)


async def test_without_a_token_the_routes_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_OPERATOR_TOKEN", "")
    for authorization in ("", "Bearer ", "Bearer"):
        headers = {"Authorization": authorization}
        assert await statuses(indexer.build(), [("POST", "/reindex")], headers) == {403}


@pytest.mark.parametrize(
    ("origin", "authorization", "error"),
    [
        (None, "Bearer secret", None),
        (None, "bearer  secret ", None),
        ("http://portal:8000", "Bearer secret", None),
        ("http://portal", "Bearer secret", Forbidden),
        ("", "Bearer secret", Forbidden),
        (None, "secret", Unauthorized),
        (None, "Bearer secre\N{LATIN SMALL LETTER E WITH ACUTE}", Unauthorized),
        (None, "Bearer secret2", Unauthorized),
    ],
)
def test_who_is_an_operator(
    origin: str | None, authorization: str, error: type[Exception] | None
) -> None:
    access = OperatorAccess(SecretStr("secret"))
    if error is None:
        access.check(host="portal:8000", origin=origin, authorization=authorization)
        return
    with pytest.raises(error):
        access.check(host="portal:8000", origin=origin, authorization=authorization)
