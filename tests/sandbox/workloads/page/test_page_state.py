"""What the page is told: how the account hangs together, and only what was seen of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sandbox.workloads.metrics import Metrics
from sandbox.workloads.page.state import state
from sandbox.workloads.snapshot import Snapshot
from tests.sandbox.workloads.page import sample as samples
from tests.sandbox.workloads.page.sample import ALB, CALLS, FUNCTION, TASKS, Sample, sample


def stack(seen: Sample) -> dict[str, Any]:
    return state(seen)["stacks"][0]


def named(things: list[dict[str, Any]], name: str, **also: Any) -> dict[str, Any]:
    return next(one for one in things if one["name"] == name and all(one[key] == value for key, value in also.items()))


def test_requests_are_followed_from_the_door_through_weights_to_processes(tmp_path: Path) -> None:
    seen = stack(sample(tmp_path))
    api = named(seen["doors"], "dev-front-door", kind="http-api")
    assert (api["state"], api["url"]) == ("open", "http://127.0.0.1:41000")
    assert api["routes"] == [{"match": "$default", "to": [{"id": ALB, "words": "", "weight": 100}]}]
    balancer = named(seen["doors"], "dev-front-door", kind="alb")
    assert balancer["internal"]
    probe, production, rest = balancer["routes"]
    assert probe["match"] == "x-modeshift-probe: dev-web"
    assert production["match"] == "/*"
    assert [(end["id"], end["weight"]) for end in production["to"]] == [(CALLS, 90), (TASKS, 10)]
    assert rest == {"match": "anything else on 80", "to": [{"id": "", "words": "answers 404", "weight": 100}]}
    assert named(seen["groups"], "dev-web-function")["function"] == FUNCTION
    assert [(one["id"], one["state"]) for one in named(seen["groups"], "dev-web")["targets"]] == [
        ("10.0.1.17", "healthy"),
        ("10.0.2.9", "unhealthy"),
    ]
    function = named(seen["services"], "dev-web", compute="lambda")
    assert (function["running"], function["processes"][0]["pid"]) == (1, 77)
    tasks = named(seen["services"], "dev-web", compute="fargate")
    assert (tasks["wanted"], tasks["running"], tasks["state"]) == (2, 1, "IN_PROGRESS")
    assert [(one["id"], one["state"], one["version"]) for one in tasks["processes"]] == [
        ("0123456789abcdef", "RUNNING, healthy", "dev-web:3")
    ]
    assert tasks["groups"] == [TASKS]
    assert tasks["scaling"] == [{"least": 2, "most": 10, "now": 2, "last": ""}]


def test_of_what_nobody_has_seen_nothing_is_said(tmp_path: Path) -> None:
    seen = sample(tmp_path)
    unseen = named(stack(seen)["services"], "dev-unseen")
    assert (unseen["seen"], unseen["running"], unseen["wanted"], unseen["processes"]) == (False, None, None, [])
    seen.told = {}
    assert {one["state"] for part in ("doors", "services") for one in stack(seen)[part]} == {""}
    assert {one["seen"] for one in stack(seen)["services"]} == {False}


def test_rates_are_means_of_whole_seconds_and_unknown_where_nothing_was_counted(tmp_path: Path) -> None:
    seen = sample(tmp_path)
    assert {door["rate"] for door in stack(seen)["doors"]} == {None}
    moment = [time.time() - 3]
    object.__setattr__(seen.context, "metrics", Metrics(lambda: moment[0]))
    samples.count(seen, 30)
    assert {door["rate"] for door in stack(seen)["doors"]} == {3.0}
    assert {one["rate"] for one in stack(seen)["groups"]} == {3.0, None}
    assert named(stack(seen)["doors"], "dev-front-door", kind="alb")["errors"] == 0.0


def test_an_old_count_is_a_rate_of_nothing(tmp_path: Path) -> None:
    seen = sample(tmp_path)
    moment = [time.time() - 600]
    object.__setattr__(seen.context, "metrics", Metrics(lambda: moment[0]))
    samples.count(seen, 30)
    assert {door["rate"] for door in stack(seen)["doors"]} == {0.0}


def test_events_are_the_last_ones_or_those_after_a_number(tmp_path: Path) -> None:
    seen = sample(tmp_path)
    for number in range(300):
        seen.context.events.add("dev-web", "task", f"task {number}")
    assert len(state(seen)["events"]) == 200
    assert [one["text"] for one in state(seen, since=299)["events"]] == ["task 298", "task 299"]


def test_what_is_not_simulated_is_named(tmp_path: Path) -> None:
    assert state(sample(tmp_path))["not_simulated"] == [{"name": "dev-front-door", "what": "mutual TLS"}]


def test_pods_of_a_release_are_a_service_for_each_deployment(tmp_path: Path) -> None:
    seen = sample(tmp_path)
    release = samples.resource("kubernetes:helm.sh/v3:Release", "dev-users", 90)
    group = samples.resource("aws:lb/targetGroup:TargetGroup", "dev-users", 91, arn="group-of-users", targetType="ip")
    pod = {"name": "dev-users-1", "pid": 5, "status": "Running", "ready": False, "memory": 83886080, "restarts": 2}
    deployments = [
        {"name": "dev-users", "component": "server", "replicas": 3, "ready": 0, "pods": [pod]},
        {"name": "dev-users-worker", "component": "worker", "replicas": 1, "ready": 1, "pods": []},
    ]
    seen.snapshot = Snapshot([*samples.account(), release, group])
    seen.told["kubernetes"] = {"releases": [{"urn": release.urn, "status": "deployed", "deployments": deployments}]}
    server, worker = (one for one in stack(seen)["services"] if one["compute"] == "eks")
    assert (server["wanted"], server["running"], server["groups"]) == (3, 0, ["group-of-users"])
    assert [(one["state"], one["memory_mib"], one["restarts"]) for one in server["processes"]] == [
        ("not ready", 80.0, 2)
    ]
    assert (worker["name"], worker["running"], worker["id"] != server["id"]) == ("dev-users-worker", 1, True)


def test_the_document_is_json_and_an_empty_account_has_no_stacks(tmp_path: Path) -> None:
    json.dumps(state(sample(tmp_path)))
    assert state(Sample(sample(tmp_path).context, Snapshot(())))["stacks"] == []
