"""boto3's own parsers read the API's answers, and find in them what runs."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from sandbox.workloads.http.messages import Request
from tests.sandbox.workloads.api.runs import CLUSTER, GROUP, SCALED, SERVICE, TASKS, Runs


def ask(runs: Runs, service: str, call: str, /, **parameters: Any) -> Any:
    return asyncio.run(runs.ask(service, call, **parameters))


def refused(runs: Runs, service: str, call: str, /, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        ask(runs, service, call, **parameters)
    said = error.value.response["Error"]
    return said["Code"], said["Message"]


def test_a_service_is_what_runs_and_not_what_was_wanted(runs: Runs) -> None:
    answer = ask(runs, "ecs", "describe_services", cluster=CLUSTER, services=["dev-users-2", "gone"])
    [service] = answer["services"]
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (2, 1, 1)
    # The stack wants revision 2; ECS went back to 1.
    assert service["taskDefinition"] == f"{TASKS}:1"
    [deployment] = service["deployments"]
    assert (deployment["rolloutState"], deployment["failedTasks"]) == ("IN_PROGRESS", 3)
    assert deployment["createdAt"].timestamp() == 1_700_000_000
    assert service["events"][0]["message"].endswith("has started 1 tasks.")
    assert answer["failures"] == [{"arn": "gone", "reason": "MISSING"}]


def test_a_service_of_which_nothing_runs_yet_has_no_tasks(runs: Runs) -> None:
    runs.ecs.service = {"arn": "another"}
    [service] = ask(runs, "ecs", "describe_services", cluster="dev-cluster-1", services=[SERVICE])["services"]
    assert (service["runningCount"], service["desiredCount"]) == (0, 3)
    assert (service["deployments"], service["taskDefinition"]) == ([], f"{TASKS}:2")


def test_tasks_are_listed_by_what_they_shall_be_and_say_how_they_ended(runs: Runs) -> None:
    running = ask(runs, "ecs", "list_tasks", cluster=CLUSTER, serviceName="dev-users-2")["taskArns"]
    stopped = ask(runs, "ecs", "list_tasks", cluster=CLUSTER, serviceName="dev-users-2", desiredStatus="STOPPED")
    assert [arn.rsplit("/", 1)[-1] for arn in (*running, *stopped["taskArns"])] == ["aaa", "bbb"]
    tasks = ask(runs, "ecs", "describe_tasks", cluster=CLUSTER, tasks=[*running, *stopped["taskArns"]])["tasks"]
    assert tasks[0]["healthStatus"] == "HEALTHY"
    assert tasks[1]["stoppedReason"] == "Essential container in task exited"
    assert tasks[1]["containers"][0]["exitCode"] == 3
    assert tasks[1]["containers"][0]["name"] == "app"


def test_people_count_tasks_and_start_them_anew(runs: Runs) -> None:
    ask(runs, "ecs", "update_service", cluster=CLUSTER, service="dev-users-2", desiredCount=0)
    ask(runs, "ecs", "update_service", cluster=CLUSTER, service="dev-users-2", forceNewDeployment=True)
    assert runs.ecs.asked == [("capacity", SCALED, 0), ("redeploy", SERVICE)]


def test_what_else_a_service_has_is_not_changed_here(runs: Runs) -> None:
    code, message = refused(runs, "ecs", "update_service", cluster=CLUSTER, service="dev-users-2", taskDefinition="x")
    assert (code, "taskDefinition" in message) == ("InvalidParameterException", True)
    assert not runs.ecs.asked


def test_unknown_things_have_the_errors_of_aws(runs: Runs) -> None:
    assert refused(runs, "ecs", "describe_services", cluster="no", services=["x"])[0] == "ClusterNotFoundException"
    assert refused(runs, "ecs", "update_service", cluster=CLUSTER, service="no")[0] == "ServiceNotFoundException"
    assert refused(runs, "elbv2", "describe_target_health", TargetGroupArn="no")[0] == "TargetGroupNotFound"
    assert refused(runs, "lambda", "get_function_concurrency", FunctionName="no")[0] == "ResourceNotFoundException"
    assert refused(runs, "logs", "filter_log_events", logGroupName="no")[0] == "ResourceNotFoundException"


def test_a_session_is_a_file_for_its_owner_with_the_environment_of_the_task(runs: Runs) -> None:
    answer = ask(runs, "ecs", "execute_command", cluster=CLUSTER, task="aaa", command="ls -la", interactive=True)
    file = Path(urlsplit(answer["session"]["streamUrl"]).path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"command": "ls -la", "environment": {"KEY": "s3cret"}, "folder": "/app"}
    assert "s3cret" not in json.dumps({**answer, "ResponseMetadata": None}, default=str)


def test_no_session_where_the_stack_allows_none_or_nothing_runs(runs: Runs) -> None:
    code, message = refused(runs, "ecs", "execute_command", cluster=CLUSTER, task="bbb", command="ls", interactive=True)
    assert (code, "execute command was not enabled" in message) == ("InvalidParameterException", True)


def test_targets_are_as_the_load_balancer_finds_them(runs: Runs) -> None:
    answer = ask(runs, "elbv2", "describe_target_health", TargetGroupArn=GROUP)["TargetHealthDescriptions"]
    assert [one["TargetHealth"]["State"] for one in answer] == ["healthy", "unhealthy"]
    # The port is the container's, which a target group knows; where it listens here is nobody's business.
    assert {one["Target"]["Port"] for one in answer} == {8080}
    assert answer[1]["TargetHealth"]["Reason"] == "Target.ResponseCodeMismatch"


def test_bounds_are_changed_as_by_hand(runs: Runs) -> None:
    named = {"ServiceNamespace": "ecs", "ResourceId": SCALED, "ScalableDimension": "ecs:service:DesiredCount"}
    ask(runs, "application-autoscaling", "register_scalable_target", **named, MinCapacity=2, MaxCapacity=9)
    [target] = ask(
        runs, "application-autoscaling", "describe_scalable_targets", ServiceNamespace="ecs", ResourceIds=[SCALED]
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 9)
    assert refused(runs, "application-autoscaling", "register_scalable_target", **named, MinCapacity=10)[0] == (
        "ValidationException"
    )


def test_a_function_says_who_is_behind_its_alias_and_what_is_kept_for_it(runs: Runs) -> None:
    alias = ask(runs, "lambda", "get_alias", FunctionName="dev-probe-3", Name="live")
    assert (alias["FunctionVersion"], alias["RoutingConfig"]["AdditionalVersionWeights"]) == ("7", {"6": 0.9})
    facts = ask(runs, "lambda", "get_function_configuration", FunctionName="dev-probe-3", Qualifier="live")
    assert (facts["Version"], facts["MemorySize"], facts["State"]) == ("7", 512, "Active")
    assert "ReservedConcurrentExecutions" not in ask(
        runs, "lambda", "get_function_concurrency", FunctionName="dev-probe-3"
    )


def test_concurrency_is_changed_as_by_hand(runs: Runs) -> None:
    ask(runs, "lambda", "put_function_concurrency", FunctionName="dev-probe-3", ReservedConcurrentExecutions=0)
    answer = ask(runs, "lambda", "get_function_concurrency", FunctionName="dev-probe-3")
    assert answer["ReservedConcurrentExecutions"] == 0
    ask(runs, "lambda", "delete_function_concurrency", FunctionName="dev-probe-3")
    assert "ReservedConcurrentExecutions" not in ask(
        runs, "lambda", "get_function_concurrency", FunctionName="dev-probe-3"
    )


def test_provisioned_concurrency_is_ready_when_the_workers_are(runs: Runs) -> None:
    named = {"FunctionName": "dev-probe-3", "Qualifier": "live"}
    assert ask(runs, "lambda", "get_provisioned_concurrency_config", **named)["Status"] == "IN_PROGRESS"
    provisioned = [{"qualifier": "live", "allocated": 2, "available": 1, "status": "READY"}]
    runs.functions = [
        {"arn": runs.snapshot.of("aws:lambda/function:Function")[0].outputs["arn"], "provisioned": provisioned}
    ]
    answer = ask(runs, "lambda", "get_provisioned_concurrency_config", **named)
    assert (answer["Status"], answer["AvailableProvisionedConcurrentExecutions"]) == ("READY", 1)
    ask(runs, "lambda", "put_provisioned_concurrency_config", **named, ProvisionedConcurrentExecutions=5)
    answer = ask(runs, "lambda", "get_provisioned_concurrency_config", **named)
    assert answer["RequestedProvisionedConcurrentExecutions"] == 5
    code, _ = refused(
        runs, "lambda", "get_provisioned_concurrency_config", FunctionName="dev-probe-3", Qualifier="other"
    )
    assert code == "ProvisionedConcurrencyConfigNotFoundException"


def test_no_more_is_reserved_than_leaves_something_for_other_functions(runs: Runs) -> None:
    named = {"FunctionName": "dev-probe-3"}
    code, words = refused(runs, "lambda", "put_function_concurrency", **named, ReservedConcurrentExecutions=901)
    assert code == "InvalidParameterValueException"
    assert words.endswith("decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
    assert "ReservedConcurrentExecutions" not in ask(runs, "lambda", "get_function_concurrency", **named)
    # What the function itself has reserved already is not counted twice.
    for wanted in (900, 899):
        ask(runs, "lambda", "put_function_concurrency", **named, ReservedConcurrentExecutions=wanted)


def test_provisioned_concurrency_goes_and_comes_where_the_stack_has_none(runs: Runs) -> None:
    named = {"FunctionName": "dev-probe-3", "Qualifier": "live"}
    for _ in range(2):
        gone = ask(runs, "lambda", "delete_provisioned_concurrency_config", **named)
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(runs, "lambda", "get_provisioned_concurrency_config", **named)[0] == (
        "ProvisionedConcurrencyConfigNotFoundException"
    )
    for qualifier, count in (("live", 3), ("7", 1), ("live", 4)):
        named["Qualifier"] = qualifier
        made = ask(runs, "lambda", "put_provisioned_concurrency_config", **named, ProvisionedConcurrentExecutions=count)
        assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    kept = [
        (one.outputs["functionName"], one.outputs["qualifier"], one.outputs["provisionedConcurrentExecutions"])
        for one in runs.snapshot.of("aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig")
    ]
    assert sorted(kept) == [("dev-probe-3", "7", 1), ("dev-probe-3", "live", 4)]


@pytest.mark.parametrize(
    ("qualifier", "code"),
    [
        ("$LATEST", "InvalidParameterValueException"),
        ("8", "ResourceNotFoundException"),
        ("no", "ResourceNotFoundException"),
    ],
)
def test_nothing_is_provisioned_for_what_is_not_published(runs: Runs, qualifier: str, code: str) -> None:
    named = {"FunctionName": "dev-probe-3", "Qualifier": qualifier}
    assert refused(runs, "lambda", "put_provisioned_concurrency_config", **named, ProvisionedConcurrentExecutions=1)[
        0
    ] == (code)


def test_measurements_come_by_minute(runs: Runs) -> None:
    now = time.time()
    for value in (1, 2):
        runs.context.metrics.add("AWS/Lambda", "Invocations", {"FunctionName": "dev-probe-3"}, value)
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": "dev-probe-3"}],
    }
    query = {"Id": "m0", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    [result] = ask(
        runs, "cloudwatch", "get_metric_data", MetricDataQueries=[query], StartTime=now - 300, EndTime=now + 60
    )["MetricDataResults"]
    assert (sum(result["Values"]), len(result["Timestamps"])) == (3, len(result["Values"]))
    bad = {"Id": "m0", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "TM(1%:2%)"}}
    code, _ = refused(runs, "cloudwatch", "get_metric_data", MetricDataQueries=[bad], StartTime=now, EndTime=now + 60)
    assert code == "InvalidParameterValue"


def test_an_alarm_that_nobody_judged_has_no_data(runs: Runs) -> None:
    [alarm] = ask(runs, "cloudwatch", "describe_alarms")["MetricAlarms"]
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    runs.alarms = {"dev-users-busy": {"state": "ALARM", "reason": "Threshold crossed", "since": 1_700_000_000.0}}
    [alarm] = ask(runs, "cloudwatch", "describe_alarms", AlarmNames=["dev-users-busy"], StateValue="ALARM")[
        "MetricAlarms"
    ]
    assert (alarm["StateReason"], alarm["Threshold"]) == ("Threshold crossed", 80)
    assert not ask(runs, "cloudwatch", "describe_alarms", StateValue="OK")["MetricAlarms"]


def test_a_request_that_is_no_call_about_what_runs_is_nobodys(runs: Runs) -> None:
    headers = [("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DeleteService")]
    assert asyncio.run(runs.api.handle(Request("POST", "/", headers, b"{}"))) is None
    assert asyncio.run(runs.api.handle(Request("GET", "/favicon.ico"))) is None


def test_events_of_a_group_are_found_by_time_words_and_page(runs: Runs) -> None:
    began = int(time.time() * 1000)
    for number in range(5):
        runs.context.logs.write("/ecs/dev-users", "app/app/aaa", f"line {number} {'ERROR' if number % 2 else 'INFO'}")
    pages, token = [], {}
    while True:
        answer = ask(
            runs, "logs", "filter_log_events", logGroupName="/ecs/dev-users", startTime=began, limit=2, **token
        )
        pages += [event["message"] for event in answer["events"]]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert pages == [f"line {number} {'ERROR' if number % 2 else 'INFO'}" for number in range(5)]
    found = ask(runs, "logs", "filter_log_events", logGroupName="/ecs/dev-users", filterPattern="ERROR -3")["events"]
    assert [event["message"] for event in found] == ["line 1 ERROR"]
    assert len({event["eventId"] for event in found}) == 1
    later = ask(runs, "logs", "filter_log_events", logGroupName="/ecs/dev-users", startTime=began + 60_000)
    assert later["events"] == []


def test_lines_of_pods_come_as_container_insights_records_them(runs: Runs) -> None:
    group = "/aws/containerinsights/dev-eks/application"
    for namespace in ("dev-users", "dev-probe"):
        runs.context.logs.write(group, f"{namespace}/{namespace}-7f/app", "hello")
    pattern = '{ $.kubernetes.namespace_name = "dev-users" }'
    [event] = ask(runs, "logs", "filter_log_events", logGroupName=group, filterPattern=pattern)["events"]
    assert json.loads(event["message"])["log"] == "hello"
    assert "dev-users-7f_dev-users_app" in event["logStreamName"]


@pytest.mark.parametrize("pattern", ["{ $.status > 500 }", "[ip, user]", "%ERR.*%"])
def test_patterns_that_are_not_simulated_are_refused(runs: Runs, pattern: str) -> None:
    code, message = refused(runs, "logs", "filter_log_events", logGroupName="/ecs/dev-users", filterPattern=pattern)
    assert (code, "not simulated" in message) == ("InvalidParameterException", True)
