"""The part of AWS's own API that operator commands use, over HTTP.

Calls about what exists are answered from the account (`calls.py`); those about something that runs are handed on to it
(`relay.py`). Any other call is refused by name.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sandbox.control import calls, signals
from sandbox.control.account import Account
from sandbox.control.relay import relay
from sandbox.data.errors import DataError

_XML = "text/xml"
_JSON = "application/x-amz-json-1.1"


def endpoint(account: Account) -> ThreadingHTTPServer:
    """Return a server on a free port of the loopback interface, not yet started."""
    handler = type("Handler", (_Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    account: Account

    def do_GET(self) -> None:
        """Answer the REST calls that read."""
        path, _, query = self.path.partition("?")
        answer = calls.listed(self.account, path, query)
        if answer is not None:
            self._send(answer)
        elif not self._relayed(b""):
            self._refuse(path)

    def do_PUT(self) -> None:
        """Hand on the REST calls that write."""
        if not self._relayed(self._body()):
            self._refuse(self.path.partition("?")[0])

    def do_DELETE(self) -> None:
        """Hand on the REST calls that delete."""
        self.do_PUT()

    def do_POST(self) -> None:
        """Answer the calls that name their action in the request."""
        body = self._body()
        target = self.headers.get("X-Amz-Target", "")
        form = {} if target else {name: values[0] for name, values in parse_qs(body.decode()).items()}
        request = json.loads(body) if target in calls.JSON_CALLS else {}
        # What is measured counts, unless somebody has said what it shall be.
        measured = form.get("Action") == calls.HEALTH or target == calls.METRICS
        if measured and not signals.speak_of(self.account, form or request) and self._relayed(body):
            return
        if target in calls.JSON_CALLS:
            answer = calls.JSON_CALLS[target](self.account, request)
            self._send(answer, HTTPStatus.BAD_REQUEST if "__type" in answer else HTTPStatus.OK)
        elif (found := calls.in_xml(self.account, form)) is not None:
            self._reply(found[0], _XML, found[1])
        elif not self._relayed(body):
            action = form.get("Action")
            self._refuse(target or action or self.path, as_xml=bool(action))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Say nothing: requests may carry signatures."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _relayed(self, body: bytes) -> bool:
        """Send what the account's own processes answer, if they know the call."""
        try:
            answer = relay(self.account.store.path.parent, self.command, self.path, dict(self.headers), body)
        except DataError as problem:
            failed: calls.Document = {"__type": "ServiceUnavailableException", "message": str(problem)}
            self._send(failed, HTTPStatus.SERVICE_UNAVAILABLE)
            return True
        if answer is None:
            return False
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        return True

    def _refuse(self, call: str, *, as_xml: bool = False) -> None:
        self._reply(HTTPStatus.BAD_REQUEST, *_refusal(call, as_xml=as_xml))

    def _send(self, document: calls.Document, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._reply(status, _JSON, json.dumps(document))

    def _reply(self, status: HTTPStatus, kind: str, text: str) -> None:
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _refusal(call: str, *, as_xml: bool) -> tuple[str, str]:
    message = (
        f"The sandbox does not answer {call}: it serves the calls that modeshift's commands make, and those about what "
        "runs only while it runs."
    )
    if as_xml:
        error = f"<Error><Code>InvalidAction</Code><Message>{escape(message)}</Message></Error>"
        return _XML, f"<Response><Errors>{error}</Errors></Response>"
    return _JSON, json.dumps({"__type": "UnknownOperationException", "message": message})
