"""WLCG Tape REST API v1, as specified."""

from collections.abc import Callable
from typing import Any

import pytest

API = "/api/v1"
Until = Callable[[Callable[[], bool]], None]


def test_discovery_names_one_endpoint_of_version_1(tape: Any) -> None:
    reported = tape.http.get("/.well-known/wlcg-tape-rest-api").json()
    assert reported["sitename"]
    assert [e["version"] for e in reported["endpoints"]] == ["v1"]
    assert reported["endpoints"][0]["uri"] == f"{tape.url}{API}"


def test_a_request_is_accepted_with_its_address(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/a")
    answer = tape.http.post(f"{API}/stage", json={"files": [{"path": f"{folder}/a"}]})
    assert answer.status_code == 201
    made = answer.json()["requestId"]
    assert answer.headers["location"] == f"{tape.url}{API}/stage/{made}"
    assert tape.http.get(answer.headers["location"]).json()["id"] == made


def test_every_file_is_brought_to_disk_and_its_times_are_reported(tape: Any, folder: str) -> None:
    paths = [f"{folder}/{n}" for n in range(3)]
    for path in paths:
        tape.write(path)
    assert tape.locality(*paths) == ["TAPE"] * 3
    made = tape.stage(*paths)
    files = tape.settled(made)
    assert files.keys() == set(paths)
    for file in files.values():
        assert file["state"] == "COMPLETED"
        assert "error" not in file
        assert file["startedAt"] <= file["finishedAt"]
    reported = tape.poll(made)
    assert reported["createdAt"] <= reported["startedAt"] <= reported["completedAt"]
    assert reported["completedAt"] < 10**11
    assert tape.locality(*paths) == ["DISK_AND_TAPE"] * 3


def test_a_file_on_disk_is_completed_at_once(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/a")
    tape.settled(tape.stage(f"{folder}/a"))
    assert tape.states(tape.stage(f"{folder}/a")) == {f"{folder}/a": "COMPLETED"}
    assert tape.counts()["recalls"] == {f"{folder}/a": 1}


def test_files_that_cannot_be_staged_fail_one_by_one(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/sub/good")
    tape.write(f"{folder}/empty", 0)
    names = ("sub/good", "sub", "empty", "missing", "sub/good/deeper", "x" * 300)
    files = tape.settled(tape.stage(*(f"{folder}/{name}" for name in names)))
    states = [files[f"{folder}/{name}"]["state"] for name in names]
    assert states == ["COMPLETED", *["FAILED"] * 5]
    assert "directory" in files[f"{folder}/sub"]["error"]
    assert "empty" in files[f"{folder}/empty"]["error"]
    assert "does not exist" in files[f"{folder}/missing"]["error"]


def test_foreign_metadata_and_unknown_keys_are_ignored(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/a")
    response = {
        "files": [{"path": f"{folder}/a", "targetedMetadata": {"elsewhere": {"x": 1}}, "new": 2}],
        "newer": 3,
    }
    assert tape.http.post(f"{API}/stage", json=response).status_code == 201


def test_cancelled_files_are_not_recalled(start: Callable[..., Any], folder: str) -> None:
    tape = start("--drives", "1", "--mount", "400")
    paths = [f"{folder}/{n}" for n in range(4)]
    for path in paths:
        tape.write(path)
    made = tape.stage(*paths)
    assert tape.send_paths("cancel", made, paths[1:]).status_code == 200
    files = tape.settled(made)
    assert [files[p]["state"] for p in paths] == ["COMPLETED", *["CANCELLED"] * 3]
    assert tape.counts()["recalls"] == {paths[0]: 1}
    assert tape.send_paths("release", made, paths).status_code == 200


def test_a_cancel_with_a_foreign_path_changes_nothing(
    start: Callable[..., Any], folder: str
) -> None:
    tape = start("--mount", "400")
    tape.write(f"{folder}/mine")
    made = tape.stage(f"{folder}/mine")
    for call in ("cancel", "release"):
        refused = tape.send_paths(call, made, [f"{folder}/mine", "/foreign"])
        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json() == {
            "title": "File missing from stage request",
            "status": 400,
            "detail": f"The file /foreign does not belong to the STAGE request {made}."
            " No modification has been made to this request.",
        }
    assert tape.settled(made)[f"{folder}/mine"]["state"] == "COMPLETED"


def test_a_deleted_request_is_forgotten_and_its_recalls_are_off(
    start: Callable[..., Any], folder: str, until: Until
) -> None:
    tape = start("--mount", "400")
    tape.write(f"{folder}/a")
    made = tape.stage(f"{folder}/a")
    assert tape.http.delete(f"{API}/stage/{made}").status_code == 200
    assert tape.http.get(f"{API}/stage/{made}").status_code == 404
    assert tape.http.delete(f"{API}/stage/{made}").status_code == 404
    until(lambda: tape.http.get("/_tape").json()["waiting"] == {})
    assert tape.counts()["recalls"] == {}
    assert tape.locality(f"{folder}/a") == ["TAPE"]


def test_requests_that_are_not_known_are_not_found(tape: Any) -> None:
    for answer in (
        tape.http.get(f"{API}/stage/nope"),
        tape.send_paths("cancel", "nope", ["/a"]),
        tape.send_paths("release", "nope", ["/a"]),
    ):
        assert answer.status_code == 404
        assert answer.json()["title"]


def test_archiveinfo_answers_every_path_once(tape: Any, folder: str) -> None:
    tape.write(f"{folder}/a")
    tape.write(f"{folder}/empty", 0)
    response = [f"{folder}//a", f"{folder}/./a", f"{folder}/empty", f"{folder}/no"]
    reported = tape.http.post(f"{API}/archiveinfo", json={"paths": response}).json()
    assert reported == [
        {"path": f"{folder}/a", "locality": "TAPE"},
        {"path": f"{folder}/empty", "locality": "NONE"},
        {
            "path": f"{folder}/no",
            "error": "USER ERROR: file does not exist or is not accessible to you",
        },
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"files": [], "paths": []}',
        b'{"files": {}, "paths": {}}',
        b'{"files": [{}], "paths": [7]}',
        b'{"files": [{"path": ""}], "paths": [""]}',
        b'{"files": [{"path": "/a/../../etc/passwd"}], "paths": ["/a/../../etc/passwd"]}',
        b'{"files": [{"path": "/a\\u0000b"}], "paths": ["/a\\u0000b"]}',
        b'{"files": [{"path": "/\\ud800"}], "paths": ["/\\ud800"]}',
        b'{"files": [{"path": "///"}], "paths": ["/./"]}',
        b'{"files": [{"path": "/a", "diskLifetime": "a day"}], "paths": ["' + b"x" * 5000 + b'"]}',
    ],
)
def test_a_body_that_is_wrong_is_a_problem(tape: Any, body: bytes) -> None:
    for call in ("stage", "archiveinfo"):
        answer = tape.http.post(f"{API}/{call}", content=body)
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 400
        assert answer.json()["detail"]


def test_an_empty_list_is_refused_in_the_words_of_the_field(tape: Any) -> None:
    answer = tape.http.post(f"{API}/archiveinfo", json={"paths": []})
    assert answer.json() == {
        "title": "JSON Validation error",
        "status": 400,
        "detail": "paths \N{EN DASH} Field does not exist or is not a valid non-empty array",
    }


def test_a_body_without_end_is_too_large(tape: Any) -> None:
    answer = tape.http.post(f"{API}/stage", content=b" " * (8 * 2**20 + 1))
    assert answer.status_code == 413


def test_links_that_leave_the_archive_are_not_followed(
    tape: Any, folder: str, tmp_path: Any
) -> None:
    tape.write(f"{folder}/a")
    (tmp_path / "secret").write_bytes(b"secret")
    inside = tape.archive / folder.lstrip("/")
    (inside / "file").symlink_to(tmp_path / "secret")
    (inside / "dir").symlink_to(tmp_path)
    (inside / "loop").symlink_to(inside / "loop")
    paths = [f"{folder}/file", f"{folder}/dir/secret", f"{folder}/loop"]
    assert tape.locality(*paths) == [None] * 3
    assert {f["state"] for f in tape.settled(tape.stage(*paths)).values()} == {"FAILED"}
    assert [tape.http.get(path).status_code for path in paths] == [404] * 3
