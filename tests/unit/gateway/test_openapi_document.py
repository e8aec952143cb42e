"""The committed OpenAPI document is that of the code."""

from portal_gateway import generate


def test_the_committed_document_is_current() -> None:
    committed = generate.FILE.read_text("utf-8")
    assert committed == generate.openapi_json(), "run: python -m portal_gateway.generate"
