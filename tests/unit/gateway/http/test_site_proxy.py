"""Which paths the web site answers, where one address serves site and gateway."""

import pytest
from portal_gateway.http.site_proxy import is_site_path


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
    ],
)
def test_pages_are_the_sites(path: str) -> None:
    assert is_site_path(path, has_token=False)


@pytest.mark.parametrize(
    "path", ["/api", "/api/Datasets", "/data/a/b", "/doi/10.1/a", "/oai", "/health", "/metrics"]
)
def test_answers_and_files_are_the_gateways(path: str) -> None:
    assert not is_site_path(path, has_token=False)


def test_an_operator_with_a_token_gets_the_gateways_status() -> None:
    assert not is_site_path("/status", has_token=True)
    assert is_site_path("/status", has_token=False)
