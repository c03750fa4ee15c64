"""`modeshift smoke`: whether a stack that was just brought up does what it was brought up for.

The engine's word is not enough: ECS takes a deployment back when its tasks do not become healthy, is steady with the
old ones, and looks like success.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from automation import operations
from automation.cloud import Session
from automation.errors import UserError

_SERVICE = "aws:ecs/service:Service"
_PATIENCE_SECONDS = 180
_PAUSE_SECONDS = 5.0
_REQUEST_SECONDS = 30

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    seconds: float
    detail: str = ""

    def show(self, console: Console) -> None:
        """Say what was seen."""
        mark, style = ("ok    ", "green") if self.ok else ("FAILED", "red")
        console.print(f"{mark} {self.name} ({self.seconds} s) {self.detail}".rstrip(), style=style, soft_wrap=True)


def smoke(
    session: Session, console: Console, *, patience: float = _PATIENCE_SECONDS, pause: float = _PAUSE_SECONDS
) -> list[Check]:
    """Look at a stack from outside until all is well or patience ends; show and return what was seen.

    Raises:
        UserError: the stack is not up, or it is where nothing runs.
    """
    if session.notice:
        raise UserError(
            f"There is nothing to look at. {session.notice}", hint="Bring the stack up on AWS and add --cloud aws."
        )
    url = str(operations.outputs(session).get("url") or "").rstrip("/")
    if not url:
        raise UserError(
            f"The stack {session.stack} has no URL: it is not up.", hint=f"modeshift up --stack {session.stack}"
        )
    deadline = time.monotonic() + patience
    checks: list[Check] = []
    for name, look in _looks(session, url):
        checks.append(until_well(name, look, deadline, pause))
        checks[-1].show(console)
    return checks


def until_well(name: str, look: Callable[[], str], deadline: float, pause: float) -> Check:
    """Look until nothing is wrong, at least once; a sentence is what is wrong."""
    started = time.monotonic()
    while (wrong := look()) and time.monotonic() + pause < deadline:
        time.sleep(pause)
    return Check(name, not wrong, round(time.monotonic() - started, 1), wrong)


def ask(url: str, body: Json | None = None) -> Json | str:
    """Return the JSON object at a URL, or what went wrong."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 from the outputs
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS) as answer:  # noqa: S310
            document: Any = json.loads(answer.read())
    except (OSError, ValueError) as error:
        return f"{urlsplit(url).path}: {error}"
    return document if isinstance(document, dict) else f"{urlsplit(url).path}: the answer is no JSON object"


def lacks(answer: Json | str, key: str) -> str:
    """Say what is wrong with an answer that must have a key."""
    if isinstance(answer, str):
        return answer
    return "" if answer.get(key) else f"the answer has no {key}"


def _looks(session: Session, url: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield what to look at: first what runs, because what ran before answers just as well."""
    for service in _services(session):
        yield f"rollout of {service['name']}", lambda service=service: _rolled_back(session, service)
    yield "/health", lambda: lacks(ask(f"{url}/health"), "status")
    yield "/version", lambda: lacks(ask(f"{url}/version"), "version")


def _services(session: Session) -> list[Json]:
    """Return what the state says of the stack's ECS services."""
    answer = session.engine.query("stack", "export", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The state of {session.stack} cannot be read.", hint=answer.stderr.strip())
    resources = json.loads(answer.stdout).get("deployment", {}).get("resources", [])
    return [one["outputs"] for one in resources if one["type"] == _SERVICE and not one.get("delete")]


def _rolled_back(session: Session, wanted: Json) -> str:
    """Say how what ECS runs differs from what was deployed."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and only containers need it

    try:
        client = session.aws_client("ecs")
        found = client.describe_services(cluster=wanted["cluster"], services=[wanted["name"]])["services"]
    except (BotoCoreError, ClientError) as error:
        return f"ECS cannot be asked: {error}"
    if not found:
        return "the service does not exist"
    service = found[0]
    if service["taskDefinition"] != wanted["taskDefinition"]:
        running, meant = (_revision(arn) for arn in (service["taskDefinition"], wanted["taskDefinition"]))
        return f"ECS went back to {running}; {meant} did not become healthy"
    primary = next((one for one in service["deployments"] if one["status"] == "PRIMARY"), {})
    # Only services that ECS itself deploys have this state.
    state = primary.get("rolloutState", "COMPLETED")
    if state != "COMPLETED":
        return f"the rollout is {state}: {primary.get('rolloutStateReason') or 'no reason given'}"
    if service["runningCount"] < service["desiredCount"]:
        return f"{service['runningCount']} of {service['desiredCount']} tasks run"
    return ""


def _revision(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
