"""OpenAI and Gemini as callers of their APIs see them: the wire formats, the errors, and what goes wrong on the way.

The shape of answers is that of the client library's own types; errors are written from the providers' documents: an
object with `error` from OpenAI, the same in a list from Gemini.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai.types.chat import ChatCompletion

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What a provider sends; `cut` breaks it off half-way, `hang` sends nothing until the end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False
    wait: float = 0


@dataclass(frozen=True)
class Asked:
    """A request that a provider got."""

    provider: str
    path: str
    authorization: str
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return self.body["model"]

    @property
    def source(self) -> str:
        """What stands between the marks of the last message."""
        return self.body["messages"][-1]["content"].partition("\n")[2].rpartition("\n")[0]


def completion(
    content: str | None, *, finish: str = "stop", refusal: str | None = None, read: int = 100, written: int = 50
) -> Answer:
    """Return an answer of a model."""
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "a-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": refusal},
                "finish_reason": finish,
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }
    ChatCompletion.model_validate(document)
    return Answer(body=json.dumps(document).encode())


def refused(status: int, message: str = "no", **headers: str) -> Answer:
    """Return an error as OpenAI words it."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return Answer(status, json.dumps(body).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


def refused_by_gemini(status: int, message: str = "no") -> Answer:
    """Return an error as Gemini's OpenAI-compatible API words it."""
    body = [{"error": {"code": status, "message": message, "status": "UNAVAILABLE"}}]
    return Answer(status, json.dumps(body).encode())


class Providers:
    """Both providers, each at its path, on one port."""

    def __init__(self, usual: Callable[[Asked], Answer]) -> None:
        self.usual = usual
        self.asked: list[Asked] = []
        self.at_once = 0
        """Most requests that were under way together."""
        self.over = threading.Event()
        self._planned: dict[str, deque[Answer]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._under_way = 0
        self.port = 0

    def url(self, provider: str) -> str:
        """Return the base URL of a provider's API."""
        return f"http://127.0.0.1:{self.port}/{provider}/v1"

    def then(self, provider: str, *answers: Answer) -> None:
        """Let a provider answer so, one after the other, before it answers as usual."""
        self._planned[provider].extend(answers)

    def models(self) -> list[tuple[str, str]]:
        """Return who was asked, in order."""
        return [(asked.provider, asked.model) for asked in self.asked]

    def take(self, asked: Asked) -> Answer:
        """Note a request and return what it gets."""
        with self._lock:
            self.asked.append(asked)
            self._under_way += 1
            self.at_once = max(self.at_once, self._under_way)
            planned = self._planned[asked.provider]
            answer = planned.popleft() if planned else None
        return answer or self.usual(asked)

    def done(self) -> None:
        """Note that a request is over."""
        with self._lock:
            self._under_way -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    providers: Providers


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, provider, rest = self.path.split("/", 2)
        providers = self.server.providers
        answer = providers.take(Asked(provider, f"/{rest}", self.headers["Authorization"], body))
        try:
            self._send(answer)
        finally:
            providers.done()

    def _send(self, answer: Answer) -> None:
        if answer.hang:
            self.server.providers.over.wait(60)
            self.close_connection = True
            return
        if answer.wait:
            self.server.providers.over.wait(answer.wait)
        self.send_response(answer.status)
        headers = {"Content-Type": JSON, **answer.headers, "Content-Length": str(len(answer.body))}
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        if answer.cut:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening(usual: Callable[[Asked], Answer]) -> Iterator[Providers]:
    """Run both providers."""
    providers = Providers(usual)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.providers = providers
    providers.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield providers
    finally:
        providers.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
