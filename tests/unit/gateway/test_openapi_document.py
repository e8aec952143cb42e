"""The committed OpenAPI document is that of the code."""

from portal_gateway import openapi


def test_the_committed_document_is_current() -> None:
    committed = openapi.FILE.read_text("utf-8")
    assert committed == openapi.text(), "run: python -m portal_gateway.openapi"
