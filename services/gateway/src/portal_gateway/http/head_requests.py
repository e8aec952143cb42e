"""Answers HEAD on each route of the API that has GET: the same headers without a body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = ("/api/", "/health")


class HeadRequests:
    """Runs a HEAD request as GET and leaves out the body. The other routes know HEAD themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "HEAD"
            or not scope["path"].startswith(PATHS)
        ):
            await self._app(scope, receive, send)
            return
        ended = False

        async def send_head(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not ended:  # a stream of events would not end by itself
                ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app({**scope, "method": "GET"}, receive, send_head)
