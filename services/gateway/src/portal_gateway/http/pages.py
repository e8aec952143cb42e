"""The one HTML page of the gateway, the manual of the API, and addresses of the web site's pages.

All other pages are those of the web site (frontend/).
"""

from urllib.parse import quote

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
}
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
_MANUAL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Manual of the API</title>
<link rel="stylesheet" href="{path}/swagger-ui.css">
<link rel="icon" type="image/png" href="{path}/favicon.png">
</head>
<body>
<div id="manual"><noscript>This page needs JavaScript; the same description is at
<a href="/api/openapi.json">/api/openapi.json</a>.</noscript></div>
<script src="{path}/swagger-ui-bundle.js"></script>
<script src="{path}/start.js"></script>
</body>
</html>
"""


def manual_page(path: str) -> str:
    """Returns the page of the API's manual; its scripts and styles are below `path`."""
    return _MANUAL.format(path=path)


def landing_path(level: str, pid: str) -> str:
    """Returns the address of a record's page on the web site."""
    return f"/{level}s/{quote(pid, safe='')}"


def choice_path(doi: str) -> str:
    """Returns the address of the page that lists the records of a shared DOI."""
    return f"/shared-doi/{quote(doi)}"
