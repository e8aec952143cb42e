"""The DataCite client: concurrency, translation of errors, and where the credentials go."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from portal_doi.datacite import DataCite, Missing, NotSent, Refused, TooFast, Unsure
from portal_doi.domain.registration import Registration
from portal_doi.settings import DoiSettings
from portal_shared.runtime.errors import Invalid, Unavailable
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.drivers.process import running

PARALLELISM = 2
REGISTRATION = Registration("10.5072/x", "https://x.example", "findable", {})


class FakeDataCite:
    """Answers as it is configured; counts concurrent calls and collects their headers."""

    def __init__(self) -> None:
        self.respond: Callable[[dict[str, object]], Response] = found
        self.open_calls = 0
        self.max_open_calls = 0
        self.authorizations: list[str | None] = []

    async def answer(self, request: Request) -> Response:
        self.authorizations.append(request.headers.get("authorization"))
        self.open_calls += 1
        self.max_open_calls = max(self.max_open_calls, self.open_calls)
        body = await request.body()
        await asyncio.sleep(0.02)
        self.open_calls -= 1
        return self.respond(json.loads(body)["data"]["attributes"] if body else {})


def found(attributes: dict[str, object]) -> Response:
    shown = {**attributes, "state": "findable", "registered": "2026-01-01"}
    return JSONResponse({"data": {"attributes": shown}})


@pytest.fixture
def server() -> FakeDataCite:
    return FakeDataCite()


@pytest.fixture
def url(server: FakeDataCite) -> Iterator[str]:
    routes = [Route("/dois/{doi:path}", server.answer, methods=["GET", "PUT"])]
    with running(Starlette(routes=routes)) as address:
        yield address


@pytest.fixture
async def datacite(url: str) -> AsyncIterator[DataCite]:
    client = DataCite(DoiSettings(datacite_url=url, parallelism=PARALLELISM))
    yield client
    await client.close()


async def test_as_many_calls_are_open_as_allowed_and_no_more(
    datacite: DataCite, server: FakeDataCite
) -> None:
    desired = [Registration(f"10.5072/{n}", "https://x.example", "findable", {}) for n in range(12)]
    answers = await asyncio.gather(*(datacite.put(one) for one in desired))
    assert [answer.url for answer in answers] == ["https://x.example"] * len(desired)
    assert server.max_open_calls == PARALLELISM


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Refused),
        (403, Refused),
        (404, Missing),
        (429, TooFast),
        (400, Invalid),
        (413, Invalid),
        (422, Invalid),
        (409, Unsure),
        (500, Unsure),
        (503, Unsure),
    ],
)
async def test_the_status_of_a_put_decides_on_the_error(
    datacite: DataCite, server: FakeDataCite, status: int, error: type[Exception]
) -> None:
    errors = {"errors": [{"source": "url", "title": "is not valid"}, {"title": "and more"}]}
    server.respond = lambda _: JSONResponse(errors, status)
    with pytest.raises(error, match=rf"{status}: url: is not valid; and more"):
        await datacite.put(REGISTRATION)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), (None, 30), ("tomorrow", 30)])
async def test_a_demanded_pause_is_that_of_retry_after(
    datacite: DataCite, server: FakeDataCite, header: str | None, seconds: float
) -> None:
    headers = {"Retry-After": header} if header else {}
    server.respond = lambda _: JSONResponse({}, 429, headers)
    with pytest.raises(TooFast) as caught:
        await datacite.find("10.5072/x")
    assert caught.value.seconds == seconds


async def test_refused_credentials_fail_the_health_check_until_a_call_succeeds(
    datacite: DataCite, server: FakeDataCite
) -> None:
    server.respond = lambda _: JSONResponse({}, 401)
    with pytest.raises(Refused):
        await datacite.find("10.5072/x")
    with pytest.raises(Refused, match="401"):
        await datacite.check_health()
    server.respond = found
    assert await datacite.find("10.5072/x")
    await datacite.check_health()


async def test_a_page_of_html_is_no_answer(datacite: DataCite, server: FakeDataCite) -> None:
    server.respond = lambda _: HTMLResponse("<html>We'll be back soon</html>")
    with pytest.raises(Unsure, match="without a DOI"):
        await datacite.put(REGISTRATION)


async def test_a_redirect_is_not_followed(datacite: DataCite, server: FakeDataCite) -> None:
    server.respond = lambda _: RedirectResponse("/dois/elsewhere")
    with pytest.raises(Unavailable, match="307"):
        await datacite.find("10.5072/x")
    assert len(server.authorizations) == 1


async def test_credentials_are_sent_in_utf_8(url: str, server: FakeDataCite) -> None:
    client = DataCite(DoiSettings(datacite_url=url, datacite_user="D", datacite_password="ä"))  # pyright: ignore[reportArgumentType]
    await client.find("10.5072/x")
    await client.close()
    assert server.authorizations == ["Basic RDrDpA=="]


async def test_without_a_connection_nothing_was_sent() -> None:
    with socket.socket() as unused:  # bound, so nobody else listens there
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        client = DataCite(DoiSettings(datacite_url=f"http://127.0.0.1:{port}"))
        with pytest.raises(NotSent, match="ConnectError"):
            await client.put(REGISTRATION)
        await client.close()


@pytest.mark.parametrize("behaviour", ["closes", "is silent"])
async def test_after_a_lost_connection_or_a_timeout_the_result_is_unsure(behaviour: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = DataCite(DoiSettings(datacite_url=url, datacite_timeout=0.2))
        put = asyncio.create_task(client.put(REGISTRATION))
        if behaviour == "closes":
            loop = asyncio.get_running_loop()
            connection, _ = await loop.sock_accept(listener)
            await loop.sock_recv(connection, 1)
            connection.close()
        with pytest.raises(Unsure):
            await put
        await client.close()
