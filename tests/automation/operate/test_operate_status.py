"""What `modeshift status` makes of AWS's answers."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from automation.cloud import Cloud
from automation.errors import UserError
from automation.operate import status
from automation.operate.deployed import deployed_in, stack_up
from automation.operate.found import ServiceStatus
from automation.operate.status_view import status_view
from automation.project import Project
from tests.automation.operate.aws import GROUP, TASKS, Aws, stack, state
from tests.automation.operate.ecs import deployment, service, task


def well(**changes: dict[str, Any]) -> Aws:
    """Return an AWS where all is well, but for what is said."""
    answers: dict[str, dict[str, Any]] = {
        "ecs": {"DescribeServices": {"services": [service()]}, "ListTasks": {"taskArns": []}},
        "elbv2": {"DescribeTargetHealth": {"TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}]}},
        "lambda": {
            "GetFunctionConfiguration": {"Version": "7", "State": "Active", "LastUpdateStatus": "Successful"},
            "GetAlias": {"FunctionVersion": "7"},
            "GetProvisionedConcurrencyConfig": "ProvisionedConcurrencyConfigNotFoundException",
            "GetFunctionConcurrency": {},
        },
        "cloudwatch": {"DescribeAlarms": {"MetricAlarms": []}, "GetMetricData": measured({})},
        "application-autoscaling": {
            "DescribeScalableTargets": {
                "ScalableTargets": [
                    {
                        "ServiceNamespace": "ecs",
                        "ResourceId": "service/dev-cluster/dev-users-1",
                        "ScalableDimension": "ecs:service:DesiredCount",
                        "MinCapacity": 1,
                        "MaxCapacity": 3,
                        "RoleARN": "arn",
                        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
                    }
                ]
            }
        },
    }
    for name, said in changes.items():
        answers[name.replace("_", "-")] |= said
    return Aws(**answers)


def measured(values: dict[str, list[float]]) -> Any:
    def answer(parameters: Any) -> dict[str, Any]:
        results = []
        for query in parameters["MetricDataQueries"]:
            found = values.get(query["MetricStat"]["Metric"]["MetricName"], [])
            times = [datetime(2026, 1, 1, 0, minute, tzinfo=UTC) for minute, _ in enumerate(found)]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": found})
        return {"MetricDataResults": results}

    return answer


def look(aws: Aws) -> dict[str, ServiceStatus]:
    return {one.service.name: one for one in status.look(stack(), aws.clients(*status.SERVICES))}


def shown(aws: Aws) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(status_view("dev", "https://dev.example.com", list(look(aws).values())))
    return cast("io.StringIO", console.file).getvalue()


def problems(aws: Aws, name: str) -> str:
    return "\n".join(text for part in look(aws)[name].parts for text in part.problems)


def test_all_is_well() -> None:
    aws = well(cloudwatch={"GetMetricData": measured({"namespace_number_of_running_pods": [2, 3], "Invocations": [4]})})
    found = look(aws)
    assert {name: one.state for name, one in found.items()} == {"users": "steady", "probe": "steady", "pages": "steady"}
    server, worker = found["users"].parts
    assert (server.running, server.desired, server.version, server.limits) == (2, 2, "dev-users:2", (1, 3))
    assert (server.targets, worker.targets, worker.limits) == ({"healthy": 1}, {}, None)
    [pods] = found["pages"].parts
    assert (pods.running, pods.limits, pods.desired) == (3, (2, 5), None)
    [function] = found["probe"].parts
    assert (function.version, function.running) == ("7", None)
    assert not server.warnings


def test_a_rollout_that_was_taken_back_is_trouble_with_its_reason() -> None:
    gone = {"status": "INACTIVE"}
    old = service(deployment(revision=1))
    assert "ECS went back to dev-users:1; dev-users:2 did not become healthy" in problems(
        well(ecs={"DescribeServices": {"services": [old]}}), "users"
    )
    assert "does not exist any more" in problems(well(ecs={"DescribeServices": {"services": [gone]}}), "users")


def test_tasks_that_ended_say_why_where_something_is_wrong() -> None:
    moving = service(
        deployment(2, 2, rolloutState="IN_PROGRESS", failedTasks=3, runningCount=0),
        deployment(1, 1, "ACTIVE"),
        runningCount=2,
    )
    ended = task(
        "aaa",
        lastStatus="STOPPED",
        stoppedReason="Essential container in task exited",
        containers=[
            {"name": "app", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}
        ],
    )
    aws = well(
        ecs={
            "DescribeServices": {"services": [moving]},
            "ListTasks": {"taskArns": ["arn:1", "arn:2"]},
            "DescribeTasks": {"tasks": [ended, ended]},
        }
    )
    found = look(aws)["users"]
    assert found.state == "trouble"
    said = problems(aws, "users")
    assert "3 tasks of dev-users:2 failed to stay" in said
    assert "Stopped ×2: Essential container in task exited (exit code 137, OutOfMemoryError" in said


def test_tasks_that_just_ended_by_themselves_are_told_of_when_all_is_well_again() -> None:
    now = datetime.now(UTC)
    crashed = {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"}
    unfit = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Task failed ELB health checks in (group)"}
    wanted = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by (deployment)"}
    tasks = [task(name, stoppedAt=now, **said) for name, said in (("a", crashed), ("b", unfit), ("c", wanted))]
    tasks.append(task("d", stoppedAt=now - timedelta(minutes=6), **crashed))
    aws = well(ecs={"ListTasks": {"taskArns": ["arn:1"]}, "DescribeTasks": {"tasks": tasks}})
    found = look(aws)["users"]
    assert (found.state, found.parts[0].problems) == ("steady", [])
    assert found.parts[0].warnings == [
        "Stopped: Essential container in task exited",
        "Stopped: Task failed ELB health checks in (group)",
    ]
    assert found.document()["parts"][0]["warnings"] == found.parts[0].warnings
    assert "Stopped: Essential container in task exited" in shown(aws)


def test_one_call_is_one_and_a_version_is_called_one() -> None:
    few = well(cloudwatch={"GetMetricData": measured({"Invocations": [1], "Errors": [1], "Throttles": [1]})})
    text = shown(few)
    assert "version 7" in text
    for said in ("1 call in 5 minutes", "1 call failed in 5 minutes", "1 call was refused in 5 minutes"):
        assert said in text


def test_what_load_balancer_and_alarms_say_is_said() -> None:
    sick = {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}
    aws = well(
        elbv2={"DescribeTargetHealth": {"TargetHealthDescriptions": [{"TargetHealth": sick}] * 2}},
        cloudwatch={
            "DescribeAlarms": {"MetricAlarms": [{"AlarmName": "dev-users-busy", "StateReason": "Threshold Crossed"}]}
        },
    )
    said = problems(aws, "users")
    assert "2 unhealthy: Request timed out" in said
    assert "Alarm dev-users-busy: Threshold Crossed" in said
    assert aws.calls("elbv2.DescribeTargetHealth") == [{"TargetGroupArn": GROUP}]
    assert aws.calls("cloudwatch.DescribeAlarms")[0]["AlarmNames"] == ["dev-users-busy"]


def test_a_function_that_fails_or_refuses_calls_is_trouble() -> None:
    aws = well(
        cloudwatch={"GetMetricData": measured({"Invocations": [10, 5], "Errors": [3], "Throttles": [2, 2]})},
        **{"lambda": {"GetFunctionConcurrency": {"ReservedConcurrentExecutions": 0}}},
    )
    said = problems(aws, "probe")
    assert "3 calls failed" in said
    assert "4 calls were refused" in said
    assert "reserved concurrency is 0" in said
    weights = {"FunctionVersion": "7", "RoutingConfig": {"AdditionalVersionWeights": {"6": 0.9}}}
    [part] = look(well(**{"lambda": {"GetAlias": weights}}))["probe"].parts
    assert [(one.version, one.share) for one in part.rollouts] == [("7", 10), ("6", 90)]


def test_provisioned_instances_are_told() -> None:
    config = {
        "Status": "IN_PROGRESS",
        "RequestedProvisionedConcurrentExecutions": 4,
        "AvailableProvisionedConcurrentExecutions": 1,
    }
    [part] = look(well(**{"lambda": {"GetProvisionedConcurrencyConfig": config}}))["probe"].parts
    assert (part.limits, part.facts[0]) == ((4, None), "1 of 4 provisioned instances are ready")


def test_too_few_pods_are_trouble_and_none_known_is_no_number() -> None:
    few = well(cloudwatch={"GetMetricData": measured({"namespace_number_of_running_pods": [1]})})
    assert "1 of at least 2 pods run" in problems(few, "pages")
    [unknown] = look(well())["pages"].parts
    assert (unknown.running, unknown.problems) == (None, [])
    assert "kubectl -n dev-pages get" in unknown.facts[0]


def test_a_call_that_is_refused_names_its_permission_and_hides_no_other_part() -> None:
    aws = well(ecs={"DescribeServices": "AccessDeniedException"})
    assert "ecs:DescribeServices" in problems(aws, "users")
    assert look(aws)["probe"].state == "steady"


def test_the_view_shows_what_is_wrong_as_it_was_written() -> None:
    failing = service(
        deployment(
            rolloutState="FAILED",
            rolloutStateReason="[bold]ECS deployment circuit breaker: tasks failed to start.\x1b[2J",
        ),
        runningCount=1,
    )
    text = shown(well(ecs={"DescribeServices": {"services": [failing]}}))
    assert "[bold]ECS deployment circuit breaker" in text
    assert "\x1b" not in text
    assert "has reached a steady state" in text


def test_a_stack_that_is_not_up_says_how_to_bring_it_up() -> None:
    with pytest.raises(UserError, match="not up") as error:
        deployed_in("dev", [])
    assert error.value.hint == "modeshift up --stack dev"


def test_in_the_sandbox_the_only_stack_that_is_up_need_not_be_named(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path / "local")
    (tmp_path / "Pulumi.yaml").write_text("name: shop")
    folder = project.state / ".pulumi" / "stacks" / "shop"
    folder.mkdir(parents=True)

    def keep(name: str, *resources: str) -> None:
        (tmp_path / f"Pulumi.{name}.yaml").write_text("")
        (folder / f"{name}.json").write_text(json.dumps({"checkpoint": {"latest": {"resources": list(resources)}}}))

    keep("dev", "a")
    keep("gone")
    (tmp_path / "Pulumi.prod.yaml").write_text("")
    assert stack_up(project, Cloud.SANDBOX) == "dev"
    assert not stack_up(project, Cloud.AWS)
    keep("staging", "b")
    assert not stack_up(project, Cloud.SANDBOX)


def test_services_are_found_by_the_nearest_name() -> None:
    with pytest.raises(UserError) as error:
        stack().service("user")
    assert "Did you mean users?" in error.value.hint


def test_a_service_that_left_the_stack_leaves_no_part() -> None:
    resources = state()
    del resources[0]["outputs"]["services"]["pages"]
    assert set(deployed_in("dev", resources).services) == {"users", "probe"}
    assert TASKS in stack().services["users"].part("server").definition
