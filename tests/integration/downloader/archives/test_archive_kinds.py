"""Every kind of archive passes the same tests: WLCG Tape REST, IDS, and a command of a site."""

import asyncio
import io
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from icat.ids import DataSelection
from portal_downloader.archives.factory import make_archive
from portal_downloader.archives.protocol import (
    Archive,
    NotOnDisk,
    StageRefused,
    TransferInterrupted,
)
from portal_downloader.domain.paths import normalize
from portal_downloader.settings import DownloaderSettings
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_shared.runtime.errors import Unavailable

from tests.drivers.forks.children import start_child
from tests.drivers.icat import QuickClient
from tests.drivers.services.downloader import StartDownloader
from tests.drivers.tape import TapeArchive

COMMAND = Path(__file__).with_name("recall_command.py")


@dataclass
class Kind:
    """An archive of one kind."""

    settings: dict[str, Any]
    put: Callable[[str, bytes], str]  # a file on tape: its path
    end: Callable[[], None]  # it is out of reach from then on
    forget: Callable[[], None]  # deletes its requests

    def made(self) -> Archive:
        return make_archive(
            DownloaderSettings.model_validate({"tape_timeout": 20, **self.settings})
        )


def wlcg(tmp_path: Path) -> Iterator[Kind]:
    tape = TapeArchive(tmp_path, "--mount", "60", "--seek", "0.1", "--speed-factor", "100")
    tape.name = "x"

    def put(name: str, content: bytes) -> str:
        place = tape.archive / "x" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return f"/x/{name}"

    yield Kind({"tape_url": tape.url}, put, tape.kill, lambda: None)
    tape.stop()


class Ids:
    """The simulator of ICAT with its IDS; each file in a dataset of its own: those are restored."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()
        self.client = QuickClient(self.url, idsurl=f"{self.url}/ids", cache=None)
        self.client.autoLogout = False
        self.client.login("simple", {"username": "root", "password": "root"})
        facility = self._new("Facility", name="F")
        self.kind = self._new("DatafileFormat", name="raw", version="1", facility=facility)
        self.type = self._new("DatasetType", name="t", facility=facility)
        kind = self._new("InvestigationType", name="t", facility=facility)
        self.investigation = self._new(
            "Investigation", name="i", visitId="v", title="i", facility=facility, type=kind
        )

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "portal_local.icat", "--data", str(self.folder / "icat")),
            *("--port", str(self.port), "--user=root:root", "--root-user=simple/root"),
            "--restore-seconds=0.5",
        ]
        self.child = start_child("icat", command, log=self.folder / "icat.log", environment={})
        wait_until(lambda: listens(self.port), self.child, 60)

    def _new(self, bean: str, **attributes: Any) -> Any:
        made = self.client.new(bean, **attributes)
        made.create()
        return made

    def put(self, name: str, content: bytes) -> str:
        dataset = self._new(
            "Dataset", name=uuid.uuid4().hex, type=self.type, investigation=self.investigation
        )
        file = self.client.new("Datafile", name=name, dataset=dataset, datafileFormat=self.kind)
        put = self.client.putData(io.BytesIO(content), file)
        self.client.ids.archive(DataSelection([dataset]))
        return normalize(self.client.get("Datafile", put.id).location)

    def end(self) -> None:
        self.child.kill()

    def forget(self) -> None:
        self.end()
        self.start()


def ids(tmp_path: Path) -> Iterator[Kind]:
    made = Ids(tmp_path)
    settings = {
        "archive": "ids", "icat_url": made.url, "icat_user": "root", "icat_password": "root",
    }  # fmt: skip
    yield Kind(settings, made.put, made.end, made.forget)
    made.child.stop()


def command(tmp_path: Path) -> Iterator[Kind]:
    library, disk, cache = (tmp_path / n for n in ("library", "disk", "cache"))
    for folder in (library, disk, cache):
        folder.mkdir()

    def put(name: str, content: bytes) -> str:
        place = library / "x" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return f"/x/{name}"

    def end() -> None:
        (library / "calls").unlink()
        (library / "calls").mkdir()  # the command fails over it

    def forget() -> None:
        for folder in (cache / "recalls").iterdir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()

    words = [sys.executable, str(COMMAND), str(library), str(disk), "0.3"]
    settings = {
        "archive": "command", "archive_command": words, "archive_root": disk, "cache_dir": cache,
    }  # fmt: skip
    yield Kind(settings, put, end, forget)


KINDS = {"wlcg": wlcg, "ids": ids, "command": command}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    yield from KINDS[request.param](tmp_path)


@pytest.fixture
async def ours(kind: Kind) -> AsyncIterator[Archive]:
    made = kind.made()
    yield made
    await made.close()


async def staged(ours: Archive, paths: list[str]) -> str:
    """The request, when nothing of it is on its way any more."""
    made = await ours.stage(paths)
    async with asyncio.timeout(60):
        while True:
            reported = await ours.progress(made, paths) or {}
            if all(p in reported and reported[p].progress in ("staged", "failed") for p in paths):
                return made
            await asyncio.sleep(0.1)


async def read(ours: Archive, path: str, start: int = 0) -> tuple[int, bytes]:
    async with ours.open_file(path, start) as body:
        return body.start, b"".join([chunk async for chunk in body.chunks])


async def test_localities_of_files_are_reported(kind: Kind, ours: Archive) -> None:
    one, two = kind.put("a", b"abc"), kind.put("b", b"de")
    paths = [one, two, "/x/none"]
    found = await ours.localities(paths)
    assert dict(found) == {one: "TAPE", two: "TAPE", "/x/none": "missing"}
    await staged(ours, [one])
    found = await ours.localities(paths)
    assert (found[one], found[two]) == ("DISK_AND_TAPE", "TAPE")


async def test_a_staged_file_is_read_from_any_byte(kind: Kind, ours: Archive) -> None:
    content = os.urandom(3_000_000)
    path = kind.put("large", content)
    await staged(ours, [path])
    assert await read(ours, path) == (0, content)
    assert await read(ours, path, 2_999_990) == (2_999_990, content[-10:])


async def test_a_file_that_is_not_staged_is_neither_read_nor_recalled(
    kind: Kind, ours: Archive
) -> None:
    path = kind.put("a", b"abc")
    for absent in (path, "/x/none"):
        with pytest.raises((NotOnDisk, TransferInterrupted)):
            await read(ours, absent)
    assert (await ours.localities([path]))[path] == "TAPE"


async def test_one_that_is_not_there_fails_alone(kind: Kind, ours: Archive) -> None:
    one, two = kind.put("a", b"abc"), kind.put("b", b"de")
    paths = [one, "/x/none", two]
    request = await staged(ours, paths)
    reported = await ours.progress(request, paths) or {}
    assert [reported[p].progress for p in paths] == ["staged", "failed", "staged"]
    assert reported["/x/none"].reason


async def test_a_requested_file_is_restoring(kind: Kind, ours: Archive) -> None:
    paths = [kind.put(name, b"abc") for name in "abc"]
    request = await ours.stage(paths)
    reported = await ours.progress(request, paths) or {}
    assert {reported[p].progress for p in paths} <= {"waiting", "started", "staged"}
    assert reported[paths[2]].progress != "staged"


async def test_another_that_begins_meanwhile_goes_on(kind: Kind, ours: Archive) -> None:
    paths = [kind.put(name, b"abc") for name in "abc"]
    request = await ours.stage(paths)
    await ours.close()
    other = kind.made()
    async with asyncio.timeout(60):
        while True:
            reported = await other.progress(request, paths)
            assert reported is not None
            assert {reported[p].progress for p in paths} <= {"waiting", "started", "staged"}
            if all(reported[p].progress == "staged" for p in paths):
                break
            await asyncio.sleep(0.1)
    await other.close()


async def test_a_request_that_is_not_known_is_not_on_its_way(kind: Kind, ours: Archive) -> None:
    path = kind.put("a", b"abc")
    reported = await ours.progress("nonesuch", [path])
    assert reported is None or reported[path].progress == "failed"
    request = await ours.stage([path])
    kind.forget()
    reported = await ours.progress(request, [path])
    assert reported is None or reported[path].progress in ("failed", "waiting", "started", "staged")
    await staged(ours, [path])
    assert await read(ours, path) == (0, b"abc")


async def test_to_release_and_cancel_harms_nothing(kind: Kind, ours: Archive) -> None:
    path = kind.put("a", b"abc")
    request = await staged(ours, [path])
    await ours.release(request, [path])
    await ours.release(request, [path])
    await ours.cancel(request, [path])
    assert (await ours.localities([path]))[path] in ("DISK_AND_TAPE", "TAPE")


async def test_names_are_taken_as_they_are(kind: Kind, ours: Archive) -> None:
    paths = [
        kind.put(name, name.encode()) for name in ("it's", "a b %20 ü", "' OR '1'='1", "$(id)")
    ]
    await staged(ours, paths)
    for path in paths:
        assert (await read(ours, path))[1]


async def test_out_of_reach_it_is_unavailable(kind: Kind, ours: Archive) -> None:
    path = kind.put("a", b"abc")
    await staged(ours, [path])
    kind.end()
    with pytest.raises(Unavailable):
        await ours.localities([path])


@pytest.mark.parametrize("name", ["ids", "command"])
async def test_a_download_comes_from_each(
    name: str, start_downloader: StartDownloader, tape: TapeArchive, tmp_path: Path
) -> None:
    (tmp_path / "of").mkdir()
    made = KINDS[name](tmp_path / "of")
    kind = next(made)
    own = {k: _setting(v) for k, v in kind.settings.items() if k != "cache_dir"}
    downloader = await start_downloader(**own)
    content = os.urandom(5000)
    path = kind.put("a.bin", content)
    folder, _, location = path.rpartition("/")
    file = tape.describe(location, content)
    await downloader.register("p", [file], folder=folder)
    assert (await downloader.final_event(await downloader.request("p")))["files"] == 1
    answer = await downloader.get("p", location)
    assert (answer.status_code, answer.content) == (httpx.codes.OK, content)
    next(made, None)


def _setting(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list) else str(value)


async def test_a_command_gets_its_list_in_the_order_given(tmp_path: Path) -> None:
    for kind in command(tmp_path):
        paths = [kind.put(name, b"x") for name in "cab"]
        ours = kind.made()
        await staged(ours, paths)
        calls = (tmp_path / "library" / "calls").read_text().splitlines()
        assert calls[0] == f"stage {' '.join(paths)}"
        with pytest.raises(StageRefused, match="contains a line break"):
            await ours.stage(["/x/a\nb"])


async def test_an_interrupted_command_fails_the_remaining_files(tmp_path: Path) -> None:
    script = tmp_path / "half"
    script.write_text(
        "#!/bin/sh\nprintf 'online\\t/x/a\\nonline\\t/x/b'\necho no drive >&2\nexit 3\n"
    )
    script.chmod(0o755)
    settings = {
        "archive": "command", "archive_command": [str(script)], "archive_root": tmp_path,
        "cache_dir": tmp_path / "cache",
    }  # fmt: skip
    ours = make_archive(DownloaderSettings.model_validate(settings))
    request = await staged(ours, ["/x/a", "/x/b"])
    reported = await ours.progress(request, ["/x/a", "/x/b"]) or {}
    assert (reported["/x/a"].progress, reported["/x/b"].progress) == ("staged", "failed")
    assert "no drive" in reported["/x/b"].reason


async def test_a_command_that_ended_is_no_zombie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    spawn = os.posix_spawnp

    def record(*arguments: Any, **options: Any) -> int:
        started.append(spawn(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(os, "posix_spawnp", record)
    for kind in command(tmp_path):
        ours = kind.made()
        paths = [kind.put("a.bin", b"x")]
        request = await ours.stage(paths)
        os.kill(started[0], 0)  # it runs, or is a zombie
        async with asyncio.timeout(60):
            while _exists(started[0]):
                await ours.progress(request, paths)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_kind_that_lacks_its_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="PORTAL_ARCHIVE_COMMAND"):
        make_archive(DownloaderSettings(archive="command"))
