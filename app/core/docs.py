"""The page that shows the OpenAPI document: Swagger UI from a CDN, at one version, whose files are checked by hash.

It comes with a policy of its own that lets in these files and nothing else; all other pages keep theirs.
"""

from __future__ import annotations

import base64
import hashlib

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_FROM = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0/"
_SCRIPT_HASH = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
_STYLE_HASH = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I"
# Relative: a gateway may have taken the path's beginning.
_DOCUMENT = "./openapi.json"
_START = f"SwaggerUIBundle({{url: '{_DOCUMENT}', dom_id: '#docs', deepLinking: true}})"
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{source}swagger-ui.css" integrity="{style_hash}" crossorigin="anonymous">
<div id="docs">This page loads Swagger UI from cdn.jsdelivr.net. Where that is blocked, the <a href="{url}">OpenAPI
document</a> says the same.</div>
<script src="{source}swagger-ui-bundle.js" integrity="{script_hash}" crossorigin="anonymous"></script>
<script>{start}</script>
</html>
"""
_POLICY = (
    "default-src 'none'; script-src {source} 'sha256-{start_hash}'; style-src {source} 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def install(app: FastAPI, base: str) -> None:
    """Serve the page below a path."""

    @app.get(f"{base}/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        digest = base64.b64encode(hashlib.sha256(_START.encode()).digest()).decode()
        html = _PAGE.format(source=_FROM, style_hash=_STYLE_HASH, script_hash=_SCRIPT_HASH, url=_DOCUMENT, start=_START)
        return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY.format(source=_FROM, start_hash=digest)})
