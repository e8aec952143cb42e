"""The manual of the API at /api/docs: Swagger UI over the OpenAPI document, all from this origin.

The scripts and styles are those of the package fastapi-offline; nothing is loaded from elsewhere.
"""

from importlib.resources import as_file, files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from portal_gateway.http import pages

PATH = "/api/docs"
OPENAPI_PATH = "/api/openapi.json"
HEADERS = {
    **pages.HEADERS,
    "content-security-policy": f"{pages.CONTENT_SECURITY_POLICY}; script-src 'self'; "
    "style-src 'self'; img-src 'self' data:; connect-src 'self'",
}
ASSET_HEADERS = {**HEADERS, "cache-control": "public, max-age=86400"}
START_SCRIPT = f"""SwaggerUIBundle({{
  url: "{OPENAPI_PATH}",
  dom_id: "#manual",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
}});
"""
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")


def routes() -> list[Route]:
    return [
        Route(PATH, _page),
        Route(f"{PATH}/start.js", _start_script),
        *(Route(f"{PATH}/{name}", _asset, name=name) for name in ASSETS),
    ]


async def _page(_request: Request) -> Response:
    return Response(pages.manual_page(PATH), headers=HEADERS, media_type=pages.HTML)


async def _start_script(_request: Request) -> Response:
    return Response(START_SCRIPT, headers=ASSET_HEADERS, media_type=MEDIA_TYPES[".js"])


async def _asset(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    with as_file(files("fastapi_offline") / "static" / name) as path:
        return FileResponse(path, headers=ASSET_HEADERS, media_type=MEDIA_TYPES[Path(name).suffix])
