"""The manual of the API: all of it comes from this origin, under a policy that forbids the rest."""

import re

import httpx
import pytest
from portal_gateway.http import pages
from portal_gateway.routes import api_manual
from starlette.applications import Starlette


@pytest.fixture
def reader() -> httpx.AsyncClient:
    app = Starlette(routes=[*api_manual.routes()])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal")


def policy(answer: httpx.Response) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split(";")
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in parts)}


async def test_the_page_loads_from_its_own_origin_only(reader: httpx.AsyncClient) -> None:
    page = await reader.get(api_manual.PATH)
    assert page.status_code == 200
    assert "://" not in page.text
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=| style=", page.text)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 5
    for address in set(addresses) - {api_manual.OPENAPI_PATH}:
        answer = await reader.get(address)
        assert answer.status_code == 200, address
        assert len(answer.content) > 100
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_policy_is_that_of_all_pages_and_adds_this_origin(
    reader: httpx.AsyncClient,
) -> None:
    found = policy(await reader.get(api_manual.PATH))
    for rule in pages.CONTENT_SECURITY_POLICY.split("; "):
        name, _, value = rule.partition(" ")
        assert found.pop(name) == value
    assert set(" ".join(found.values()).split()) == {"'self'", "data:"}


async def test_the_scripts_are_scripts(reader: httpx.AsyncClient) -> None:
    start = await reader.get(f"{api_manual.PATH}/start.js")
    assert start.headers["content-type"].startswith("text/javascript")
    assert api_manual.OPENAPI_PATH in start.text
    bundle = await reader.get(f"{api_manual.PATH}/swagger-ui-bundle.js")
    assert bundle.headers["content-type"].startswith("text/javascript")
    assert "SwaggerUIBundle" in bundle.text
    assert (await reader.get(f"{api_manual.PATH}/redoc.standalone.js")).status_code == 404
