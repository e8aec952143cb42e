"""One name for a file in every archive, list and script of its dataset."""

from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from portal_downloader.bundles import bagit, metalink, scripts
from portal_downloader.bundles.bagit import DatasetInfo, Member

ABOUT = DatasetInfo("p")
LOCATIONS = ["2026-11-20T09:30:00.txt", "scan 50%.txt", "a\\b", "line\nbreak", "aux/x.", "é", "a=b"]
MEMBERS = [Member(location, 1, "0" * 64, 1) for location in LOCATIONS]
IN_ARCHIVE = {
    entry.name.removeprefix("p/data/")
    for entry in bagit.bag_entries(ABOUT, MEMBERS)
    if entry.name.startswith("p/data/")
}


def address(_location: str) -> str:
    return "http://portal/x"


def test_the_list_of_checksums_names_what_lies_in_the_archive() -> None:
    lines = "".join(bagit.checksums(MEMBERS)).splitlines()
    assert {line.split("  ", 1)[1] for line in lines} == IN_ARCHIVE
    assert len(lines) == len(LOCATIONS)


def test_the_manifest_read_by_the_standard_lists_what_is_in_the_bag() -> None:
    lines = "".join(bagit.manifest(MEMBERS)).splitlines()
    assert {unquote(line.split("  ", 1)[1]).removeprefix("data/") for line in lines} == IN_ARCHIVE
    assert all("%25" in line for line in lines if ":" in unquote(unquote(line)))


@pytest.mark.parametrize("tool", ["wget", "curl"])
def test_scripts_and_lists_write_the_same_names(tool: str) -> None:
    script = "".join(
        scripts.script(tool, ABOUT, MEMBERS, address, request_url="x", files=7, size=7)
    )
    aria2 = "".join(scripts.aria2_list(ABOUT, MEMBERS, address))
    tree = ET.fromstring("".join(metalink.metalink(ABOUT, MEMBERS, address)))  # noqa: S314  # our own
    listed = {str(file.get("name")) for file in tree.iter("{urn:ietf:params:xml:ns:metalink}file")}
    assert listed == {f"p/{name}" for name in IN_ARCHIVE}
    for name in IN_ARCHIVE:
        assert f"p/{name}" in script
        assert f"out=p/{name}\n" in aria2
