"""The conformance kit of the search API, on both of its corpora; skipped where there is no kit."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.drivers.corpora import Corpora
from tests.drivers.portal import Portal
from tests.drivers.process import served


@pytest.mark.parametrize("name", ["panosc", "pan"])
async def test_every_case_passes(
    name: str, portal: Portal, corpora: Corpora, tmp_path: Path
) -> None:
    await portal.publish(corpora.events(name))
    await portal.wait_indexed()
    async with served(portal.gateway) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(corpora.folder / "conformance.py"),
            *("--base", f"http://127.0.0.1:{port}/api", "--corpus", name),
            *("--json", str(tmp_path / "out.json")),
            stdout=asyncio.subprocess.PIPE,
        )
        found, _ = await process.communicate()
    failed = [r for r in json.loads((tmp_path / "out.json").read_text())["results"] if not r["ok"]]
    assert failed == []
    assert process.returncode == 0, found.decode()
