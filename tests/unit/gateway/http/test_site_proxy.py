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
