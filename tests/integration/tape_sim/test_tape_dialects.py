"""The dialects of real archives, as they answer those who poll; and what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("dialect", "api", "reported"),
    [
        ("spec", "/api/v1", {"state": "COMPLETED"}),
        ("eos", "/api/v1", {"onDisk": True}),
        ("dcache", "/api/v1/tape", {"state": "COMPLETED"}),
        ("storm", "/api/v1", {"state": "COMPLETED"}),
    ],
)
def test_each_dialect_has_its_own_form_of_progress(
    start: Callable[..., Any], until: Callable[..., None], dialect: str, api: str, reported: Any
) -> None:
    tape = start("--dialect", dialect)
    tape.write("/d/x")
    endpoints = tape.http.get("/.well-known/wlcg-tape-rest-api").json()["endpoints"]
    assert endpoints[0]["uri"].endswith(api)
    response = tape.http.post(f"{api}/stage", json={"files": [{"path": "/d/x"}]}).json()

    def file() -> dict[str, Any]:
        found: dict[str, Any] = tape.http.get(f"{api}/stage/{response['requestId']}").json()
        return {**found["files"][0], "request": found}

    until(lambda: reported.items() <= file().items())
    request = file()["request"]
    if dialect == "storm":
        assert request["completed_at"] > 0
        assert set(request["files"][0]) == {"path", "state"}
    if dialect == "dcache":
        assert request["createdAt"] > 10**11
    if dialect == "eos":
        assert "state" not in request["files"][0]


def test_dcache_refuses_keys_it_does_not_know_and_too_many_files(start: Callable[..., Any]) -> None:
    tape = start("--dialect", "dcache", "--max-files", "2", "--max-localities", "1")
    api = "/api/v1/tape"
    strange = {"files": [{"path": "/x"}], "unknown": 1}
    assert tape.http.post(f"{api}/stage", json=strange).status_code == 400
    many = {"files": [{"path": f"/{n}"} for n in range(3)]}
    refused = tape.http.post(f"{api}/stage", json=many)
    assert refused.status_code == 413
    assert "retry-after" not in refused.headers
    reported = tape.http.post(f"{api}/archiveinfo", json={"paths": ["/a", "/b"]}).json()
    assert [t["path"] for t in reported] == ["/a"]


def test_positions_are_reported_for_many_paths_at_once(start: Callable[..., Any]) -> None:
    tape = start()
    for name in ("a", "b"):
        tape.write(f"/d/{name}")
    reported = tape.http.post("/_tape", json={"paths": ["/d/a", "/d/b", "/d/none"]}).json()
    assert [t["path"] for t in reported] == ["/d/a", "/d/b"]
    assert all(t["tape"].startswith("VT") for t in reported)
    assert tape.http.post("/_tape", json={"paths": 3}).status_code == 400
