"""A site's own command, given ordered lists of files: for tools such as dsmrecall or hsi.

    COMMAND stage LIST    recalls the files of LIST, best in its order; says on standard output
                          `online<TAB>PATH` or `failed<TAB>PATH<TAB>REASON` as soon as each is done
    COMMAND locate LIST   says `LOCALITY<TAB>PATH` for each: DISK, TAPE, DISK_AND_TAPE, LOST, NONE,
                          UNAVAILABLE; what it does not name is missing
    COMMAND release LIST  the files need not be kept on disk
LIST has one path a line. What `stage` says goes to a file, so that it outlives us: a restart, or
another replica, reads on there. Files are read below a folder, never before they are staged.
"""

import asyncio
import contextlib
import fcntl
import os
import stat
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from portal_shared.runtime.errors import Unavailable

from portal_downloader.archives.protocol import Body, CutOff, NotThere, TooMuch
from portal_downloader.archives.wlcg_answers import LONGEST_REASON, FileTold, Locality, localities
from portal_downloader.settings import DownloaderSettings

CHUNK = 2**20
FORGET_SECONDS = 14 * 86_400  # what a command said is kept so long
LARGEST_TOLD = 32 * 2**20


class CommandArchive:
    pins_run_out = False  # a release is of the path, not of one request

    def __init__(self, settings: DownloaderSettings) -> None:
        if not settings.archive_command or settings.archive_root is None:
            raise ValueError("archive: command needs PORTAL_ARCHIVE_COMMAND and _ARCHIVE_ROOT")
        self._command = settings.archive_command
        self._root = settings.archive_root
        self._timeout = settings.tape_timeout
        self._spool = settings.cache_dir / "recalls"

    async def close(self) -> None:
        """Commands that run go on."""

    async def stage(self, paths: Sequence[str]) -> str:
        made = uuid.uuid4().hex
        await asyncio.to_thread(self._start, made, _list(paths))
        return made

    def _start(self, made: str, content: bytes) -> None:
        folder = self._spool / made
        try:
            folder.mkdir(parents=True)
            (folder / "list").write_bytes(content)
            with (folder / "told").open("wb") as told, (folder / "log").open("wb") as log:
                self._launch(folder, told.fileno(), log.fileno())
        except OSError as error:
            raise Unavailable(f"the archive's command: {error}") from error
        self._sweep()

    def _launch(self, folder: Path, told: int, log: int) -> None:
        """In a session of its own; the lock on `running` ends with it, however it ends."""
        running = os.open(folder / "running", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(running, fcntl.LOCK_EX)
            os.set_inheritable(running, True)  # noqa: FBT003  # its own signature
            arguments = (*self._command, "stage", str(folder / "list"))
            nothing = os.open(os.devnull, os.O_RDONLY)
            try:
                os.posix_spawnp(
                    arguments[0],
                    arguments,
                    os.environ,
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, nothing, 0),
                        (os.POSIX_SPAWN_DUP2, told, 1),
                        (os.POSIX_SPAWN_DUP2, log, 2),
                    ],
                    setsid=True,
                )
            finally:
                os.close(nothing)
        finally:
            os.close(running)

    async def progress(self, stage_id: str, paths: Sequence[str]) -> Mapping[str, FileTold] | None:
        return await asyncio.to_thread(self._progress, stage_id, paths)

    def _progress(self, stage_id: str, paths: Sequence[str]) -> dict[str, FileTold] | None:
        folder = self._spool / stage_id
        try:
            runs = _is_locked(folder / "running")  # before what it said is read
            with (folder / "told").open("rb") as file:
                told = _told(file.read(LARGEST_TOLD))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the archive's command: {error}") from error
        left = FileTold("started") if runs else FileTold("failed", _last_words(folder / "log"))
        return {path: told.get(path, left) for path in paths}

    async def localities(self, paths: Sequence[str]) -> Mapping[str, Locality]:
        lines = (await self._run("locate", paths)).decode(errors="replace").splitlines()
        pairs = [line.partition("\t") for line in lines]
        said = [{"path": path, "locality": locality} for locality, _, path in pairs if path]
        found = localities(said)
        missing: Locality = "missing"
        return {path: found.get(path, missing) for path in paths}

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:  # noqa: ARG002
        await self._run("release", paths)

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """Nothing: a list that runs is not interrupted, what it recalls is let go by the site."""

    async def _run(self, verb: str, paths: Sequence[str]) -> bytes:
        """What it says; Unavailable when it fails or takes too long."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(_list(paths))
            file.flush()
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command, verb, file.name,
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )  # fmt: skip
            except OSError as error:
                raise Unavailable(f"the archive's command: {error}") from error
            try:
                async with asyncio.timeout(self._timeout):
                    said, wrong = await process.communicate()
            except TimeoutError as error:
                raise Unavailable(f"the archive's command {verb}: no end") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            reason = wrong.decode(errors="replace").strip()[-LONGEST_REASON:]
            raise Unavailable(f"the archive's command {verb} ended {process.returncode}: {reason}")
        return said

    @asynccontextmanager
    async def reading(self, path: str, start: int) -> AsyncGenerator[Body]:
        descriptor = await asyncio.to_thread(self._opened, path)
        try:
            yield Body(start, _chunks(descriptor, start))
        finally:
            os.close(descriptor)

    def _opened(self, path: str) -> int:
        """Below the root, by no link."""
        *folders, name = path.strip("/").split("/")
        try:
            here = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                for folder in folders:
                    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                    below = os.open(folder, flags, dir_fd=here)
                    os.close(here)
                    here = below
                found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
            finally:
                os.close(here)
        except OSError as error:
            raise NotThere(f"reading from the archive: {error}") from error
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise NotThere("it is no file")
        return found

    def _sweep(self) -> None:
        """What commands said long ago."""
        for folder in self._spool.iterdir():
            with contextlib.suppress(OSError):
                old = folder.stat().st_mtime < time.time() - FORGET_SECONDS
                if old and not _is_locked(folder / "running"):
                    for file in folder.iterdir():
                        file.unlink()
                    folder.rmdir()


def _list(paths: Sequence[str]) -> bytes:
    odd = next((p for p in paths if "\n" in p or "\t" in p or "\0" in p), None)
    if odd is not None:
        raise TooMuch(f"{odd!r} cannot be a line of a list")
    return "".join(f"{path}\n" for path in paths).encode()


def _is_locked(file: Path) -> bool:
    """Whether the command that inherited it still runs."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _told(content: bytes) -> dict[str, FileTold]:
    """By path; the last line counts when it is whole."""
    found: dict[str, FileTold] = {}
    whole, _, _ = content.rpartition(b"\n")
    for line in whole.decode(errors="replace").split("\n"):
        word, _, rest = line.partition("\t")
        path, _, reason = rest.partition("\t")
        if word == "online":
            found[path] = FileTold("staged")
        elif word == "failed":
            why = reason[:LONGEST_REASON] or "the archive gives no reason"
            found[path] = FileTold("failed", why)
    return found


def _last_words(log: Path) -> str:
    """Of a command that has ended without a word on some of its files."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LONGEST_REASON))
        said = file.read().decode(errors="replace").strip()
    return f"the archive's command ended without it{': ' if said else ''}{said}"


async def _chunks(descriptor: int, start: int) -> AsyncIterator[bytes]:
    at = start
    while True:
        try:
            chunk = await asyncio.to_thread(os.pread, descriptor, CHUNK, at)
        except OSError as error:
            raise CutOff(f"reading from the archive: {error}") from error
        if not chunk:
            return
        yield chunk
        at += len(chunk)
