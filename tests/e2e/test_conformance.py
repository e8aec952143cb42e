"""The conformance kit of the search API, with records imported by `portal import panosc`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drivers.instance import started

KIT = Path(
    os.environ.get("PORTAL_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance"
)


@pytest.mark.skipif(
    not (KIT / "conformance.py").exists(),
    reason="the conformance kit is missing; set PORTAL_CONFORMANCE to its folder",
)
@pytest.mark.parametrize("corpus", ["panosc", "pan"])
def test_every_level_passes_through_the_whole_pipeline(corpus: str, tmp_path: Path) -> None:
    portal = started(tmp_path / "data", "--empty")
    try:
        portal.done("import", "panosc", str(KIT / "fixtures" / f"{corpus}.json"))
        portal.done("wait", "--timeout", "300", timeout=400)
        report = tmp_path / "report.json"
        run = subprocess.run(
            [sys.executable, str(KIT / "conformance.py"), "--base", f"{portal.url}/api",
             "--corpus", corpus, "--json", str(report)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        results = json.loads(report.read_text("utf-8"))["results"]
        assert [r for r in results if not r["ok"]] == []
        assert len(results) > 50
        assert run.returncode == 0, run.stdout
    finally:
        portal.run("down")
