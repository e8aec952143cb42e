"""An archive driven by a site's own command that gets ordered lists of files, such as dsmrecall or
hsi.

    COMMAND stage LIST    recalls the files of LIST, best in its order; writes to standard output
                          `online<TAB>PATH` or `failed<TAB>PATH<TAB>REASON` as soon as each is done
    COMMAND locate LIST   writes `LOCALITY<TAB>PATH` for each: DISK, TAPE, DISK_AND_TAPE, LOST,
                          NONE, UNAVAILABLE; a file without a line is missing
    COMMAND release LIST  the files need not stay on disk

LIST has one path per line. The output of `stage` goes to a file, so that a restarted downloader, or
another replica, continues to read it. Files are read below a folder, never before they are staged.
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
from portal_shared.runtime.safe_open import folder_below, open_file

from portal_downloader.archives.child_processes import end_session, reap_orphans
from portal_downloader.archives.protocol import Body, NotOnDisk, StageRefused, TransferInterrupted
from portal_downloader.archives.wlcg_answers import (
    MAX_REASON_CHARS,
    FileProgress,
    Locality,
    localities,
)
from portal_downloader.settings import DownloaderSettings

READ_BYTES = 2**20
RETENTION_SECONDS = 14 * 86_400  # of the output of a command
MAX_RESULTS_BYTES = 32 * 2**20
RESULTS = "told"  # the file's name on disk; recalls may run across an upgrade


class CommandArchive:
    """Runs the command once per list."""

    pins_expire = False  # a release is of the path, not of one request

    def __init__(self, settings: DownloaderSettings) -> None:
        if not settings.archive_command or settings.archive_root is None:
            raise ValueError("archive 'command' requires PORTAL_ARCHIVE_COMMAND and _ARCHIVE_ROOT")
        self._command = settings.archive_command
        self._root = settings.archive_root
        self._timeout = settings.tape_timeout
        self._spool = settings.cache_dir / "recalls"
        self._started: set[int] = set()  # process ids; nobody waits for their end

    async def close(self) -> None:
        """Does nothing: running commands continue."""

    async def stage(self, paths: Sequence[str]) -> str:
        stage_id = uuid.uuid4().hex
        await asyncio.to_thread(self._start, stage_id, _path_list(paths))
        return stage_id

    def _start(self, stage_id: str, content: bytes) -> None:
        folder = self._spool / stage_id
        self._reap()
        try:
            folder.mkdir(parents=True)
            (folder / "list").write_bytes(content)
            with (folder / RESULTS).open("wb") as results, (folder / "log").open("wb") as log:
                self._launch(folder, results.fileno(), log.fileno())
        except OSError as error:
            raise Unavailable(f"the archive's command: {error}") from error
        self._delete_old_recalls()

    def _launch(self, folder: Path, results: int, log: int) -> None:
        """Starts the command in its own session; the lock on `running` ends with it, however it
        ends.
        """
        running = os.open(folder / "running", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(running, fcntl.LOCK_EX)
            os.set_inheritable(running, True)  # noqa: FBT003  # its own signature
            arguments = (*self._command, "stage", str(folder / "list"))
            null = os.open(os.devnull, os.O_RDONLY)
            try:
                process = os.posix_spawnp(
                    arguments[0],
                    arguments,
                    os.environ,
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, null, 0),
                        (os.POSIX_SPAWN_DUP2, results, 1),
                        (os.POSIX_SPAWN_DUP2, log, 2),
                    ],
                    setsid=True,
                )
                self._started.add(process)
            finally:
                os.close(null)
        finally:
            os.close(running)

    def _reap(self) -> None:
        """Takes the exit codes of commands that ended: until then they are zombies."""
        for process in tuple(self._started):
            try:
                ended, _ = os.waitpid(process, os.WNOHANG)
            except ChildProcessError:  # another thread was faster
                ended = process
            if ended:
                self._started.discard(process)
        reap_orphans()

    async def progress(
        self, stage_id: str, paths: Sequence[str]
    ) -> Mapping[str, FileProgress] | None:
        return await asyncio.to_thread(self._read_progress, stage_id, paths)

    def _read_progress(self, stage_id: str, paths: Sequence[str]) -> dict[str, FileProgress] | None:
        folder = self._spool / stage_id
        self._reap()
        try:
            is_running = _is_locked(folder / "running")  # before its results are read
            with (folder / RESULTS).open("rb") as file:
                results = _parse_results(file.read(MAX_RESULTS_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the archive's command: {error}") from error
        default = (
            FileProgress("started")
            if is_running
            else FileProgress("failed", _final_output(folder / "log"))
        )
        return {path: results.get(path, default) for path in paths}

    async def localities(self, paths: Sequence[str]) -> Mapping[str, Locality]:
        lines = (await self._run("locate", paths)).decode(errors="replace").splitlines()
        pairs = [line.partition("\t") for line in lines]
        entries = [{"path": path, "locality": locality} for locality, _, path in pairs if path]
        found = localities(entries)
        missing: Locality = "missing"
        return {path: found.get(path, missing) for path in paths}

    async def release(self, stage_id: str, paths: Sequence[str]) -> None:  # noqa: ARG002
        await self._run("release", paths)

    async def cancel(self, stage_id: str, paths: Sequence[str]) -> None:
        """Does nothing: a running command is not interrupted; the site releases what it recalls."""

    async def _run(self, verb: str, paths: Sequence[str]) -> bytes:
        """Returns the output of the command. Raises Unavailable if it fails or takes too long."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(_path_list(paths))
            file.flush()
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command, verb, file.name,
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise Unavailable(f"the archive's command: {error}") from error
            try:
                async with asyncio.timeout(self._timeout):
                    output, errors = await process.communicate()
            except TimeoutError as error:
                raise Unavailable(f"the archive's command {verb} timed out") from error
            finally:
                await end_session(process)
        if process.returncode:
            reason = errors.decode(errors="replace").strip()[-MAX_REASON_CHARS:]
            raise Unavailable(
                f"the archive's command {verb} failed with exit code {process.returncode}: {reason}"
            )
        return output

    @asynccontextmanager
    async def open_file(self, path: str, start: int) -> AsyncGenerator[Body]:
        descriptor = await asyncio.to_thread(self._open_below_root, path)
        try:
            yield Body(start, _chunks(descriptor, start))
        finally:
            os.close(descriptor)

    def _open_below_root(self, path: str) -> int:
        """Opens a regular file below the root, following no symbolic link."""
        *folders, name = path.strip("/").split("/")
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                with folder_below(root, folders) as folder:
                    descriptor = open_file(folder, name)
            finally:
                os.close(root)
        except OSError as error:
            raise NotOnDisk(f"reading from the archive: {error}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotOnDisk("not a regular file")
        return descriptor

    def _delete_old_recalls(self) -> None:
        """Deletes lists and outputs of commands that ended long ago."""
        for folder in self._spool.iterdir():
            with contextlib.suppress(OSError):
                old = folder.stat().st_mtime < time.time() - RETENTION_SECONDS
                if old and not _is_locked(folder / "running"):
                    for file in folder.iterdir():
                        file.unlink()
                    folder.rmdir()


def _path_list(paths: Sequence[str]) -> bytes:
    """Returns the content of a list. Raises StageRefused for a path that cannot be a line."""
    invalid = next((p for p in paths if "\n" in p or "\t" in p or "\0" in p), None)
    if invalid is not None:
        raise StageRefused(f"the path {invalid!r} contains a line break, a tab or a null character")
    return "".join(f"{path}\n" for path in paths).encode()


def _is_locked(file: Path) -> bool:
    """Returns whether the command that inherited the lock is still running."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _parse_results(content: bytes) -> dict[str, FileProgress]:
    """Parses the output of `stage` by path, ignoring an incomplete last line."""
    results: dict[str, FileProgress] = {}
    whole, _, _ = content.rpartition(b"\n")
    for line in whole.decode(errors="replace").split("\n"):
        status, _, rest = line.partition("\t")
        path, _, reason = rest.partition("\t")
        if status == "online":
            results[path] = FileProgress("staged")
        elif status == "failed":
            text = reason[:MAX_REASON_CHARS] or "the archive gives no reason"
            results[path] = FileProgress("failed", text)
    return results


def _final_output(log: Path) -> str:
    """Returns the reason for files without a result, from the end of the command's error output."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MAX_REASON_CHARS))
        output = file.read().decode(errors="replace").strip()
    return f"the archive's command ended without a result{': ' if output else ''}{output}"


async def _chunks(descriptor: int, start: int) -> AsyncIterator[bytes]:
    position = start
    while True:
        try:
            chunk = await asyncio.to_thread(os.pread, descriptor, READ_BYTES, position)
        except OSError as error:
            raise TransferInterrupted(f"reading from the archive: {error}") from error
        if not chunk:
            return
        yield chunk
        position += len(chunk)
