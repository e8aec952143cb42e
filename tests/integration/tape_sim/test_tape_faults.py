"""Files that fail, are lost or come back damaged; calls that go wrong."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest


@pytest.fixture
def path(tape: Any, folder: str) -> str:
    tape.write(f"{folder}/a")
    return f"{folder}/a"


@pytest.mark.parametrize("reason", ["Tape backend is unreachable", None])
def test_a_recall_fails_with_or_without_a_reason(tape: Any, path: str, reason: str | None) -> None:
    tape.fault(effect="fail", path=path, reason=reason, times=2)
    for _ in range(2):
        file = tape.settled(tape.stage(path))[path]
        assert file["state"] == "FAILED"
        assert file.get("error") == reason
    assert tape.settled(tape.stage(path))[path]["state"] == "COMPLETED"


def test_a_failing_file_does_not_stop_the_others(tape: Any, folder: str) -> None:
    paths = [f"{folder}/{n}" for n in range(5)]
    for path in paths:
        tape.write(path)
    tape.fault(effect="fail", path=paths[2])
    states = {p: f["state"] for p, f in tape.settled(tape.stage(*paths)).items()}
    assert states == {p: "FAILED" if p == paths[2] else "COMPLETED" for p in paths}


@pytest.mark.parametrize("effect", ["lost", "unavailable"])
def test_lost_and_unavailable_files_are_reported_until_cleared(
    tape: Any, path: str, effect: str
) -> None:
    tape.fault(effect=effect, path=f"{path[:-1]}*")
    for _ in range(2):
        assert tape.locality(path) == [effect.upper()]
        assert effect in tape.settled(tape.stage(path))[path]["error"]
    tape.http.delete("/_faults")
    assert tape.locality(path) == ["TAPE"]
    assert tape.settled(tape.stage(path))[path]["state"] == "COMPLETED"


def test_a_damaged_copy_differs_in_one_bit(tape: Any, path: str) -> None:
    content = tape.write(path)
    tape.fault(effect="corrupt", path=path)
    assert tape.settled(tape.stage(path))[path]["state"] == "COMPLETED"
    answer = tape.http.get(path)
    differing = [a ^ b for a, b in zip(answer.content, content, strict=True) if a != b]
    assert differing == [1]
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'


def test_the_next_calls_answer_with_a_problem(tape: Any, path: str) -> None:
    tape.fault(effect="status", status=429, retry_after=3, times=2, kind="POST /stage")
    for _ in range(2):
        answer = tape.http.post("/api/v1/stage", json={"files": [{"path": path}]})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "3"
        assert answer.json()["title"] == "Too Many Requests"
    assert tape.settled(tape.stage(path))[path]["state"] == "COMPLETED"
    assert tape.counts()["stage_requests"] == 1
    assert tape.counts()["answers"]["POST /stage 429"] == 2


def test_a_request_may_be_accepted_and_its_answer_lost(tape: Any, path: str) -> None:
    tape.fault(effect="drop", when="after", kind="POST /stage")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        tape.stage(path)
    tape.settled(tape.stage(path))
    assert tape.counts()["recalls"] == {path: 1}


def test_calls_are_counted_by_kind(tape: Any, path: str) -> None:
    made = tape.stage(path)
    tape.settled(made)
    tape.send_paths("release", made, [path])
    tape.send_paths("cancel", made, [path])
    tape.http.head(path)
    calls = tape.counts()["calls"]
    assert calls.pop("GET /stage/{id}") > 0
    assert calls == {
        "POST /stage": 1,
        "POST /release/{id}": 1,
        "POST /stage/{id}/cancel": 1,
        "HEAD /{path}": 1,
    }
    tape.http.delete("/_calls")
    assert tape.counts()["recalls"] == {}
    assert tape.counts()["mounts"] == 0


def test_a_fault_that_does_not_exist_is_refused(tape: Any) -> None:
    assert tape.http.post("/_faults", json={"effect": "handle"}).status_code == 422
    assert tape.http.post("/_faults", content=b"?").status_code == 400


def test_a_drive_outlives_a_file_it_cannot_write(start: Callable[..., Any]) -> None:
    tape = start("--drives", "1")
    tape.write("/f/a")
    tape.write("/g/b")
    (tape.buffer / "f").write_bytes(b"where a folder should be")
    assert tape.settled(tape.stage("/f/a"))["/f/a"]["state"] == "FAILED"
    assert tape.settled(tape.stage("/g/b"))["/g/b"]["state"] == "COMPLETED"
