"""Bodies of download requests: folders, and HTML forms with the same fields."""

import pytest
from portal_gateway.downloads.request import MAX_BODY_BYTES, TooLarge, parse_form, parse_request
from portal_shared.runtime.errors import Invalid


@pytest.mark.parametrize("folder", ["a/0", "a/0/", "/a/0/"])
def test_a_folder_ends_with_one_slash(folder: str) -> None:
    body = f'{{"pid": "p", "folder": "{folder}"}}'.encode()
    assert parse_request(body).folder == "a/0/"


def test_a_folder_and_files_cannot_be_given_together() -> None:
    with pytest.raises(Invalid, match="together with files") as error:
        parse_request(b'{"pid": "p", "folder": "a", "files": ["b"]}')
    assert error.value.field == "folder"


def test_a_form_has_the_fields_of_the_json_body() -> None:
    parsed = parse_form(b"pid=p%2F1&folder=a%2F0&email=")
    assert (parsed.pid, parsed.folder, parsed.files, parsed.email) == ("p/1", "a/0/", None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [(b"folder=a", "pid"), (b"pid=p&other=1", "other"), ("pid=p&ä=1".encode(), "body")],
    ids=["no pid", "unknown field", "not ASCII"],
)
def test_a_form_that_cannot_be_read_names_the_field(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_form(body)
    assert error.value.field == field


def test_a_form_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse_form(b"pid=" + b"p" * MAX_BODY_BYTES)
