"""Roles and formats of files in words."""

from typing import get_args

import pytest
from portal_gateway.labels.file_words import format_label, role_label
from portal_shared.contracts.media_types import OCTET_STREAM, TYPES
from portal_shared.contracts.records import FileRole


@pytest.mark.parametrize("role", get_args(FileRole))
def test_every_role_has_a_label(role: str) -> None:
    label = role_label(role, None)
    assert label != role
    assert label[0].isupper()


def test_a_level_has_its_number() -> None:
    assert role_label("level", 0) == "Level 0"


@pytest.mark.parametrize("extension", TYPES)
def test_every_known_media_type_has_a_label(extension: str) -> None:
    assert TYPES[extension] != OCTET_STREAM
    assert "/" not in format_label(f"folder/name.{extension}")


@pytest.mark.parametrize(
    ("location", "label"),
    [
        ("volume.zarr/0/c/0/0/0", "Zarr chunk"),
        ("volume.zarr/0/0.0.0", "Zarr chunk"),
        ("a.n5/s0/1/2", "N5 block"),
        ("a.zarr/zarr.json", "JSON"),
        ("SHA256SUMS", "Text"),
        ("folder/volume.nii.md5", "Text"),
        ("LICENSE", "Text"),
        ("scan.MRC", "MRC file"),
        ("scan.mrc.7", "Binary file"),
        ("scan", "Binary file"),
        (".hidden", "Binary file"),
        ("a.<script>", "Binary file"),
    ],
)
def test_other_files_are_labelled_by_container_or_extension(location: str, label: str) -> None:
    assert format_label(location) == label
