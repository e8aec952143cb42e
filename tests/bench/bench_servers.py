"""The ASGI servers that could run the downloader, each alone with one large file, beside nginx.

`stock` is Starlette's FileResponse, which hands a path to servers that take one
(`http.response.pathsend`); `ours` is what the downloader answers; `a range` half of that. Servers
that are not installed are left out: `uv run --with granian --with hypercorn -- make bench`.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from portal_local.launcher.ports import free_port, listens, wait_until
from portal_local.launcher.processes import Child

from tests.bench.bench_serving import HERE, LARGE, NGINX, Bench
from tests.bench.loads.serving import Figures, fetched, in_turns, serve_apart, table

RUNS = 3
COMMANDS = {
    "uvicorn": ("uvicorn", "--factory", "serving_app:build", "--no-access-log", "--port"),
    "granian": ("granian", "--interface", "asgi", "--factory", "serving_app:build", "--port"),
    "hypercorn": ("hypercorn", "serving_app:build()", "--bind"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    made = Bench(tmp_path_factory.mktemp("servers"))
    yield made
    made.stop()


def test_servers(bench: Bench, tmp_path: Path) -> None:
    base = "nginx"
    alone = f"http://127.0.0.1:{bench.front}/alone/{bench.large}"
    ways: dict[str, Callable[[], Figures]] = {
        base: partial(fetched, alone, servers=[bench.nginx.pid])
    }
    with ExitStack() as stack:
        for name in COMMANDS:
            if importlib.util.find_spec(name) is None:
                print(f"\n{name} is not installed")
                continue
            server, url = _started(name, bench.folder, tmp_path)
            stack.callback(server.stop)
            half = ("-H", f"Range: bytes={LARGE // 2}-")
            ways[f"{name}, stock"] = partial(fetched, f"{url}/stock", servers=[server.pid])
            ways[f"{name}, ours"] = partial(fetched, f"{url}/file", servers=[server.pid])
            ways[f"{name}, a range"] = partial(fetched, f"{url}/file", *half, servers=[server.pid])
        table(in_turns(ways, RUNS), lambda _: base)


def _started(name: str, folder: Path, logs: Path) -> tuple[Child, str]:
    port = free_port()
    where = f"127.0.0.1:{port}" if name == "hypercorn" else str(port)
    environment = {"BENCH_FOLDER": str(folder), "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", *COMMANDS[name], where]
    server = Child(name, command, log=logs / f"{name}.log", environment=environment)
    wait_until(lambda: listens(port), server, 60)
    serve_apart(server.pid)
    return server, f"http://127.0.0.1:{port}"
