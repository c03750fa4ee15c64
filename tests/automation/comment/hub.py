"""A pull request on loopback: a server that speaks the part of GitHub's REST API that is about its comments."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_a-token-that-nobody-may-see"
BOT = "github-actions[bot]"
THREAD = "/repos/acme/shop/issues/7/comments"
Answer = tuple[int, dict[str, str], dict[str, Any]]


class Hub:
    """A pull request's comments behind HTTP; `refusals` are answers given before any request is served."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.refusals: dict[str, list[Answer]] = {}
        self.requests: list[str] = []
        self.before_write: Callable[[], None] = lambda: None
        self.lock = threading.Lock()
        self.next_id = 1
        self.url = ""

    def add(self, body: str, author: str = BOT) -> None:
        self.comments.append({"id": self.next_id, "body": body, "user": {"login": author, "id": 1}})
        self.next_id += 1

    def bodies(self, author: str = BOT) -> list[str]:
        return [one["body"] for one in self.comments if one["user"]["login"] == author]

    def answer(self, method: str, path: str, authorization: str | None, content: dict[str, Any]) -> Answer | list[Any]:
        assert authorization in {f"token {TOKEN}", f"Bearer {TOKEN}"}
        if method != "GET":
            self.before_write()
        with self.lock:
            self.requests.append(f"{method} {urlsplit(path).path}")
            if self.refusals.get(method):
                return self.refusals[method].pop(0)
            return self._serve(method, path, content)

    def _serve(self, method: str, path: str, content: dict[str, Any]) -> Answer | list[Any]:
        parts = urlsplit(path)
        if parts.path == THREAD and method == "POST":
            self.add(content["body"])
            return 201, {}, self.comments[-1]
        if parts.path == THREAD:
            query = parse_qs(parts.query)
            size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
            more = page * size < len(self.comments)
            link = {"Link": f'<http://{{host}}{THREAD}?per_page={size}&page={page + 1}>; rel="next"'} if more else {}
            return [self.comments[(page - 1) * size : page * size], link]
        found = re.fullmatch(r"/repos/acme/shop/issues/comments/(\d+)", parts.path)
        wanted = next((one for one in self.comments if found and one["id"] == int(found[1])), None)
        if wanted is None:
            return 404, {}, {"message": "Not Found"}
        if method == "DELETE":
            self.comments.remove(wanted)
            return 204, {}, {}
        wanted["body"] = content["body"]
        return 200, {}, wanted


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            given = hub.answer(self.command, self.path, self.headers.get("Authorization"), content)
            status, headers, body = (200, given[1], given[0]) if isinstance(given, list) else given
            payload = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value.format(host=self.headers["Host"]))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 the names that the server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
