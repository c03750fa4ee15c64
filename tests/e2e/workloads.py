"""What an account says runs, really run: a function once for each event, a container as a process of its own.

Each is started with the environment that the account has for it, through the entry that its compute uses.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from sandbox.data import ports
from sandbox.data.environment import Compute, Workload, workload
from sandbox.data.invocation import invoke
from tests.app.gateways import GATEWAYS, Request
from tests.app.worker.desk import Desk, client

_PATIENCE = 60
# Several containers run on one machine here, where each has its own otherwise.
_SHARED = {"METRICS": "off"}


@dataclass(frozen=True)
class Answer:
    """What a caller gets."""

    status: int
    body: Any


class Ask(Protocol):
    """Send a request and wait for the answer."""

    def __call__(self, method: str, path: str, document: object = None, **headers: str) -> Answer: ...


@dataclass(frozen=True)
class Workloads:
    """The services of one stack; `root` is the checkout whose code its containers run."""

    root: Path
    stack: str = "dev"

    @property
    def account(self) -> Path:
        return self.root / ".modeshift/sandbox"

    def of(self, name: str, compute: Compute) -> Workload:
        return workload(self.account, f"{self.stack}-{name}", compute)

    def desk(self, name: str, compute: Compute) -> Desk:
        """Return the queues of a service, as its worker on a compute is told of them."""
        told = dict(self.of(f"{name}-worker", compute).environment)
        endpoint = told["AWS_ENDPOINT_URL"]
        return Desk(endpoint, told, client("sqs", endpoint), client("dynamodb", endpoint))

    @contextmanager
    def serving(self, name: str, compute: Compute) -> Iterator[Ask]:
        """Start a service's HTTP half, and stop it in the end."""
        if compute == "lambda":
            yield self._function(name)
            return
        port = str(ports.free())
        with self._container(self.of(name, compute), ("-m", "app"), {"HOST": ports.HOST, "PORT": port}) as process:
            with httpx.Client(base_url=f"http://{ports.HOST}:{port}", timeout=_PATIENCE) as sender:
                until(lambda: _is_ready(sender, process))

                def ask(method: str, path: str, document: object = None, **headers: str) -> Answer:
                    answer = sender.request(method, path, json=document, headers=headers)
                    return Answer(answer.status_code, answer.json() if answer.content else None)

                yield ask
            # As from a keyboard: nobody is there whose requests would have to be waited for.
            process.send_signal(signal.SIGINT)

    @contextmanager
    def working(self, name: str, compute: Compute) -> Iterator[Callable[[], None]]:
        """Start a service's worker, and stop it in the end; yields what lets it go on with what waits."""
        if compute == "lambda":
            yield lambda: self._feed(name)
            return
        work = self.of(f"{name}-worker", compute)
        assert work.command[1:] == ("-m", "app.worker")
        heartbeat = str(self.account / "heartbeat")
        with self._container(work, work.command[1:], {"HEARTBEAT_PATH": heartbeat}) as process:
            yield lambda: time.sleep(0.05)
            process.send_signal(signal.SIGTERM)

    def _function(self, name: str) -> Ask:
        gateway = GATEWAYS["http-api"]

        def ask(method: str, path: str, document: object = None, **headers: str) -> Answer:
            body = b"" if document is None else json.dumps(document).encode()
            sent = [("content-type", "application/json"), *headers.items()]
            request = Request(method=method, target=path, headers=sent, body=body)
            answer = gateway.response(request, self._invoked(name, gateway.event(request)))
            return Answer(answer.status, json.loads(answer.body) if answer.body else None)

        return ask

    def _feed(self, name: str) -> None:
        """Hand what waits to the worker's function, as the event source mappings do."""
        desk = self.desk(name, "lambda")
        for trigger in json.loads(desk.environ["QUEUES"]):
            event = desk.event(trigger)
            if not event["Records"]:
                continue
            answer = self._invoked(f"{name}-worker", event)
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            for record in event["Records"]:
                if record["messageId"] not in failed:
                    desk.sqs.delete_message(QueueUrl=desk.url(trigger), ReceiptHandle=record["receiptHandle"])

    def _invoked(self, name: str, event: Mapping[str, object]) -> Any:
        function, log = self.of(name, "lambda").resource, self.account / f"{name}.log"
        outcome = invoke(self.account, function, json.dumps(event), log, self.root)
        assert not outcome.failed, (outcome.payload, log.read_text())
        return json.loads(outcome.payload)

    @contextmanager
    def _container(
        self, work: Workload, command: Sequence[str], here: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run what an image would, and end it: the block is to say how it is asked to."""
        environment = {"PATH": os.environ["PATH"], **work.environment, **_SHARED, **here}
        log = self.account / "container.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=self.root, env=environment, stdout=output, stderr=output
            )
        try:
            yield process
            assert process.wait(_PATIENCE) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def _is_ready(sender: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the container ended"
    try:
        return sender.get("/health").is_success
    except httpx.TransportError:
        return False
