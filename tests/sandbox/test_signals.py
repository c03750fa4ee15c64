"""What targets are said to do is what boto3 reads, and nothing else is said of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.control import faults, signals
from sandbox.control.account import Account, Entry
from sandbox.control.endpoint import endpoint
from sandbox.control.errors import Refusal
from sandbox.control.wire import Values

Client = Callable[[str], Any]
GROUPS = {"fargate": ("FargateService", "ip"), "eks": ("EksService", "ip"), "lambda": ("Route", "lambda")}


def suffix(compute: str) -> str:
    return f"targetgroup/{compute}/0123456789abcdef"


def arn(compute: str) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:123456789012:{suffix(compute)}"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path)
    with account.transaction() as transaction:
        for compute, (component, kind) in GROUPS.items():
            urn = f"urn:pulumi:dev::p::x:components:{component}$aws:lb/targetGroup:TargetGroup::dev-web"
            inputs: Values = {"targetType": kind}
            outputs: Values = {**inputs, "arn": arn(compute), "arnSuffix": suffix(compute)}
            token = "aws:lb/targetGroup:TargetGroup"
            transaction.add(Entry(token, "us-east-1", arn(compute), arn(compute), urn, inputs, outputs, []))
    yield account
    account.close()


@pytest.fixture
def client(account: Account) -> Iterator[Client]:
    server = endpoint(account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    url = f"http://127.0.0.1:{server.server_port}"
    yield lambda service: session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    server.shutdown()
    server.server_close()


def states(client: Client, compute: str) -> list[tuple[str, str]]:
    answer = client("elbv2").describe_target_health(TargetGroupArn=arn(compute))
    found = [one["TargetHealth"] for one in answer["TargetHealthDescriptions"]]
    return [(one["State"], one.get("Reason", "")) for one in found]


def read(client: Client, compute: str, metric: str, stat: str = "Sum", minutes: int = 3) -> list[float]:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/ApplicationELB",
                "MetricName": metric,
                "Dimensions": [{"Name": "TargetGroup", "Value": suffix(compute)}],
            },
            "Period": 60,
            "Stat": stat,
        },
    }
    answer = client("cloudwatch").get_metric_data(
        MetricDataQueries=[query],
        StartTime=start,
        EndTime=start + timedelta(minutes=minutes),
        ScanBy="TimestampAscending",
    )
    [result] = answer["MetricDataResults"]
    times = [start + timedelta(minutes=number) for number in range(len(result["Values"]))]
    assert [time.astimezone(UTC) for time in result["Timestamps"]] == times
    return result["Values"]


def test_without_rules_targets_are_well_and_functions_unchecked(client: Client) -> None:
    assert states(client, "fargate") == [("healthy", "")]
    assert states(client, "lambda") == [("unavailable", "Target.HealthCheckDisabled")]
    assert read(client, "fargate", "RequestCount") == []


def test_the_newest_rule_for_a_group_wins_and_counts(client: Client, account: Account) -> None:
    signals.say_health(account, "fargate", "initial")
    signals.say_health(account, "fargate", "unhealthy")
    assert states(client, "fargate") == [("unhealthy", "Target.FailedHealthChecks")]
    assert states(client, "eks") == [("healthy", "")]
    assert [rule.seen for rule in faults.rules(account)] == [0, 1]
    faults.clear(account)
    assert states(client, "fargate") == [("healthy", "")]


def test_a_rule_for_functions_is_one_by_their_kind(client: Client, account: Account) -> None:
    signals.say_health(account, "lambda", "unhealthy")
    assert [state for state, _ in states(client, "lambda")] == ["unhealthy"]
    assert [state for state, _ in states(client, "fargate")] == ["healthy"]


def test_traffic_is_told_minute_by_minute(client: Client, account: Account) -> None:
    signals.say_traffic(account, "eks", signals.Traffic(600, 30, 0.25))
    assert read(client, "eks", "RequestCount") == [600.0, 600.0, 600.0]
    assert read(client, "eks", "HTTPCode_Target_5XX_Count", minutes=1) == [30.0]
    assert read(client, "eks", "TargetResponseTime", "p95") == [0.25, 0.25, 0.25]
    assert read(client, "eks", "TargetConnectionErrorCount") == []
    assert read(client, "fargate", "RequestCount") == []


def test_a_rule_breaks_no_operation(account: Account) -> None:
    signals.say_health(account, "*", "unhealthy")
    assert faults.due(account, "aws:lb/targetGroup:TargetGroup", "create") is None


def test_what_does_not_exist_is_refused(client: Client, account: Account) -> None:
    with pytest.raises(ClientError, match="TargetGroupNotFound"):
        client("elbv2").describe_target_health(TargetGroupArn=f"{arn('eks')}0")
    with pytest.raises(Refusal, match=r"No such health: ill\. It is one of healthy, unhealthy"):
        signals.say_health(account, "*", "ill")


def test_a_rule_says_what_it_is(account: Account) -> None:
    assert signals.words(signals.say_health(account, "eks", "initial")) == "targets of eks are initial"
    said = signals.words(signals.say_traffic(account, "eks", signals.Traffic(600, 3, 0.2)))
    assert said == "eks gets 600 requests a minute, 3 fail, 95 % within 0.2 s"
    assert signals.words(faults.add(account, faults.Rule("*", "create", "fail"))) == ""
