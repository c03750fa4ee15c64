"""The look at a stack after a deployment, against stand-ins for its engine, for ECS and for its front door."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from automation.cloud import Cloud, Session
from automation.engine import Outcome
from automation.errors import UserError
from automation.project import Project
from automation.smoke import smoke

TASKS = "arn:aws:ecs:us-east-1:123456789012:task-definition/dev-netprobe"


@dataclass
class Place:
    """A stack as its engine, ECS and its front door tell of it."""

    pages: dict[str, tuple[int, str]]
    url: str = ""
    resources: list[dict[str, Any]] = field(default_factory=list)
    service: dict[str, Any] = field(default_factory=dict)
    refusal: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def query(self, *args: str) -> Outcome:
        if args[:2] == ("stack", "output"):
            return Outcome(0, json.dumps({"url": self.url} if self.url else {}), "")
        return Outcome(0, json.dumps({"deployment": {"resources": self.resources}}), "")

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        if self.refusal:
            raise self.refusal
        self.asked.append(f"{cluster}/{services[0]}")
        return {"services": [self.service] if self.service else []}

    def smoke(self, tmp_path: Path, patience: float = 0.0) -> dict[str, str]:
        session = cast("Session", Stand(Project(tmp_path, tmp_path), "dev", Cloud.AWS, cast("Any", self)))
        checks = smoke(session, Console(quiet=True), patience=patience, pause=0.01)
        return {check.name: "" if check.ok else check.detail for check in checks}


class Stand(Session):
    def aws_client(self, service: str) -> Any:
        assert service == "ecs"
        return self.engine


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place({"/health": (200, '{"status": "ok"}'), "/version": (200, '{"version": "1.0.0"}')})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = place.pages[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        place.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield place
        server.shutdown()
        thread.join()


def containers(place: Place, **service: Any) -> None:
    outputs = {"name": "dev-netprobe", "cluster": "dev", "taskDefinition": f"{TASKS}:8"}
    place.resources = [
        {"type": "aws:ecs/service:Service", "outputs": outputs},
        {"type": "aws:ecs/service:Service", "outputs": {"name": "old"}, "delete": True},
        {"type": "aws:ecs/cluster:Cluster", "outputs": {}},
    ]
    primary = {"status": "PRIMARY", "rolloutState": "COMPLETED"}
    place.service = {
        "taskDefinition": f"{TASKS}:8",
        "deployments": [{"status": "ACTIVE"}, primary],
        "runningCount": 2,
        "desiredCount": 2,
        **service,
    }


def test_functions_are_asked_through_their_front_door(place: Place, tmp_path: Path) -> None:
    assert place.smoke(tmp_path) == {"/health": "", "/version": ""}
    assert place.asked == []


@pytest.mark.parametrize("answer", [(503, "{}"), (200, "{}"), (200, "[]"), (200, "<html>"), (200, '{"status": ""}')])
def test_an_answer_that_is_none_is_told(place: Place, tmp_path: Path, answer: tuple[int, str]) -> None:
    place.pages["/health"] = answer
    seen = place.smoke(tmp_path)
    assert seen["/health"]
    assert seen["/version"] == ""


def test_a_front_door_gets_time_to_answer(place: Place, tmp_path: Path) -> None:
    place.pages["/health"] = (503, "{}")
    timer = threading.Timer(0.1, lambda: place.pages.update({"/health": (200, '{"status": "ok"}')}))
    timer.start()
    assert place.smoke(tmp_path, patience=20)["/health"] == ""
    timer.join()


def test_what_ecs_runs_is_what_was_deployed(place: Place, tmp_path: Path) -> None:
    containers(place)
    assert place.smoke(tmp_path) == {"rollout of dev-netprobe": "", "/health": "", "/version": ""}
    assert place.asked == ["dev/dev-netprobe"]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"taskDefinition": f"{TASKS}:7"}, "ECS went back to dev-netprobe:7; dev-netprobe:8 did not become healthy"),
        (
            {"deployments": [{"status": "PRIMARY", "rolloutState": "FAILED", "rolloutStateReason": "no health"}]},
            "the rollout is FAILED: no health",
        ),
        ({"deployments": [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}]}, "the rollout is IN_PROGRESS"),
        ({"runningCount": 1}, "1 of 2 tasks run"),
    ],
)
def test_a_deployment_that_ecs_took_back_has_failed(
    place: Place, tmp_path: Path, service: dict[str, Any], said: str
) -> None:
    containers(place, **service)
    assert said in place.smoke(tmp_path)["rollout of dev-netprobe"]


def test_a_service_that_is_gone_or_may_not_be_seen_is_told(place: Place, tmp_path: Path) -> None:
    containers(place)
    place.service = {}
    assert place.smoke(tmp_path)["rollout of dev-netprobe"] == "the service does not exist"
    place.refusal = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeServices")
    assert "AccessDenied" in place.smoke(tmp_path)["rollout of dev-netprobe"]


def test_a_stack_that_is_not_up_or_nowhere_is_refused(place: Place, tmp_path: Path) -> None:
    place.url = ""
    with pytest.raises(UserError, match="it is not up"):
        place.smoke(tmp_path)
    nowhere = Session(Project(tmp_path, tmp_path), "dev", Cloud.SANDBOX, cast("Any", place))
    with pytest.raises(UserError, match="nothing was created in AWS"):
        smoke(nowhere, Console(quiet=True))
