"""Opening files below a folder: no link leads out of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from portal_shared.runtime.safe_open import folder_below, open_regular_file


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "file").write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("y")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "a" / "linked").symlink_to(tmp_path / "outside" / "secret")
    descriptor = os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_a_file_below_the_folder_is_opened(root: int) -> None:
    with folder_below(root, ["a"]) as folder:
        descriptor = open_regular_file(folder, "file")
    assert os.read(descriptor, 10) == b"x"
    os.close(descriptor)


@pytest.mark.parametrize("names", [["link"], ["a", "missing"], ["a", "file"]])
def test_links_and_missing_folders_are_refused(root: int, names: list[str]) -> None:
    with pytest.raises(OSError), folder_below(root, names):  # noqa: PT011  # any of its kinds
        pass


@pytest.mark.parametrize("name", ["linked", "missing"])
def test_a_linked_or_missing_file_is_refused(root: int, name: str) -> None:
    with folder_below(root, ["a"]) as folder, pytest.raises(OSError):  # noqa: PT011
        open_regular_file(folder, name)


def test_a_folder_is_not_a_regular_file(root: int) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        open_regular_file(root, "a")


def test_missing_folders_are_made_on_request(root: int, tmp_path: Path) -> None:
    with folder_below(root, ["a", "new", "inner"], create=True):
        pass
    assert (tmp_path / "root" / "a" / "new" / "inner").is_dir()


def test_no_descriptor_stays_open(root: int) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for names in (["a"], ["link"], ["a", "missing"]):
        try:
            with folder_below(root, names):
                pass
        except OSError:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before
