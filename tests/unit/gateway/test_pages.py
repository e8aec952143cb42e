"""The page of the manual, and addresses of the web site."""

from portal_gateway.http import pages


def test_the_manual_loads_scripts_of_its_own_origin_only() -> None:
    page = pages.manual_page("/api/docs")
    assert '<script src="/api/docs/swagger-ui-bundle.js"></script>' in page
    assert "//" not in page.replace("</", "")


def test_addresses_escape_any_pid_and_doi() -> None:
    assert pages.landing_path("dataset", "a/b") == "/datasets/a%2Fb"
    assert pages.choice_path("10.5072/a?b") == "/shared-doi/10.5072/a%3Fb"
