"""A folder with one dataset, and `portal curate` on it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal_cli.main import app
from typer.testing import CliRunner

PANET = "http://purl.org/pan-science/PaNET/PaNET01333"
CLAIMS: dict[str, Any] = {"voxel_size": "25 um", "shape_x": 6, "shape_y": 5, "shape_z": 4}


@dataclass
class Result:
    code: int
    problems: list[tuple[str, str]]
    warnings: list[tuple[str, str]]

    def about(self, *words: str) -> list[tuple[str, str]]:
        found = [*self.problems, *self.warnings]
        return [p for p in found if all(word in " ".join(p) for word in words)]


@dataclass
class CuratedFolder:
    path: Path

    def metadata(self, claims: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "document": {
                "name": "D1_kidney",
                "title": "Kidney of donor D1",
                "members": [{"person": {"id": "p", "full_name": "Ada Lovelace"}}],
            },
            "datasets": [
                {
                    "name": "overview",
                    "title": "Overview of the kidney",
                    "created": "2026-11-20T09:30:00Z",
                    "instrument": {"pid": "ESRF-BM18", "name": "BM18", "facility": "ESRF"},
                    "techniques": [{"pid": PANET, "name": "PPC-SrCT"}],
                    "members": [{"person": {"id": "p", "full_name": "Ada Lovelace"}}],
                    "samples": [{"pid": "D1_kidney", "name": "D1_kidney"}],
                    "parameters": {"organ": "kidney", **claims},
                    **more,
                }
            ],
        }

    def curate(self, **claims: Any) -> Result:
        """Runs the command with these parameters; those of CLAIMS by default."""
        return self.curate_metadata(self.metadata({**CLAIMS, **claims}))

    def curate_metadata(
        self, given: Any, name: str = "metadata.json", options: Sequence[str] = ()
    ) -> Result:
        text = given if isinstance(given, str) else json.dumps(given)
        (self.path / name).write_text(text, "utf-8")
        job = self.path.with_name("job.json")
        ran = CliRunner().invoke(
            app, ["curate", str(self.path), "--output", str(job), "--json", *options]
        )
        found = json.loads(ran.stdout)
        assert (ran.exit_code == 0) == (found["problems"] == [])
        return Result(
            ran.exit_code,
            [(p["field"], p["reason"]) for p in found["problems"]],
            [(p["field"], p["reason"]) for p in found["warnings"]],
        )
