"""A started app that gets several requests, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import httpx
import pytest
from fastapi import FastAPI

from app.core.state import with_state
from app.factory import create_app

Answers = Callable[..., list[httpx.Response]]


async def _echo(thing: dict[str, object]) -> dict[str, object]:
    return thing


@pytest.fixture
def answers() -> Answers:
    """Return what an app with an environment answers, which reads JSON at POST /things; `extend` may add routes."""

    async def ask(app: FastAPI, requests: Sequence[httpx.Request], peer: str) -> list[httpx.Response]:
        async with app.router.lifespan_context(app) as state:
            transport = httpx.ASGITransport(with_state(app, state), raise_app_exceptions=False, client=(peer, 1234))
            async with httpx.AsyncClient(transport=transport) as client:
                return [await client.send(request) for request in requests]

    def send(
        *requests: httpx.Request | str,
        peer: str = "198.51.100.7",
        extend: Callable[[FastAPI], object] = lambda app: None,
        **environ: str,
    ) -> list[httpx.Response]:
        app = create_app(environ)
        app.add_api_route("/things", _echo, methods=["POST"])
        extend(app)
        made = [httpx.Request("GET", f"http://app{one}") if isinstance(one, str) else one for one in requests]
        return asyncio.run(ask(app, made, peer))

    return send
