"""Media types by name, the same on every machine."""

import pytest
from portal_downloader.http.media_types import is_active, media_type


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("volume.ome.zarr/zarr.json", "application/json"),
        ("volume.ome.zarr/0/.zarray", "application/json"),
        ("slices/0001.JP2", "image/jp2"),
        ("slices/0001.tif", "image/tiff"),
        ("a.b/c/0/0/0", "application/octet-stream"),
        ("json", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_name_has_a_type(location: str, kind: str) -> None:
    assert media_type(location) == kind


def test_active_content_is_sent_as_an_attachment() -> None:
    assert is_active(media_type("x.html"))
    assert is_active(media_type("x.svg"))
    assert not is_active(media_type("x.tif"))
