"""AWS's data services in this process: moto behind one port, and a copy of all it holds in a file.

What is written is in the file half a second later, or a twentieth of the time if there is so much that writing it takes
longer. A process that is killed loses that much.
"""

from __future__ import annotations

import copyreg
import io
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from sandbox.control.scope import ACCOUNT_ID
from sandbox.data import events, ports

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Service = Literal["dynamodb", "s3", "secretsmanager", "sns", "sqs"]
_SERVICES: tuple[Service, ...] = ("dynamodb", "s3", "secretsmanager", "sns", "sqs")
_READING = ("Describe", "Get", "List", "Query", "Scan", "BatchGet")
_PAUSE = 0.5
_SHARE = 20
_POLL = 0.05
_LOG = logging.getLogger(__name__)

Answer = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes] | None]


class Services:
    """The services of one account, answering on a port of the loopback interface."""

    def __init__(self, file: Path, port: int, first: Answer) -> None:
        """Load what the file holds and begin to answer; `first` may answer a request before AWS would."""
        self._file = file
        self._first = first
        self._inner: WSGIApplication = DomainDispatcherApplication(create_backend_app)
        self._changed = threading.Event()
        self._next = 0.0
        self._written = b""
        self.notes: dict[str, Any] = {}
        """What belongs to the data and is kept with it."""
        self._lost = self._load()
        self._unkept = ""
        events.complete()
        listener = ports.listen(port)
        self.port: int = listener.getsockname()[1]
        self._server = make_server(
            ports.HOST, self.port, self._answer, threaded=True, request_handler=_Handler, fd=listener.detach()
        )
        threading.Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    @property
    def trouble(self) -> str:
        """What people must know of what is kept; empty when all is well."""
        return " ".join(text for text in (self._lost, self._unkept) if text)

    def client(self, service: Service, region: str) -> Any:  # noqa: ANN401 - boto3 has no types of its own
        """Return a client of one of the services."""
        return _client(service, region, self.endpoint)

    def touch(self) -> None:
        """Say that something has changed that came by no request."""
        self._changed.set()

    def keep(self, *, now: bool = False) -> None:
        """Write what is held to the file, if it changed and not too soon after the last time."""
        began = time.monotonic()
        if not self._changed.is_set() or (began < self._next and not now):
            return
        self._changed.clear()
        try:
            self._write()
            self._unkept = ""
        except OSError as problem:
            self._changed.set()
            self._unkept = f"Queues, tables and objects are not kept: {problem}"
        except RuntimeError:
            # Something was added while it was copied; it will be quiet again.
            self._changed.set()
        self._next = time.monotonic() + max(_PAUSE, _SHARE * (time.monotonic() - began))

    def close(self) -> None:
        """Answer no more, and write what is held."""
        self._server.shutdown()
        self._server.server_close()
        for _ in range(10):
            self.keep(now=True)
            if not self._changed.is_set():
                return

    def _answer(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        answer = self._first(environ, respond)
        if answer is not None:
            return answer
        try:
            return self._inner(environ, respond)
        finally:
            if not _reads(environ):
                self._changed.set()

    def _write(self) -> None:
        held = {service: dict(get_backend(service)) for service in _SERVICES}
        target = io.BytesIO()
        pickler = pickle.Pickler(target)
        pickler.dispatch_table = copyreg.dispatch_table.copy()  # type: ignore[attr-defined]
        for kind in (threading.Lock, threading.RLock, threading.Condition):
            pickler.dispatch_table[type(kind())] = _anew(kind)
        pickler.dump((held, self.notes))
        content = target.getvalue()
        if content == self._written:
            return
        draft = self._file.with_suffix(".part")
        draft.touch(0o600)
        draft.write_bytes(content)
        draft.replace(self._file)
        self._written = content

    def _load(self) -> str:
        """Take over what an earlier process held; say what is wrong when that cannot be read."""
        try:
            held, self.notes = pickle.loads(self._file.read_bytes())  # noqa: S301 - written by this class, for its owner
        except FileNotFoundError:
            return ""
        except Exception as problem:  # noqa: BLE001 - a damaged pickle may raise anything
            aside = self._file.with_suffix(f".set-aside-{int(time.time())}")
            self._file.rename(aside)
            return (
                f"Queues, tables and objects begin empty: what was kept cannot be read ({problem}); it is now {aside}."
            )
        for service, accounts in held.items():
            for account, backend in accounts.items():
                get_backend(service)[account] = backend
        return ""


def backend(service: Service, region: str) -> Any:  # noqa: ANN401 - moto's, one class for each service
    """Return what moto holds of a service in a region."""
    return get_backend(service)[ACCOUNT_ID][region]


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body of an answer are written apart; the second must not wait for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep requests out of the log, but not what goes wrong with them."""
        if type == "error":
            _LOG.error(message, *args)


def _anew(kind: Callable[[], object]) -> Callable[[object], tuple[Callable[[], object], tuple[()]]]:
    """Return how a lock is written: as another one, held by nobody."""
    return lambda _: (kind, ())


def _reads(environ: WSGIEnvironment) -> bool:
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return environ["REQUEST_METHOD"] in {"GET", "HEAD"} or action.startswith(_READING)


@cache
def _client(service: str, region: str, endpoint: str) -> Any:  # noqa: ANN401
    import boto3  # noqa: PLC0415 - slow to load

    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106 - signs for a server that checks nothing
    )
