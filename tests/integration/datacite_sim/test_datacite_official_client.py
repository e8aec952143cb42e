"""The client of the `datacite` package works with the simulator."""

import httpx
import pytest
from datacite import DataCiteRESTClient
from datacite.errors import (
    DataCiteForbiddenError,
    DataCiteNotFoundError,
    DataCiteServerError,
    DataCiteUnauthorizedError,
    HttpError,
)

from tests.drivers.datacite import METADATA

URL = "https://example.org/landing"


def test_a_draft_without_a_name_gets_a_random_one_each_time(official: DataCiteRESTClient) -> None:
    first, second = official.draft_doi(), official.draft_doi()
    assert first != second
    assert first.startswith("10.5072/")


def test_a_public_doi_has_its_url_and_its_metadata(official: DataCiteRESTClient, doi: str) -> None:
    assert official.public_doi(METADATA, URL, doi) == doi
    assert official.get_doi(doi) == URL
    found = official.get_metadata(doi)
    assert found["state"] == "findable"
    assert found["titles"] == METADATA["titles"]
    assert found["publicationYear"] == 2025
    assert found["registered"] is not None


def test_a_doi_is_hidden_and_shown_again(official: DataCiteRESTClient, doi: str) -> None:
    official.public_doi(METADATA, URL, doi)
    assert official.hide_doi(doi)["state"] == "registered"
    assert official.show_doi(doi)["state"] == "findable"


def test_a_private_doi_is_registered_and_not_findable(
    official: DataCiteRESTClient, doi: str
) -> None:
    official.private_doi(METADATA, URL, doi)
    assert official.get_metadata(doi)["state"] == "registered"


def test_url_and_metadata_are_updated_one_without_the_other(
    official: DataCiteRESTClient, doi: str
) -> None:
    official.public_doi(METADATA, URL, doi)
    assert official.update_url(doi, "https://example.org/moved") == "https://example.org/moved"
    updated = official.update_doi(doi, metadata={"titles": [{"title": "Renamed"}]})
    assert updated["titles"] == [{"title": "Renamed"}]
    assert updated["url"] == "https://example.org/moved"


def test_a_draft_is_deleted_and_a_public_doi_is_not(official: DataCiteRESTClient, doi: str) -> None:
    official.draft_doi(doi=doi)
    official.delete_doi(doi)
    with pytest.raises(DataCiteNotFoundError):
        official.get_metadata(doi)
    official.public_doi(METADATA, URL, doi)
    with pytest.raises(DataCiteServerError, match="Method not allowed"):
        official.delete_doi(doi)


def test_an_update_that_creates_is_a_201_which_the_client_takes_for_an_error(
    official: DataCiteRESTClient, client: httpx.Client, doi: str
) -> None:
    with pytest.raises(DataCiteServerError):
        official.update_doi(doi, metadata={"titles": [{"title": "New"}]})
    assert client.get(f"/dois/{doi}").json()["data"]["attributes"]["state"] == "draft"


def test_a_doi_that_exists_is_refused_with_datacites_message(
    official: DataCiteRESTClient, doi: str
) -> None:
    official.draft_doi(doi=doi)
    with pytest.raises(DataCiteServerError, match="This DOI has already been taken"):
        official.draft_doi(doi=doi)


def test_bad_credentials_are_refused(official: DataCiteRESTClient, doi: str) -> None:
    stranger = DataCiteRESTClient("DEMO.PORTAL", "wrong", "10.5072", url=official.api_url)
    with pytest.raises(DataCiteUnauthorizedError, match="Bad credentials"):
        stranger.draft_doi(doi=doi)


def test_a_foreign_prefix_is_forbidden(official: DataCiteRESTClient) -> None:
    theirs = DataCiteRESTClient("DEMO.PORTAL", "demo", "10.1234", url=official.api_url)
    with pytest.raises(DataCiteForbiddenError):
        theirs.draft_doi()


def test_a_dropped_connection_is_the_clients_http_error(
    official: DataCiteRESTClient, client: httpx.Client, doi: str
) -> None:
    client.post("/_faults", json={"effect": "drop", "when": "after"})
    with pytest.raises(HttpError):
        official.draft_doi(doi=doi)
    assert client.get(f"/dois/{doi}").status_code == 200
