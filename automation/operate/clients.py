"""The AWS clients of one command: each is made once, before anything asks from several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from automation.cloud import Session

A = TypeVar("A")
B = TypeVar("B")

_THREADS = 8


class Clients:
    """Clients of some services, in the region of a stack."""

    def __init__(self, session: Session, services: Iterable[str]) -> None:
        """Make them; making is not safe in threads, using is."""
        self._clients = {service: session.aws_client(service) for service in services}

    def __getitem__(self, service: str) -> Any:  # noqa: ANN401 boto3 has no types of its own
        """Return the client of a service that was named."""
        return self._clients[service]


def at_once(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Do the same for several things at once; return what came of each, in their order."""
    with ThreadPoolExecutor(min(_THREADS, max(1, len(items)))) as pool:
        return list(pool.map(work, items))
