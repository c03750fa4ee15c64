"""The entry of Lambda: one event in, one response out, through Mangum.

Mangum would run start-up and shutdown around every request; here start-up runs once. Errors are text to it only
when their media type is listed, and base64 would reach the client of a gateway that decodes nothing.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, cast

from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from app.core import logs, telemetry
from app.core.events import HttpApi, LoadBalancer, readable
from app.core.problems import MEDIA_TYPE
from app.core.settings import Settings
from app.core.state import State, with_state
from app.factory import create_app

if TYPE_CHECKING:
    from mangum.types import ASGI, LambdaContext, LambdaHandler

logs.configure(Settings.from_environ(os.environ))
_app = create_app(auto_metrics="emf")
_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
_lifespan = _app.router.lifespan_context(_app)
_adapter: Mangum | None = None


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one HTTP event of an HTTP API, a REST API, an ALB or a function URL."""
    asyncio.set_event_loop(_loop)
    adapter = _start()
    try:
        return adapter(readable(event), cast("LambdaContext", context))
    finally:
        telemetry.flush()


def _start() -> Mangum:
    global _adapter  # noqa: PLW0603 a function's instance is the one thing here that lives
    if _adapter is None:
        state = cast("State", _loop.run_until_complete(_lifespan.__aenter__()))
        text = [*DEFAULT_TEXT_MIME_TYPES, MEDIA_TYPE, "image/svg+xml"]
        app = cast("ASGI", with_state(_app, state))
        own = cast("list[type[LambdaHandler]]", [LoadBalancer, HttpApi])
        _adapter = Mangum(app, lifespan="off", custom_handlers=own, text_mime_types=text)
    return _adapter


# A snapshot must not hold secrets: with SnapStart start-up waits for the first event after the restore.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
    _start()
