"""How fast files and zips are sent, and at what cost, against nginx alone and `zip -0`.

Files are in the system's cache; the client throws away what it gets. All ways take turns; medians.
"""

import asyncio
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child

from tests.bench.loads.serving import GIB, Figures, fetched, in_turns, serve_apart, table

LARGE, SMALL, COUNT = 2 * GIB, 2**20, 2000
READERS, SECONDS, RATE = 500, 10, 100_000
RUNS = 7
HERE = Path(__file__).parent / "loads"  # serving_app.py
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
FRONT = """
daemon off; master_process off; error_log stderr warn; pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off; sendfile on; tcp_nopush on; sendfile_max_chunk 2m;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location /alone/ {{ alias {folder}/cache/objects/; }}
        location / {{
            proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
            proxy_set_header X-Accel-Mapping /_objects/; proxy_set_header Connection "";
            proxy_max_temp_file_size 0; proxy_buffers 8 64k;
        }}
        location /_objects/ {{ internal; alias {folder}/cache/objects/; }}
    }}
}}
"""


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.large = self._written()
        self.port, self.front = free_port(), free_port()
        command = [*(sys.executable, "-m", "uvicorn", "--factory", "serving_app:build"),
                   *("--port", str(self.port), "--no-access-log")]  # fmt: skip
        environment = {"BENCH_FOLDER": str(folder), "PYTHONPATH": str(HERE)}
        self.server = Child("server", command, log=folder / "log", environment=environment)
        wait_until(lambda: listens(self.port), self.server, 60)
        assert NGINX is not None
        configuration = folder / "nginx.conf"
        configuration.write_text(
            FRONT.format(folder=folder, port=self.front, behind=self.port), "utf-8"
        )
        self.nginx = Child("nginx", [NGINX, "-p", str(folder), "-c", str(configuration)],
                           log=folder / "nginx.log", environment={})  # fmt: skip
        wait_until(lambda: listens(self.front), self.nginx, 30)
        for child in (self.server, self.nginx):
            serve_apart(child.pid)

    def _written(self) -> str:
        """A large file and many small ones; the large one's place."""
        block = random.Random(1).randbytes(SMALL)  # noqa: S311
        lines = [self._stored("large", block * (LARGE // SMALL))]
        (self.folder / "plain").mkdir()
        for number in range(COUNT):
            data = number.to_bytes(8, "big") + block[8:]
            lines.append(self._stored(f"{number:04}.bin", data))
            (self.folder / "plain" / f"{number:04}.bin").write_bytes(data)
        (self.folder / "members").write_text("\n".join(lines), "utf-8")
        sha256 = lines[0].split("\t")[2]
        return f"{sha256[:2]}/{sha256}"

    def _stored(self, name: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        place = self.folder / "cache" / "objects" / digest[:2] / digest
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return f"{name}\t{len(data)}\t{digest}\t{zlib.crc32(data)}"

    def fetched(self, url: str, *options: str) -> Figures:
        return fetched(url, *options, servers=(self.server.pid, self.nginx.pid))

    def zipped(self) -> Figures:
        """`zip -0` of the same files to a pipe."""
        began, before = time.monotonic(), os.times()
        subprocess.run("zip -q -0 -r - . | cat > /dev/null", shell=True, check=True,  # noqa: S602
                       cwd=self.folder / "plain")  # fmt: skip
        took, after = time.monotonic() - began, os.times()
        spent = after.children_user + after.children_system
        spent -= before.children_user + before.children_system
        return Figures(COUNT * SMALL / took / 1e6, spent / (COUNT * SMALL / GIB))

    def stop(self) -> None:
        self.nginx.stop()
        self.server.stop()


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    made = Bench(tmp_path_factory.mktemp("serving"))
    yield made
    made.stop()


def test_files_and_zips(bench: Bench) -> None:
    here, front = f"http://127.0.0.1:{bench.port}", f"http://127.0.0.1:{bench.front}"
    middle = f"bytes={COUNT * SMALL // 2}-"
    ways: dict[str, Callable[[], Figures]] = {
        "file: nginx alone": lambda: bench.fetched(f"{front}/alone/{bench.large}"),
        "file: behind nginx": lambda: bench.fetched(f"{front}/file"),
        "file: Python's part of that": lambda: fetched(f"{front}/file", servers=[bench.server.pid]),
        "file: standing alone": lambda: bench.fetched(f"{here}/file"),
        "file: stock FileResponse": lambda: bench.fetched(f"{here}/stock"),
        "zip: zip -0 to a pipe": bench.zipped,
        "zip: standing alone": lambda: bench.fetched(f"{here}/zip"),
        "zip: from the middle": lambda: bench.fetched(f"{here}/zip", "-H", f"Range: {middle}"),
        "zip: behind nginx": lambda: bench.fetched(f"{front}/zip"),
    }
    files = "file: nginx alone"
    table(
        in_turns(ways, RUNS),
        lambda name: files if name.startswith("file") else "zip: zip -0 to a pipe",
    )


def test_a_resumed_zip_starts(bench: Bench) -> None:
    url = f"http://127.0.0.1:{bench.port}/zip"
    waits: list[float] = []
    with httpx.Client() as client:
        for number in range(20):
            start = {"Range": f"bytes={number * 100_000_000}-"}
            began = time.monotonic()
            with client.stream("GET", url, headers=start) as answer:
                next(answer.iter_raw(1))
                waits.append(time.monotonic() - began)
                answer.close()
    median, slowest = statistics.median(waits) * 1000, max(waits) * 1000
    print(f"\n  first byte of a resumed zip: median {median:.1f} ms, slowest {slowest:.1f} ms")


async def test_slow_readers(bench: Bench) -> None:
    """Many at once, each as slow as a poor line."""
    before = _memory(bench.server.pid)
    most = before
    errors = 0

    async def read() -> None:
        nonlocal errors
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=65_536)
            writer.write(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                if not await reader.read(RATE // 5):
                    errors += 1
                    break
                await asyncio.sleep(0.2)
            writer.transport.abort()
        except OSError:
            errors += 1

    tasks = [asyncio.create_task(read()) for _ in range(READERS)]
    while not all(task.done() for task in tasks):
        most = max(most, _memory(bench.server.pid))
        await asyncio.sleep(0.25)
    await asyncio.gather(*tasks)
    print(
        f"\n  {READERS} readers of {RATE // 1000} kB/s: {errors} errors,"
        f" memory {before / 1e6:.0f} MB -> at most {most / 1e6:.0f} MB"
    )
