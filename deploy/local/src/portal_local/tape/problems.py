"""Error responses of the archive: RFC 7807 problems."""

from http import HTTPStatus

from starlette.responses import JSONResponse, Response

DASH = "\N{EN DASH}"  # between a field and its error


class Problem(Exception):
    """An error response; the call has changed nothing."""

    def __init__(self, status: int, title: str, detail: str | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail


def problem_response(problem: Problem) -> Response:
    body: dict[str, object] = {"title": problem.title, "status": problem.status}
    if problem.detail is not None:
        body["detail"] = problem.detail
    return JSONResponse(body, problem.status, media_type="application/problem+json")


def status_response(status: int, detail: str | None = None) -> Response:
    return problem_response(Problem(status, HTTPStatus(status).phrase, detail))
