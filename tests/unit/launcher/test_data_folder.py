"""The data folder is for its owner alone; what is in it says how the instance is used."""

import stat
from pathlib import Path

import pytest
from portal_local.launcher import supervisor
from portal_local.launcher.layout import Layout, make_private, operator_token, read_instance
from portal_local.launcher.ports import NotStarted, free_port
from portal_local.launcher.supervisor import Supervisor


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def started(layout: Layout) -> None:
    made = Supervisor(layout, port=free_port(), print_line=lambda _: None)
    try:
        made.start(empty=False)
    finally:
        made.stop()


@pytest.mark.parametrize("entries", [None, [], ["archive", "instance.lock", "portal.log"]])
def test_a_data_folder_is_private(tmp_path: Path, entries: list[str] | None) -> None:
    layout = Layout(tmp_path / "data")
    if entries is not None:
        layout.root.mkdir(mode=0o755)
        for name in entries:
            (layout.root / name).touch()
    make_private(layout)
    assert mode(layout.root) == 0o700


def test_a_folder_with_other_things_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    tmp_path.chmod(0o755)
    make_private(Layout(tmp_path))
    assert mode(tmp_path) == 0o755


def test_the_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    token = operator_token(layout, {})
    assert len(token) >= 40
    assert operator_token(layout, {}) == token == layout.token_file.read_text("utf-8").strip()
    assert mode(layout.token_file) == 0o600
    assert operator_token(Layout(tmp_path / ".."), {}) != token


def test_a_given_token_replaces_that_of_the_instance(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    operator_token(layout, {})
    assert operator_token(layout, {"PORTAL_OPERATOR_TOKEN": "given"}) == "given"
    assert layout.token_file.read_text("utf-8") == "given\n"
    assert mode(layout.token_file) == 0o600


def test_the_intake_folder_is_the_archive_or_the_given_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert layout.intake_root({}) == tmp_path / "archive"
    assert layout.intake_root({"PORTAL_INTAKE_ROOT": "/srv/in"}) == Path("/srv/in")


def test_no_instance_starts_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(NotStarted, match=r"disk of the data folder .* is full: \d+ MB are free"):
        started(Layout(tmp_path))
    assert not (tmp_path / "rabbitmq").exists()


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotStarted, match=r"cannot be used: .* --data"):
            started(Layout(path))


@pytest.mark.parametrize("content", ["", "{", "\udcff"])
def test_an_instance_file_that_is_not_json_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "instance.json").write_text(content, "utf-8", errors="surrogateescape")
    assert read_instance(Layout(tmp_path)) is None
