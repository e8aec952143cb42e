"""Archives laid out without reading a file: the same bytes for ever, any part of them alone."""

import hashlib
import io
import random
import subprocess
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portal_downloader.bundles import bagit, metalink, scripts
from portal_downloader.bundles.bagit import DatasetInfo, Entry, Member
from portal_downloader.bundles.tar import Tar
from portal_downloader.bundles.zip import Zip
from portal_downloader.http.ranges import Span
from portal_downloader.http.segments import Segments, SegmentSlice, StoredContent

MOMENT = datetime(2025, 5, 17, 13, 14, 16, tzinfo=UTC)
ABOUT = DatasetInfo("10.1/ö x", title="A\nlung", doi="10.1/x", license="CC-BY-4.0", created=MOMENT)


def content(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)  # noqa: S311


def members(*sizes: int) -> tuple[list[Member], dict[str, bytes]]:
    found: list[Member] = []
    stored: dict[str, bytes] = {}
    for number, size in enumerate(sizes):
        data = content(str(number), size)
        digest = hashlib.sha256(data).hexdigest()
        stored[digest] = data
        name = f"v.zarr/{number}/ü {'long ' * number}"
        found.append(Member(name.rstrip(), size, digest, zlib.crc32(data)))
    return found, stored


def sent(pieces: Segments, stored: dict[str, bytes], span: Span | None = None) -> bytes:
    def part(cut: SegmentSlice) -> bytes:
        whole = (
            stored[cut.segment.sha256] if isinstance(cut.segment, StoredContent) else cut.segment
        )
        return whole[cut.start : cut.start + cut.length]

    return b"".join(map(part, pieces.slices(span or Span(0, pieces.length - 1))))


def test_a_zip_is_a_bag_that_others_unpack(tmp_path: Path) -> None:
    files, stored = members(0, 10, 70_000, 3)
    layout = Zip(bagit.bag_entries(ABOUT, files), ABOUT.moment)
    data = sent(layout.segments, stored)
    assert len(data) == layout.segments.length
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[-1] == "10.1_ö_x/manifest-sha256.txt"
        assert archive.read("10.1_ö_x/data/" + files[2].location) == content("2", 70_000)
        assert archive.infolist()[0].date_time == (2025, 5, 17, 13, 14, 16)
    (tmp_path / "x.zip").write_bytes(data)
    assert subprocess.run(["unzip", "-tqq", "x.zip"], cwd=tmp_path, check=False).returncode == 0


def test_a_tar_is_a_bag_that_others_unpack() -> None:
    files, stored = members(0, 10, 70_000, 512, 1)
    layout = Tar(bagit.bag_entries(ABOUT, files), ABOUT.moment)
    data = sent(layout.segments, stored)
    assert len(data) == layout.segments.length
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for number, file in enumerate(files):
            opened = archive.extractfile(f"10.1_ö_x/data/{file.location}")
            assert opened is not None
            assert opened.read() == content(str(number), file.size)


@settings(deadline=None)  # the machine may be busy with others
@given(st.data())
def test_any_part_of_an_archive_is_that_part_of_the_whole(data: st.DataObject) -> None:
    files, stored = members(*data.draw(st.lists(st.integers(0, 2000), min_size=1, max_size=6)))
    kind = data.draw(st.sampled_from([Zip, Tar]))
    pieces = kind(bagit.bag_entries(ABOUT, files), ABOUT.moment).segments
    whole = sent(pieces, stored)
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) - 1))
    assert sent(pieces, stored, Span(first, last)) == whole[first : last + 1]


@pytest.mark.parametrize("size", [0xFFFF_FFFE, 0xFFFF_FFFF, 5_000_000_000])
def test_entries_larger_than_4_gib_use_zip64(size: int) -> None:
    large = Entry("large", StoredContent("a" * 64, size), size, "a" * 64, 1)
    small = bagit.generated_entry("small", b"behind it")
    pieces = Zip([large, small], MOMENT).segments
    whole = _Sparse(pieces, size)
    with zipfile.ZipFile(whole) as archive:
        assert [(i.filename, i.file_size) for i in archive.infolist()] == [
            ("large", size), ("small", 9),
        ]  # fmt: skip
        assert archive.read("small") == b"behind it"


def test_more_than_65535_entries_use_zip64() -> None:
    entries = [bagit.generated_entry(f"{n}", b"") for n in range(70_000)]
    pieces = Zip(entries, MOMENT).segments
    with zipfile.ZipFile(io.BytesIO(sent(pieces, {}))) as archive:
        assert len(archive.namelist()) == 70_000


def test_an_entry_whose_sum_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="CRC-32 of 'x'"):
        Zip([Entry("x", StoredContent("a", 1), 1, "a", None)], MOMENT)


def test_the_tag_changes_with_any_content_and_name() -> None:
    files, _ = members(1, 2)
    other = [files[0], Member("other", 2, files[1].sha256, 1)]
    longer, _ = members(1, 3)
    tags = {
        bagit.bundle_etag("zip", ABOUT, bagit.bag_entries(ABOUT, m)) for m in (files, other, longer)
    }
    assert len(tags) == 3
    assert bagit.bundle_etag("zip", ABOUT, bagit.bag_entries(ABOUT, files)) in tags


def test_a_metalink_has_names_sizes_checksums_and_urls() -> None:
    files, _ = members(5)
    text = "".join(metalink.metalink(ABOUT, files, lambda name: f"http://p/{name}?a&b"))
    root = ET.fromstring(text)  # noqa: S314  # our own
    space = {"m": "urn:ietf:params:xml:ns:metalink"}
    file = root.find("m:file", space)
    assert file is not None
    assert file.get("name") == f"10.1_ö_x/{files[0].location}"
    assert file.findtext("m:size", None, space) == "5"
    assert file.findtext("m:hash", None, space) == files[0].sha256
    assert file.findtext("m:url", None, space) == f"http://p/{files[0].location}?a&b"


@pytest.mark.parametrize("tool", ["wget", "curl"])
def test_a_script_takes_no_name_for_a_command(tool: str, tmp_path: Path) -> None:
    bad = Member("a'; touch gone; $(touch gone) `touch gone`", 1, "0" * 64)
    lines = scripts.script(
        tool,
        ABOUT,
        [bad],
        lambda _: "http://127.0.0.1:9/';touch gone'",
        request_url="x",
        files=1,
        size=1,
    )
    text = "".join(lines).replace('"$3" 20', '"$3" 0')
    done = subprocess.run(["sh", "-c", text], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1
    assert not list(tmp_path.rglob("gone"))


class _Sparse(io.RawIOBase):
    """A zip whose first file is too large to make: read from its pieces."""

    def __init__(self, pieces: Segments, size: int) -> None:
        self._pieces, self._size, self._at = pieces, size, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._pieces.length)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._pieces.length if size < 0 else min(self._pieces.length, self._at + size)
        if self._at >= end:
            return b""
        found = b"".join(
            bytes(cut.length)
            if isinstance(cut.segment, StoredContent)
            else cut.segment[cut.start : cut.start + cut.length]
            for cut in self._pieces.slices(Span(self._at, end - 1))
        )
        self._at = end
        return found
