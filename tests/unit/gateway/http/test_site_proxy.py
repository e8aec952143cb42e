"""Which paths the web site answers, where one address serves site and gateway."""

import pytest
from portal_gateway.http.site_proxy import SiteProxy, is_site_path
from starlette.types import Message, Receive, Scope, Send


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/search",
        "/datasets/a",
        "/status",
        "/apiary",
        "/database",
        "/sitemap.xml",
        "/_app/x.js",
        "/metrics",
    ],
)
def test_pages_are_the_sites(path: str) -> None:
    assert is_site_path(path)


@pytest.mark.parametrize(
    "path", ["/api", "/api/Datasets", "/data/a/b", "/doi/10.1/a", "/oai", "/health"]
)
def test_answers_and_files_are_the_gateways(path: str) -> None:
    assert not is_site_path(path)


async def test_a_reader_who_leaves_while_sending_is_no_fault() -> None:
    """It was logged as an error of the gateway, with a stack trace."""
    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answers.append(message)

    async def not_the_sites(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    scope: Scope = {
        "type": "http", "method": "POST", "path": "/lengths", "raw_path": b"/lengths",
        "query_string": b"", "headers": [(b"host", b"localhost"), (b"content-length", b"3")],
        "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await SiteProxy(not_the_sites, url="http://127.0.0.1:9")(scope, receive, send)
    assert not answers
