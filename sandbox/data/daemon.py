"""The process that keeps an account's data services running, until nothing needs them any more.

Its main thread starts and ends everything, one request after the other; the services answer on threads of their own.
Requests come over HTTP on the services' port, below a path that no bucket can have, with the address file's token.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import queue
import secrets
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.address import CONTROL, TOKEN_HEADER, Address
from sandbox.control.account import Account
from sandbox.control.errors import AccountError
from sandbox.control.store import FILE_NAME
from sandbox.data import mirror
from sandbox.data.aws import Services
from sandbox.data.databases import INSTANCE, Databases, Passwords
from sandbox.data.disturbance import Disturbance
from sandbox.data.feeds import PIPE, SCHEDULE, Feeds

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Queues and buckets are in every stack; on their own they are no reason to stay. What is in them is kept.
_REASONS = {
    INSTANCE,
    PIPE,
    SCHEDULE,
    "aws:dynamodb/table:Table",
    "aws:s3/bucketNotification:BucketNotification",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
}
_TURN = 0.2
_LOG = logging.getLogger(__name__)

Job = Callable[[], dict[str, Any]]


class Daemon:
    """The data services of one account."""

    def __init__(self, account: Path, speed: float = 1) -> None:
        self._account = account
        self._folder = account / "data"
        self._token = secrets.token_urlsafe(24)
        self._jobs: queue.Queue[tuple[Job, Future[dict[str, Any]]]] = queue.Queue()
        self._stopping = False
        self._due = 0.0
        self._problems: dict[str, str] = {}
        self._clock = _clock(speed)
        self._disturbance = Disturbance(account)

    def run(self) -> None:
        """Serve until told to stop, or until the account has gone or has nothing left to serve."""
        # Paths of a folder that has been moved or deleted must not be made anew.
        store = self._account / FILE_NAME
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        former = Address.read(self._folder)
        self._services = Services(self._folder / "services.pickle", former.port if former else 0, self._control)
        passwords = Passwords(self._read_password, self._write_password, self._drop_password)
        self._databases = Databases(self._folder / "postgres", passwords)
        self._feeds = Feeds(self._services, self._clock)
        address = Address(os.getpid(), self._services.port, self._token)
        try:
            self._databases.begin()
            self._bring_about()
            address.write(self._folder)
            while not self._stopping and store.exists():
                self._turn()
        finally:
            self._databases.stop()
            self._services.close()
            if store.exists():
                address.leave(self._folder)

    def _turn(self) -> None:
        """Answer one request, and do what is due however many there are."""
        try:
            job, answer = self._jobs.get(timeout=max(0, self._due - time.monotonic()))
        except queue.Empty:
            pass
        else:
            try:
                answer.set_result(job())
            except Exception as problem:  # noqa: BLE001 - whoever asked is told; the rest goes on
                _LOG.exception("A request failed")
                answer.set_exception(problem)
        if time.monotonic() >= self._due:
            self._rest()
            self._due = time.monotonic() + _TURN

    def _rest(self) -> None:
        for task in (self._databases.mend, self._feeds.turn, self._services.keep):
            try:
                task()
            except Exception:  # noqa: BLE001 - one of them must not end the others
                _LOG.exception("Something due did not work")

    def _bring_about(self) -> dict[str, Any]:
        """Make everything as the account has it; end when there is no reason to stay."""
        try:
            account = Account(self._account)
            resources = account.list_resources()
            account.close()
        except AccountError as problem:
            return {"problems": {"account": str(problem)}}
        # Secrets first: databases keep their passwords there. What was restored needs its source.
        self._problems = mirror.bring_about(self._services, resources)
        self._problems |= self._databases.bring_about(resources)
        self._feeds.take(resources)
        self._services.keep(now=True)
        for name, problem in self._problems.items():
            _LOG.error("%s: %s", name, problem)
        return self._describe()

    def _changed(self) -> dict[str, Any]:
        """Follow a change of the account, which may have taken the last reason to stay."""
        answer = self._bring_about()
        account = Account(self._account)
        self._stopping = not _REASONS & account.summary().keys()
        account.close()
        return {**answer, "ends": self._stopping}

    def _describe(self) -> dict[str, Any]:
        trouble = self._services.trouble
        return {
            "pid": os.getpid(),
            "endpoint": self._services.endpoint,
            "databases": self._databases.describe(),
            "snapshots": self._databases.snapshots(),
            "problems": self._problems | ({"services": trouble} if trouble else {}),
        }

    def _stop(self) -> dict[str, Any]:
        self._stopping = True
        return {}

    def _control(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes] | None:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(CONTROL):
            disturbed = self._disturbance.answer(environ, respond)
            return self._rotation(environ, respond) if disturbed is None else disturbed
        if not hmac.compare_digest(environ.get(TOKEN_HEADER, ""), self._token):
            return _reply(respond, "403 Forbidden", {"problem": "This is for the sandbox's own commands."})
        name = path.removeprefix(CONTROL)
        if name == "ping":
            return _reply(respond, "200 OK", {})
        jobs: dict[str, Job] = {
            "changed": self._changed,
            "describe": self._describe,
            "start": self._bring_about,
            "stop": self._stop,
        }
        if name not in jobs:
            return _reply(respond, "404 Not Found", {"problem": f"There is no {name}."})
        try:
            return _reply(respond, "200 OK", self._await(jobs[name]))
        except Exception as problem:  # noqa: BLE001 - said to whoever asked
            return _reply(respond, "500 Internal Server Error", {"problem": str(problem)})

    def _rotation(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes] | None:
        """Rotate a database's own secret as RDS does; any other request is none of ours."""
        if not environ.get("HTTP_X_AMZ_TARGET", "").endswith(".RotateSecret"):
            return None
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        secret = str(json.loads(body).get("SecretId"))
        rotated = self._await(lambda: {"done": self._databases.rotate(secret)})
        if rotated["done"]:
            return _reply(respond, "200 OK", {"ARN": secret, "Name": secret.split(":")[6]})
        message = "The sandbox rotates the passwords of databases only."
        error = {"__type": "InvalidRequestException", "message": message}
        return _reply(respond, "400 Bad Request", error)

    def _await(self, job: Job) -> dict[str, Any]:
        answer: Future[dict[str, Any]] = Future()
        self._jobs.put((job, answer))
        return answer.result()

    def _read_password(self, arn: str) -> str | None:
        return mirror.secret_value(self._services, arn.split(":")[3], arn)

    def _write_password(self, arn: str, value: str) -> None:
        region = arn.split(":")[3]
        if self._read_password(arn) is None:
            mirror.put_secret(self._services, region, arn, arn.split(":")[6].rsplit("-", 1)[0], value)
        else:
            manager = self._services.client("secretsmanager", region)
            manager.put_secret_value(SecretId=arn, SecretString=value)

    def _drop_password(self, arn: str) -> None:
        mirror.drop_secret(self._services, arn.split(":")[3], arn)


def _clock(speed: float) -> Callable[[], datetime]:
    """Return a clock that shows the time, and runs faster than it from now on if it shall."""
    began, started = datetime.now(UTC), time.monotonic()
    if speed == 1:
        return lambda: datetime.now(UTC)
    return lambda: began + timedelta(seconds=(time.monotonic() - started) * speed)


def _reply(respond: StartResponse, status: str, document: dict[str, Any]) -> Iterable[bytes]:
    content = json.dumps(document).encode()
    kind = "application/x-amz-json-1.1"
    respond(status, [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content]
