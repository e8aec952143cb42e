"""The command as people use it: help is quick, nothing is cut, no argument shows a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from portal_cli import command_group
from portal_cli.main import app
from portal_cli.terminal import print_table
from portal_local.launcher.ports import free_port
from typer.testing import CliRunner, Result

HEAVY = {"aio_pika", "faststream", "h5py", "httpx", "numpy", "pydantic", "rich", "zarr"}
HELP = """
import sys
from portal_cli.main import app
try:
    app({arguments!r})
except SystemExit as ended:
    assert not ended.code
    print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)
"""
SERVICES = ("ingest", "doi", "indexer", "downloader", "gateway")


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, arguments, env=variables)


def in_process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portal_cli.main", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [(["--help"], set[str]()), (["--version"], set[str]()), (["curate", "--help"], {"pydantic"})],
)
def test_help_loads_no_library_that_is_slow_to_import(
    arguments: list[str], allowed: set[str]
) -> None:
    script = HELP.format(arguments=arguments, heavy=HEAVY - allowed)
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize("name", command_group.ENTRIES)
def test_every_command_is_listed_with_the_first_sentence_of_its_help(name: str) -> None:
    command = command_group.load(name)
    assert command.help.replace("\n", " ").strip().startswith(command_group.ENTRIES[name].summary)
    assert name in run("--help").stdout


def test_every_command_is_documented_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    names = {"import": "import hoa", "dead-letters": "dead-letters list"}
    for name in command_group.ENTRIES:
        assert f"portal {names.get(name, name)}" in readme


def test_a_misspelt_command_is_corrected() -> None:
    result = run("statsu")
    assert result.exit_code == 2
    assert "Did you mean 'status'?" in result.output


def test_names_are_completed() -> None:
    variables = {"_PORTAL_COMPLETE": "complete_bash", "COMP_WORDS": "portal st", "COMP_CWORD": "1"}
    script = "import sys; sys.argv[0] = 'portal'; from portal_cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stdout.split() == ["status"]


def test_a_table_cuts_nothing_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    ids = ["a" * 128, "10.5072/" + "b" * 200]
    print_table(
        ("id", "state", "reason"), [(ids[0], "", "r" * 500), (ids[1], "done", "two\nlines")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", *ids]
    assert lines[1].split() == [ids[0], "-", "r" * 500]


ODD = [
    ("up", "--port", "0"),
    ("up", "--port", "65536"),
    ("up", "--port", "-1"),
    ("demo", "--port", "99999999999999999999"),
    ("demo", "--limit", "0"),
    ("jobs", ""),
    ("jobs", " "),
    ("jobs", "--limit", "0"),
    ("wait", "--timeout", "nan"),
    ("wait", "--timeout", "inf"),
    ("wait", "--timeout", "-1"),
    ("reindex", "--timeout", "x"),
    ("topology",),
    ("topology", "--plan", "--apply"),
    ("doi", "show", ""),
    ("doi", "reserve", ""),
    ("doi", "reserve", "x", "--level", "volume"),
    ("doi", "publish", "x", "--timeout", "nan"),
    ("tape", "failures", "--state", "asleep"),
    ("submit",),
    ("submit", "no-such-file.json"),
    ("submit", "."),
    ("import", "panosc", "."),
    ("import", "panosc", "no-such-file.json"),
    ("import", "hoa", "--donor", "nobody"),
    ("import", "hoa", "--limit", "0"),
    ("curate",),
    ("curate", "no-such-folder"),
    ("curate", ".", "--metadata", "."),
    ("curate", ".", "--profile", "../secret"),
    ("curate", ".", "--output", "."),
    ("curate", ".", "--output", "no-such-folder/job.json"),
    ("curate", "--explain", ""),
    ("get",),
    ("get", "x", "--url", "nonsense"),
    ("get", "x", "--url", "http://[::1"),
    ("get", "x", "--url", "file:///etc/passwd"),
    ("nonsense",),
    ("--nonsense",),
]


@pytest.mark.parametrize("arguments", ODD, ids=" ".join)
def test_wrong_arguments_are_refused_in_a_sentence(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, PORTAL_DATA=str(tmp_path))
    assert result.exit_code == 2, result.output
    assert result.output.strip()
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


WITHOUT_INSTANCE = [
    ("status",),
    ("wait", "--timeout", "1"),
    ("jobs",),
    ("jobs", "x"),
    ("reindex",),
    ("doi", "show", "x"),
    ("doi", "audit"),
    ("tape", "failures"),
    ("topology", "--plan"),
    ("dead-letters", "list"),
    ("dead-letters", "replay", ""),
    ("import", "hoa", "--no-files", "--limit", "1"),
    ("get", "x"),
]


@pytest.mark.parametrize("arguments", WITHOUT_INSTANCE, ids=" ".join)
@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"pid": 1}', "\udcff"])
def test_without_an_instance_every_command_states_how_to_start_one(
    arguments: tuple[str, ...], content: str | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "instance.json").write_text(content, "utf-8", errors="surrogateescape")
    result = run(*arguments, "--data", str(tmp_path))
    assert result.exit_code == 3, result.output
    assert "No portal is running" in result.output


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("up", "down", "status", "jobs", "demo"):
        result = run(name, "--data", str(tmp_path / "file"))
        assert result.exit_code == 2
        assert "is a file, not a folder" in result.output


@pytest.mark.parametrize(
    ("arguments", "variable", "scheme"),
    [
        (("dead-letters", "list"), "PORTAL_AMQP_URL", "amqp"),
        (("import", "hoa", "--no-files", "--limit", "1"), "PORTAL_AMQP_URL", "amqp"),
        (("get", "x"), "PORTAL_URL", "http"),
        (("jobs",), "PORTAL_INGEST_URL", "http"),
        (("doi", "show", "x"), "PORTAL_DOI_URL", "http"),
        (("tape", "failures"), "PORTAL_DOWNLOADER_URL", "http"),
        (("reindex",), "PORTAL_INDEXER_URL", "http"),
    ],
)
def test_an_address_of_a_variable_is_reported_when_it_is_unreachable_or_wrong(
    arguments: tuple[str, ...], variable: str, scheme: str, tmp_path: Path
) -> None:
    others = {f"PORTAL_{name.upper()}_URL": "http://127.0.0.1:1" for name in SERVICES}
    url = f"{scheme}://127.0.0.1:{free_port()}"
    given = url.replace("//", "//user:secret@")
    result = run(*arguments, "--data", str(tmp_path), **{**others, variable: given})
    assert result.exit_code == 3, result.output
    assert f"{variable}={url} is not reachable" in result.output
    wrong = run(*arguments, "--data", str(tmp_path), **{**others, variable: "somewhere"})
    assert wrong.exit_code == 2, wrong.output
    assert "somewhere is not" in wrong.output


def test_a_variable_that_is_no_setting_is_reported(tmp_path: Path) -> None:
    url = f"amqp://127.0.0.1:{free_port()}"
    for value in ("often", '[1, "x"]'):
        result = run("dead-letters", "list", PORTAL_AMQP_URL=url, PORTAL_RETRY_DELAYS=value)
        assert result.exit_code == 2, result.output
        assert "retry_delays" in result.output.lower()


def test_errors_that_nobody_expects_are_one_line(tmp_path: Path) -> None:
    name = "x" * 300  # too long for a file system
    result = in_process("jobs", PORTAL_DATA=str(tmp_path / name))
    assert result.returncode == 1
    assert "name too long" in result.stderr.lower()
    assert "Traceback" not in result.stderr


def test_down_forgets_an_instance_that_ended_and_sends_no_signal(tmp_path: Path) -> None:
    facts = {"pid": os.getpid(), "gateway": "", "amqp_url": "", "services": {}, "servers": {}}
    (tmp_path / "instance.json").write_text(json.dumps(facts), "utf-8")
    result = run("down", "--data", str(tmp_path))
    assert result.exit_code == 0
    assert not (tmp_path / "instance.json").exists()
