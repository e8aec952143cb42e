"""The commands that pages offer: run again, they continue, verify, and write no file twice."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.drivers.site.browser import Reader

KIDNEY = "LADAF-2021-17_kidney_left_VOI-01.1_2.6um_bm05"
CHOICES = f"/datasets/{KIDNEY}/download?level=0"
ON_TAPE = "LADAF-2021-17_kidney_right_VOI-01_6.5um_bm05"  # two files of it; nobody requests them
SECONDS = 120


def command_of(page: Page, tool: str) -> str:
    """Returns the command that is shown below the name of the tool."""
    heading = page.get_by_role("heading", name=tool, exact=True)
    return heading.locator("xpath=following::pre[1]").inner_text()


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
        timeout=SECONDS,
    )  # fmt: skip


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Contents and times of files."""
    return {
        str(one.relative_to(folder)): (one.read_bytes(), one.stat().st_mtime_ns)
        for one in folder.rglob("*")
        if one.is_file()
    }


@pytest.mark.parametrize(
    ("choice", "tool"), [("aria2", "aria2"), ("shell", "wget"), ("shell", "curl")]
)
def test_a_command_of_the_download_page_may_be_run_twice(
    plain_reader: Reader, tmp_path: Path, choice: str, tool: str
) -> None:
    plain_reader.page.goto(f"{CHOICES}&tool={choice}")
    command = command_of(plain_reader.page, tool)
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    first = files(tmp_path)
    assert first
    assert all(name.startswith(f"{KIDNEY}/volume.ome.zarr/0/") for name in first)
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == first
    if tool != "aria2":
        assert "complete and verified, 0 of them downloaded now." in done.stdout


@pytest.mark.parametrize("tool", ["aria2", "wget", "curl"])
def test_a_command_of_the_dataset_page_ends_where_files_are_on_tape(
    plain_reader: Reader, tmp_path: Path, tool: str
) -> None:
    plain_reader.page.goto(f"/datasets/{ON_TAPE}")
    command = command_of(plain_reader.page, tool)
    found: set[str] = set()
    for _ in range(2):
        done = run(command, tmp_path)
        assert done.returncode != 0
        assert tool == "aria2" or "On tape: 2. Request them" in done.stderr
        before, found = found, {name for name, (content, _) in files(tmp_path).items() if content}
        assert f"{ON_TAPE}/metadata.json" in found
        assert not before or found == before
