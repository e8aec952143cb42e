"""`make dashboard` draws the dashboard of the pipeline from figures of `portal demo`.

It runs the demo and Prometheus until the Atlas is indexed, and writes docs/dashboard.svg. The
queries are those of deploy/monitoring/dashboards; a number limits the documents.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from portal_local.launcher.ports import free_port

from tests.drivers.deployment import prometheus
from tests.drivers.deployment.dashboard_drawing import Line, drawing, lines_of

ROOT = Path(__file__).parents[3]
BOARD = ROOT / "deploy" / "monitoring" / "dashboards" / "pipeline.json"
FILE = ROOT / "docs" / "dashboard.svg"
POINTS = 240  # of a line
START_SECONDS = 300
REST_SECONDS = 30  # at the end, until what was done last is in all figures


def shown(server: prometheus.Prometheus, began: float, ended: float) -> dict[int, list[Line]]:
    """Returns the lines of each panel of the dashboard, by its id."""
    step = max((ended - began) / POINTS, prometheus.SCRAPE_SECONDS)
    return {
        panel["id"]: [
            line
            for target in panel["targets"]
            for line in lines_of(
                server.series(target["expr"], began, ended, step), target["legendFormat"]
            )
        ]
        for panel in json.loads(BOARD.read_text("utf-8"))["panels"]
    }


def wait_for_instance(demo: subprocess.Popen[bytes], data: Path) -> None:
    """Returns when the addresses of the services are known. Raises RuntimeError if they are not."""
    end = time.monotonic() + START_SECONDS
    while not ((data / "instance.json").exists() and (data / "operator-token").exists()):
        if demo.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the demo has not started")
        time.sleep(0.2)


def picture(folder: Path, limit: int | None) -> str:
    """Runs the demo with all documents or the first `limit`; returns the picture of its end."""
    data = folder / "portal"
    command = [
        sys.executable, "-m", "portal_cli.main", "demo", "--data", str(data),
        "--port", str(free_port()), *(["--limit", str(limit)] if limit else []),
    ]  # fmt: skip
    log = folder / "demo.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for_instance(demo, data)
            with prometheus.running(data, folder / "prometheus") as server:
                began = time.time()
                while b"Ctrl-C" not in log.read_bytes():
                    if demo.poll() is not None:
                        raise RuntimeError(log.read_text("utf-8")[-2000:])
                    time.sleep(1)
                time.sleep(REST_SECONDS)
                lines = shown(server, began, time.time())
        finally:
            demo.terminate()
            demo.wait(120)
    board = json.loads(BOARD.read_text("utf-8"))
    return drawing(board, lines, f"{board['title']}, while the Human Organ Atlas is imported")


def main() -> None:
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        made = picture(Path(folder), limit)
    FILE.write_text(made, "utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
