"""`python -m tests.bench.site.lighthouse URL`: judges pages of a running portal by Lighthouse.

The npm package is fetched when the command runs; it is no dependency of the site. Exit code 1: a
page misses an aim: accessibility and best practices 1.0, largest paint and shift on a desktop.
`PORTAL_LIGHTHOUSE_PAGES` names the pages to judge; without it all are.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.site.measured import KIDNEY
from tests.drivers.site.browser import PROGRAM, SWITCHES

ROOT = Path(__file__).parents[3]
PACKAGE = "lighthouse@13.5.0"
PAGES = {
    "home": "/",
    "search": "/search?q=kidney",
    "dataset": f"/datasets/{KIDNEY}",
    "document": "/documents/human-organ-atlas",
    "viewer": f"/datasets/{KIDNEY}/view",
    "download": f"/datasets/{KIDNEY}/download",
}
CATEGORIES = ("accessibility", "best-practices")
PAINT_SECONDS, SHIFT = 2.5, 0.05


def main() -> None:
    url = sys.argv[1].rstrip("/")
    wanted = os.environ.get("PORTAL_LIGHTHOUSE_PAGES", "").split() or list(PAGES)
    print(f"{'':10}{'accessibility':>14}{'best practices':>16}{'largest paint':>15}{'shift':>8}")
    results = [_judge(name, url + PAGES[name]) for name in wanted]
    sys.exit(0 if all(results) else 1)


def _judge(name: str, address: str) -> bool:
    """Prints what Lighthouse finds on a page; returns whether all aims are met."""
    report = _report(address)
    scores = [report["categories"][one]["score"] or 0.0 for one in CATEGORIES]
    paint = _number(report, "largest-contentful-paint") / 1000
    shift = _number(report, "cumulative-layout-shift")
    print(f"{name:10}{scores[0]:14.2f}{scores[1]:16.2f}{paint:13.2f} s{shift:8.3f}", flush=True)
    for category in CATEGORIES:
        for reference in report["categories"][category]["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
                print(f"  {audit['id']}: {audit['title']}\n{_details(audit)}")
    return min(scores) == 1 and paint <= PAINT_SECONDS and shift <= SHIFT


def _report(address: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        subprocess.run(
            [
                *(str(ROOT / "deploy" / "node"), "npm", "exec", "--yes", f"--package={PACKAGE}"),
                *("--", "lighthouse", address, "--preset=desktop", "--quiet", "--output=json"),
                f"--only-categories=performance,{','.join(CATEGORIES)}",
                f"--output-path={file}",
                f"--chrome-flags=--headless=new {' '.join(SWITCHES)}",
            ],
            env={**os.environ, "CHROME_PATH": PROGRAM},
            check=True,
        )
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def _number(report: dict[str, Any], audit: str) -> float:
    """Returns the figure of an audit; infinity where it could not be measured."""
    value = report["audits"][audit].get("numericValue")
    return float("inf") if value is None else float(value)


def _details(audit: dict[str, Any]) -> str:
    items = audit.get("details", {}).get("items", [])
    return "\n".join(f"    {json.dumps(item)[:400]}" for item in items[:5])


if __name__ == "__main__":
    main()
