"""A service that runs in this process: the app in a loop of its own, and the consumers of its worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from app.core import service
from app.core.state import with_state
from app.factory import create_app
from tests.app.cloud import Cloud
from tests.app.providers import Providers

T = TypeVar("T")


class Running:
    """A service, open; `name` is its folder's."""

    def __init__(self, name: str, environ: MutableMapping[str, str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._name = name
        self._environ = environ
        self.app = create_app(environ)
        self._open: list[Any] = []
        self._client: httpx.AsyncClient | None = None

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the app's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def start(self) -> None:
        """Open the app."""
        lifespan = self.app.router.lifespan_context(self.app)
        state = self.wait(lifespan.__aenter__())
        self._open.append(lifespan)
        transport = httpx.ASGITransport(with_state(self.app, state), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60)

    def stop(self) -> None:
        """Close what is open."""
        if self._client is not None:
            self.wait(self._client.aclose())
        for opened in reversed(self._open):
            self.wait(opened.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(self, method: str, path: str, json: object = None, **headers: str) -> httpx.Response:
        """Send a request and return the answer."""
        return self.ask_all([(method, path, json)], **headers)[0]

    def ask_all(self, requests: list[tuple[str, str, object]], **headers: str) -> list[httpx.Response]:
        """Send requests at the same time."""
        client = self._client
        assert client is not None

        async def send() -> list[httpx.Response]:
            sent = (client.request(method, path, json=json, headers=headers) for method, path, json in requests)
            return await asyncio.gather(*sent)

        return self.wait(send())

    def consume(self, message: Any) -> None:
        """Let the service's worker, another instance, take a message."""

        async def taken() -> None:
            worker = service.load(self._name, {key: self._environ[key] for key in self._environ if key != "JOBS_QUEUE"})
            assert worker.lifespan is not None
            async with worker.lifespan():
                await worker.consumers[message.trigger](message)

        self.wait(taken())


@contextmanager
def running(name: str, environ: MutableMapping[str, str]) -> Iterator[Running]:
    """Run a service."""
    service_running = Running(name, environ)
    try:
        service_running.start()
        yield service_running
    finally:
        service_running.stop()


def asking(name: str, cloud: Cloud, providers: Providers) -> dict[str, str]:
    """Return the environment of a service that asks models, with keys of both providers, which are on loopback."""
    prefix = name.upper()
    return cloud.environ | {
        "ENVIRONMENT": "dev",
        "LOG_LEVEL": "ERROR",
        "METRICS": "off",
        "RATE_LIMIT": "0",
        "OPENAI_API_KEY": "sk-of-openai",
        "GEMINI_API_KEY": "key-of-gemini",
        f"{prefix}_OPENAI_URL": providers.url("openai"),
        f"{prefix}_GEMINI_URL": providers.url("gemini"),
    }
