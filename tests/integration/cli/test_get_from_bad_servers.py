"""portal get against servers that cut, corrupt, stall and name files to do harm."""

import asyncio
import hashlib
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from portal_cli.commands import get
from portal_cli.download import disk_names
from portal_cli.download.client import OutOfReach, PortalClient, SelectionError, StagingProgress
from portal_cli.download.download import DatasetDownload, DatasetResult
from portal_cli.download.fetcher import FileResult
from portal_cli.download.safe_paths import DownloadFolder
from portal_shared.contracts.file_urls import parse_data_path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.drivers.process import running


class Silent:
    """A display that counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def begin(self, files: int, size: int) -> None: ...
    def staging(self, progress: StagingProgress) -> None: ...
    def finished(self, result: FileResult) -> None: ...

    def advance(self, count: int) -> None:
        self.bytes += count


class Cut(Response):
    """Promises all and ends the connection early."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        length = [(b"content-length", str(len(self.body) * 2).encode())]
        headers = [h for h in self.raw_headers if h[0] != b"content-length"]
        await send({**start, "headers": [*headers, *length]})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        raise ConnectionError("cut")


@dataclass
class BadPortal:
    """Files by location; what it does wrong is set by the test."""

    files: dict[str, bytes]
    url: str = ""
    cut_after: int | None = None  # bytes of each response
    busy: int = 0  # number of responses 503
    corrupt: bool = False
    ignores_range: bool = False
    ranges: list[str] = field(default_factory=list)
    slow: float = 0  # seconds before each response
    open: int = 0
    most_open: int = 0

    async def listing(self, _request: Request) -> Response:
        files = [
            {
                "name": name, "size": len(content), "state": "ONLINE",
                "sha256": hashlib.sha256(content).hexdigest(),
                "etag": f'"{hashlib.sha256(content).hexdigest()}"',
            }
            for name, content in self.files.items()
        ]  # fmt: skip
        return JSONResponse({"pid": "p", "files": files, "next": None})

    async def data(self, request: Request) -> Response:
        found = parse_data_path(request.scope["raw_path"])
        assert found is not None
        if not found[1]:
            return await self.listing(request)
        if self.busy:
            self.busy -= 1
            return Response(status_code=503, headers={"Retry-After": "0"})
        content = self.files[found[1]]
        sent = request.headers.get("range")
        start, end, status = 0, len(content), 200
        if sent and not self.ignores_range:
            assert request.headers["if-range"] == f'"{hashlib.sha256(content).hexdigest()}"'
            self.ranges.append(sent)
            first, _, last = sent.removeprefix("bytes=").partition("-")
            start, end, status = int(first), int(last) + 1 if last else len(content), 206
        body = content[start:end]
        headers = (
            {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"} if status == 206 else {}
        )
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self.slow)
        self.open -= 1
        if self.corrupt:
            body = bytes([body[0] ^ 1]) + body[1:]
        if self.cut_after is not None and len(body) > self.cut_after:
            return Cut(body[: self.cut_after], status, headers)
        return Response(body, status, headers)


@pytest.fixture
def portal() -> Iterator[BadPortal]:
    made = BadPortal({"a": random.Random(1).randbytes(3_000_000)})  # noqa: S311
    app = Starlette(routes=[Route("/data/{rest:path}", made.data)])
    with running(app) as url:
        made.url = url
        yield made


def got(portal: BadPortal, folder: Path, display: Silent | None = None) -> DatasetResult:
    client = PortalClient(portal.url, sleep=lambda _: None)
    try:
        return DatasetDownload(client, folder, display or Silent()).run("p", [])
    finally:
        client.close()


def test_a_file_is_complete_after_many_lost_connections(portal: BadPortal, tmp_path: Path) -> None:
    portal.cut_after = 700_000
    display = Silent()
    assert got(portal, tmp_path, display).failed == []
    assert (tmp_path / "a").read_bytes() == portal.files["a"]
    assert len(portal.ranges) == 4
    assert display.bytes == 3_000_000


def test_a_partial_file_is_continued(portal: BadPortal, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(portal.files["a"][:1_234_567])
    assert got(portal, tmp_path).failed == []
    assert portal.ranges == ["bytes=1234567-"]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("half", [b"something else entirely" * 1000, bytes(4_000_000)])
def test_a_partial_file_of_another_file_is_discarded(
    portal: BadPortal, tmp_path: Path, half: bytes
) -> None:
    (tmp_path / "a.part").write_bytes(half)
    assert got(portal, tmp_path).failed == []
    assert (tmp_path / "a").read_bytes() == portal.files["a"]


def test_a_server_without_ranges_is_read_from_the_start(portal: BadPortal, tmp_path: Path) -> None:
    portal.ignores_range = True
    (tmp_path / "a.part").write_bytes(portal.files["a"][:1000])
    assert got(portal, tmp_path).failed == []
    assert (tmp_path / "a").read_bytes() == portal.files["a"]


def test_a_corrupted_file_is_refused(portal: BadPortal, tmp_path: Path) -> None:
    portal.corrupt = True
    failed = got(portal, tmp_path).failed
    assert [f.location for f in failed] == ["a"]
    assert "checksum" in (failed[0].reason or "")
    assert list(tmp_path.iterdir()) == []


def test_requests_to_a_busy_server_are_repeated_but_not_for_ever(
    portal: BadPortal, tmp_path: Path
) -> None:
    portal.busy = 3
    assert got(portal, tmp_path).failed == []
    (tmp_path / "a").unlink()
    portal.busy = 1000
    assert "gave up" in (got(portal, tmp_path).failed[0].reason or "")


HOSTILE = [
    "../outside",
    "/etc/outside",
    "a/../../outside",
    "..",
    ".",
    "",
    "x//y",
    "x/",
    "x\0y",
    "line\nbreak",  # no address leads to it
    "n" * 256,
]
ESCAPED = {
    "x\\..\\..\\outside": "x%5C..%5C..%5Coutside",
    "\x1b[31mred": "%1B[31mred",
    "12:30 50%.": "12%3A30 50%25%2E",
    "aux.txt": "%61ux.txt",
}  # names in archives and scripts by location


def test_no_name_leads_out_of_the_folder(portal: BadPortal, tmp_path: Path) -> None:
    inside = tmp_path / "deep" / "inside"
    portal.files |= dict.fromkeys([*HOSTILE, *ESCAPED], b"x")
    receipt = got(portal, inside)
    assert {f.location for f in receipt.failed} == set(HOSTILE)
    written = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {inside / "a", *(inside / name for name in ESCAPED.values())}


def test_no_link_leads_out_of_the_folder(portal: BadPortal, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "target").write_bytes(b"precious")
    (inside / "sub").symlink_to(outside)
    (inside / "b.part").symlink_to(outside / "target")
    (inside / "a").symlink_to(outside / "target")
    portal.files |= {"sub/x": b"x", "b": b"y"}
    failed = {f.location for f in got(portal, inside).failed}
    assert failed == {"sub/x", "b"}
    assert {p.name for p in outside.iterdir()} == {"target"}
    assert (outside / "target").read_bytes() == b"precious"
    assert (inside / "a").read_bytes() == portal.files["a"]
    assert not (inside / "a").is_symlink()


def test_files_with_names_of_partial_files_do_not_collide(
    portal: BadPortal, tmp_path: Path
) -> None:
    portal.files |= {"a.part": b"a file", "a.part.part": b"another"}
    assert got(portal, tmp_path).failed == []
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == portal.files


def test_a_folder_in_the_way_fails_that_file_alone(portal: BadPortal, tmp_path: Path) -> None:
    portal.files |= {"x": b"1", "x/y": b"2"}
    receipt = got(portal, tmp_path)
    assert len(receipt.failed) == 1
    assert (tmp_path / "a").exists()


def test_a_server_that_is_not_a_portal_is_an_error(portal: BadPortal, tmp_path: Path) -> None:
    client = PortalClient(f"{portal.url}/data/else", sleep=lambda _: None)
    with pytest.raises((OutOfReach, SelectionError)):
        DatasetDownload(client, tmp_path, Silent()).run("p", [])
    client.close()


def test_a_second_run_downloads_nothing(portal: BadPortal, tmp_path: Path) -> None:
    got(portal, tmp_path)
    portal.busy = 1000
    receipt = got(portal, tmp_path)
    assert [r.result for r in receipt.files] == ["present"]


LARGE = 50_000_000


@pytest.mark.parametrize("before", [0, 9_000_000])
def test_a_large_file_comes_in_several_ranges_at_once(
    portal: BadPortal, tmp_path: Path, before: int
) -> None:
    content = random.Random(2).randbytes(LARGE)  # noqa: S311
    portal.files, portal.slow = {"a": content}, 0.05
    (tmp_path / "a.part").write_bytes(content[:before])
    display = Silent()
    assert got(portal, tmp_path, display).failed == []
    assert (tmp_path / "a").read_bytes() == content
    assert portal.most_open > 1
    requested = [tuple(map(int, r.removeprefix("bytes=").split("-"))) for r in portal.ranges]
    assert min(requested)[0] == before
    assert sum(last - first + 1 for first, last in requested) == LARGE - before
    assert display.bytes == LARGE


def test_a_file_is_complete_after_interrupted_ranges(portal: BadPortal, tmp_path: Path) -> None:
    portal.files = {"a": random.Random(2).randbytes(LARGE)}  # noqa: S311
    portal.cut_after = 6_000_000
    assert got(portal, tmp_path).failed == []
    assert (tmp_path / "a").read_bytes() == portal.files["a"]


def test_a_large_file_without_ranges_is_downloaded_as_a_whole(
    portal: BadPortal, tmp_path: Path
) -> None:
    portal.files = {"a": random.Random(2).randbytes(LARGE)}  # noqa: S311
    portal.ignores_range = True
    assert got(portal, tmp_path).failed == []
    assert (tmp_path / "a").read_bytes() == portal.files["a"]


@pytest.fixture
def folding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not distinguish case, as far as the command can find out."""
    monkeypatch.setattr(disk_names, "folds_names", lambda _folder: True)


def test_files_that_are_one_name_on_the_disk_are_not_overwritten(
    portal: BadPortal, tmp_path: Path, folding: None
) -> None:
    portal.files = {"x/data": b"1", "X/Data": b"2", "x/other": b"3", "data": b"4"}
    found = got(portal, tmp_path)
    assert {f.location for f in found.files if f.result == "downloaded"} == {
        "X/Data",
        "data",
        "x/other",
    }
    [failed] = found.failed
    assert failed.location == "x/data"
    assert failed.reason == (
        "it and 'X/Data' are one name on this disk; download it alone, into another folder"
        " (--file and --output)"
    )
    assert got(portal, tmp_path).failed == [failed]


def test_a_file_alone_does_not_replace_one_of_the_same_name(
    portal: BadPortal, tmp_path: Path, folding: None
) -> None:
    portal.files = {"data": b"1", "DATA": b"2"}
    (tmp_path / "data").write_bytes(b"2")  # on such a disk, both names are of this file
    client = PortalClient(portal.url, sleep=lambda _: None)
    found = DatasetDownload(client, tmp_path, Silent()).run("p", ["data"])
    client.close()
    assert [f.location for f in found.failed] == ["data"]
    assert (tmp_path / "data").read_bytes() == b"2"


def test_this_disk_distinguishes_what_the_listing_does(portal: BadPortal, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    if (tmp_path / "A").exists():
        pytest.skip("this disk does not distinguish case")
    portal.files = {"data": b"1", "DATA": b"2", "\u00e4": b"3", "a\u0308": b"4"}
    assert got(portal, tmp_path / "f").failed == []
    assert {p.name for p in (tmp_path / "f").iterdir()} == set(portal.files)


def test_the_disk_is_tried_with_case_and_with_composed_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def exists(name: str, _descriptor: int) -> bool:
        seen.append(name)
        return len(seen) == 2

    monkeypatch.setattr(disk_names, "_exists", exists)
    folder = DownloadFolder(tmp_path)
    assert disk_names.folds_names(folder)
    folder.close()
    assert seen[0] == seen[0].upper()
    assert seen[1] != unicodedata.normalize("NFC", seen[1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pids", [("10.1/a", "10.1/A"), ("a", "a")], ids=["case", "same"])
def test_two_datasets_are_not_written_to_one_folder(
    portal: BadPortal, tmp_path: Path, pids: tuple[str, str]
) -> None:
    client = PortalClient(portal.url, sleep=lambda _: None)
    with pytest.raises(SelectionError, match="Download them one by one"):
        get._downloads(client, pids, tmp_path, Silent())  # type: ignore[arg-type]
    client.close()
