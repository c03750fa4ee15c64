"""A worker as tasks: what runs, how it ends, how it is counted, and that AWS's own models take it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from components.cluster import Cluster
from components.fargate_rollout import Rollout
from components.fargate_worker import FargateWorker
from components.network import Network
from components.service import ZipArtifact
from components.worker import WorkerScaling
from tests.components.workers import CACHE, allowed, assert_takes_and_parks_and_no_more, assert_told, worker

Deploy = Callable[..., Any]

NAME = "dev-contracts-worker"


def declared(
    *triggers: str, insights: str = "enabled", own: dict[str, Any] | None = None, **choices: Any
) -> FargateWorker:
    return FargateWorker(
        NAME,
        worker(*(triggers or ("jobs",)), **choices),
        cluster=Cluster("dev", insights=insights),  # pyright: ignore[reportArgumentType]
        network=Network("dev-network", flow_logs=False),
        **(own or {}),
    )


@pytest.fixture
def tasks(deploy: Deploy) -> Deploy:
    """Deploy a worker and return everything it registered; `own` are its own choices."""
    return lambda *triggers, **choices: deploy(lambda: declared(*triggers, **choices) and None)


def container(recorded: Any) -> dict[str, Any]:
    (found,) = json.loads(recorded.one("TaskDefinition").inputs["containerDefinitions"])
    return found


def environment(recorded: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(recorded)["environment"]}


@cache
def model(service: str, operation: str) -> OperationModel:
    return botocore.session.get_session().get_service_model(service).operation_model(operation)


def test_task_runs_the_worker_and_listens_nowhere(tasks: Deploy) -> None:
    recorded = tasks()
    found = container(recorded)
    assert found["entryPoint"] == ["python3", "-m", "app.worker"]
    assert "command" not in found
    assert found["portMappings"] == []
    assert found["healthCheck"]["command"] == ["CMD", "python3", "-m", "app.worker", "--check"]
    assert "loadBalancers" not in recorded.one("ecs/service:Service").inputs
    assert not recorded.all("TargetGroup")
    assert not recorded.all("SecurityGroupIngressRule")


def test_ecs_takes_the_task(tasks: Deploy) -> None:
    inputs = tasks("jobs", "uploaded").one("TaskDefinition").inputs
    request = {key: inputs[key] for key in ("family", "cpu", "memory", "networkMode", "taskRoleArn")}
    request["containerDefinitions"] = json.loads(inputs["containerDefinitions"])
    validated = ParamValidator().validate(request, model("ecs", "RegisterTaskDefinition").input_shape)
    assert validated.generate_report() == ""


def test_worker_is_told_its_queues_and_where_it_shows_that_it_lives(tasks: Deploy) -> None:
    told = environment(tasks("uploaded", "jobs"))
    assert_told(told, "jobs", "uploaded")
    mounts = [mount["containerPath"] for mount in container(tasks())["mountPoints"]]
    assert any(told["HEARTBEAT_PATH"].startswith(f"{mount}/") for mount in mounts)


@pytest.mark.parametrize(("timeout", "ends"), [(30, 30), (95, 95), (890, 95)])
def test_task_that_ends_may_finish_what_is_under_way_and_give_back_the_rest(
    tasks: Deploy, timeout: int, ends: int
) -> None:
    recorded = tasks(timeout=timeout)
    assert environment(recorded)["STOP_SECONDS"] == str(ends)
    # Fargate takes no more than 120.
    assert ends < container(recorded)["stopTimeout"] <= 120


def test_code_may_take_messages_and_park_them_and_no_more(tasks: Deploy) -> None:
    actions = allowed(tasks("jobs", "uploaded"), f"{NAME}-task")
    assert_takes_and_parks_and_no_more(actions, "jobs", "uploaded")
    assert {name.split(":")[0] for name in actions} == {"sqs", "dynamodb"}


def test_failed_rollout_goes_back_and_no_strategy_moves_traffic_that_there_is_not(tasks: Deploy) -> None:
    made = tasks(own={"rollout": Rollout(strategy="canary", min_percent=50)}).one("ecs/service:Service").inputs
    assert made["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert made["deploymentMinimumHealthyPercent"] == 50
    assert made["waitForSteadyState"] is True
    assert not {"deploymentConfiguration", "alarms", "healthCheckGracePeriodSeconds"} & made.keys()


def test_first_tasks_are_on_fargate_and_a_share_of_the_others_on_spot(tasks: Deploy) -> None:
    made = tasks(scaling=WorkerScaling(min=2, max=9, spot_percent=80)).one("ecs/service:Service").inputs
    placed = {one["capacityProvider"]: (one["base"], one["weight"]) for one in made["capacityProviderStrategies"]}
    assert placed == {"FARGATE": (2, 20), "FARGATE_SPOT": (0, 80)}
    assert made["desiredCount"] == 2


def test_tasks_are_let_in_where_links_listen_before_they_start(tasks: Deploy) -> None:
    recorded = tasks(links=[CACHE])
    (way,) = recorded.all("SecurityGroupIngressRule")
    assert (way.inputs["securityGroupId"], way.inputs["referencedSecurityGroupId"]) == ("sg-cache", f"{NAME}-id")
    assert f"{way.type}::{way.name}" in recorded.one("ecs/service:Service").depends_on


@pytest.mark.parametrize(("placement", "public"), [("private", False), ("public", True)])
def test_tasks_have_public_addresses_in_public_subnets_only(tasks: Deploy, placement: str, *, public: bool) -> None:
    network = tasks(own={"placement": placement}).one("ecs/service:Service").inputs["networkConfiguration"]
    assert network["assignPublicIp"] is public
    assert all(placement in subnet for subnet in network["subnets"])


def tracked(recorded: Any) -> dict[str, Any]:
    return recorded.one("appautoscaling/policy:Policy").inputs["targetTrackingScalingPolicyConfiguration"]


def test_application_autoscaling_takes_the_policy(tasks: Deploy) -> None:
    found = tracked(tasks("jobs", "uploaded"))
    request = {
        "PolicyName": "p",
        "ServiceNamespace": "ecs",
        "ResourceId": "service/a/b",
        "ScalableDimension": "ecs:service:DesiredCount",
        "TargetTrackingScalingPolicyConfiguration": upper(found),
    }
    assert (
        ParamValidator()
        .validate(request, model("application-autoscaling", "PutScalingPolicy").input_shape)
        .generate_report()
        == ""
    )
    metrics = found["customizedMetricSpecification"]["metrics"]
    assert [one["id"] for one in metrics if one["returnData"]] == ["backlog"]


def upper(value: Any) -> Any:
    """Return inputs as the API spells them."""
    if isinstance(value, dict):
        return {f"{key[0].upper()}{key[1:]}": upper(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [upper(inner) for inner in value]
    return int(value) if isinstance(value, float) else value


def measured(recorded: Any, messages: int, running: int) -> float:
    """Return what the policy's expression comes to; it happens to be Python, but for what its functions mean."""
    found = tracked(recorded)["customizedMetricSpecification"]["metrics"]
    (expression,) = [one["expression"] for one in found if "expression" in one]
    counted = [one["id"] for one in found if "metricStat" in one and one["id"] != "tasks"]
    known = {**dict.fromkeys(counted, 0), counted[0]: messages, "tasks": running}
    known |= {"SUM": sum, "IF": lambda test, yes, no: yes if test else no}
    return eval(expression, {"__builtins__": {}}, known)


@pytest.fixture(scope="module")
def hundred(deploy: Deploy) -> Any:
    return deploy(lambda: declared("jobs", "uploaded", scaling=WorkerScaling(min=0, backlog=100)) and None)


@settings(max_examples=50)
@given(messages=st.integers(0, 10**6), running=st.integers(1, 100))
def test_tasks_are_added_when_there_are_more_messages_for_each_than_there_should_be(
    hundred: Any, messages: int, running: int
) -> None:
    assert tracked(hundred)["targetValue"] == 100
    assert (measured(hundred, messages, running) > 100) == (messages > 100 * running)


def test_one_message_is_enough_to_start_the_first_task(hundred: Any) -> None:
    assert measured(hundred, 1, 0) > 100
    assert measured(hundred, 0, 0) == 0
    assert hundred.one("appautoscaling/target:Target").inputs["minCapacity"] == 0
    assert hundred.one("ecs/service:Service").inputs["desiredCount"] == 0


def test_messages_that_wait_or_are_under_way_count_in_every_queue(hundred: Any) -> None:
    stats = [
        one["metricStat"]["metric"]
        for one in tracked(hundred)["customizedMetricSpecification"]["metrics"]
        if "metricStat" in one
    ]
    counted = {(one["metricName"], one["dimensions"][0]["value"]) for one in stats if one["namespace"] == "AWS/SQS"}
    assert counted == {
        (f"ApproximateNumberOfMessages{state}", f"dev-contracts-{trigger}-1a2b3c4")
        for state in ("Visible", "NotVisible")
        for trigger in ("jobs", "uploaded")
    }


def test_an_expression_has_ten_metrics_at_most(tasks: Deploy) -> None:
    def metrics(count: int) -> list[str]:
        found = tracked(tasks(*(f"t{number}" for number in range(count))))
        return [
            one["metricStat"]["metric"]["metricName"]
            for one in found["customizedMetricSpecification"]["metrics"]
            if "metricStat" in one
        ]

    assert len(metrics(4)) == 9
    assert len(metrics(9)) == 10
    assert "ApproximateNumberOfMessagesNotVisible" not in metrics(5)
    with pytest.raises(ValueError, match="10 queues are too many to scale by; a worker has 9 at most"):
        tasks(*(f"t{number}" for number in range(10)))


def test_tasks_are_counted_without_container_insights_too(tasks: Deploy) -> None:
    metrics = tracked(tasks(insights="disabled"))["customizedMetricSpecification"]["metrics"]
    (running,) = [one["metricStat"] for one in metrics if one["id"] == "tasks"]
    assert (running["metric"]["namespace"], running["stat"]) == ("AWS/ECS", "SampleCount")


def test_none_to_start_with_is_refused_where_nothing_would_start_the_first(tasks: Deploy) -> None:
    with pytest.raises(ValueError, match=f"{NAME}: starting from no task takes Container Insights"):
        tasks(insights="disabled", scaling=WorkerScaling(min=0))


def test_zip_is_refused_with_what_to_give_instead(tasks: Deploy) -> None:
    with pytest.raises(ValueError, match="a Fargate worker runs an image"):
        tasks(artifact=ZipArtifact(path="app.zip", sha256="x"))


def test_surface_is_that_of_a_compute_without_a_target(deploy: Deploy) -> None:
    def program() -> dict[str, Any]:
        made = declared()
        return {
            "role": made.role.name,
            "group": made.security_group_id,
            "log": made.log_group_name,
            "alarms": [one.name for one in made.alarms],
        }

    found = deploy(program).value
    assert (found["role"], found["group"], found["log"]) == (f"{NAME}-task-1a2b3c4", f"{NAME}-id", f"/ecs/{NAME}")
    assert found["alarms"][0].startswith(f"{NAME}-busy")
