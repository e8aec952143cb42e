"""Error responses and their log entries."""

from portal_downloader.http import problems
from portal_shared.runtime.errors import NotFound
from portal_shared.service.problems import MAX_LOGGED_CHARS
from starlette.requests import Request
from structlog.testing import capture_logs


async def test_refused_requests_are_logged_with_a_short_path() -> None:
    request = Request({"type": "http", "path": "/data/" + "x" * 9000, "headers": []})
    with capture_logs() as logs:
        answer = await problems.handle_error(request, NotFound("no such thing", field="pid"))
    assert answer.status_code == 404
    [line] = logs
    assert (line["event"], line["status"], line["field"]) == ("request refused", 404, "pid")
    assert len(line["path"]) == MAX_LOGGED_CHARS
