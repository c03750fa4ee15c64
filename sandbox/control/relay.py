"""Hand AWS calls on to what runs for an account: its data services, and what runs its workloads."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from sandbox.data import client as data_services
from sandbox.workloads import client as workloads

_TARGET = re.compile(r"(?:secretsmanager|AmazonSQS|DynamoDB_20120810)\.")
_SECONDS = 60
_OWN = frozenset(["connection", "content-length", "transfer-encoding", "keep-alive"])


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def relay(account: Path, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
    """Return what the account's own processes answer to a call; None where none of them knows it.

    The data services are started for a call that is theirs. Workloads are not: a command that looks at them must not
    bring them up.

    Raises:
        DataError: The data services do not start.

    """
    if _TARGET.match(headers.get("X-Amz-Target", "")):
        port = int(data_services.start(account)["endpoint"].rpartition(":")[2])
        return _sent(port, method, target, headers, body)
    known = workloads.running(account)
    if known is None:
        return None
    try:
        answer = _sent(known.port, method, target, headers, body)
    except (OSError, http.client.HTTPException):
        # It ends just now.
        return None
    return None if answer.status == http.client.NOT_FOUND and not _is_aws(answer.headers) else answer


def _sent(port: int, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    kept = {name: value for name, value in headers.items() if name.lower() not in _OWN}
    try:
        connection.request(method, target, body, kept)
        response = connection.getresponse()
        answered = tuple((name, value) for name, value in response.getheaders() if name.lower() not in _OWN)
        return Answer(response.status, answered, response.read())
    finally:
        connection.close()


def _is_aws(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether an answer is an error of AWS, and not that nobody knows the call."""
    return any(name.lower() == "x-amzn-errortype" for name, _ in headers)
