"""The documentation refers only to files and modules that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("services/*/README.md"),
]
PACKAGES = [
    *ROOT.glob("services/*/src/portal_*"),
    *ROOT.glob("shared/src/portal_shared"),
    *ROOT.glob("cli/src/portal_cli"),
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MODULE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_module_in_the_architecture_exists() -> None:
    names = MODULE.findall((ROOT / "docs/architecture.md").read_text())
    roots = [ROOT, *PACKAGES]
    assert [name for name in names if not any((root / name).exists() for root in roots)] == []
