"""What moves messages and what takes them: each counted once, by what a service's queues get."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from automation.cost.estimate import Estimate
from automation.cost.resources import Resource
from automation.plan.values import Hidden
from stacks.prices import cents
from tests.automation.cost.conftest import (
    FUNCTION,
    SERVICE,
    SHEET,
    TARGET,
    TASK,
    component,
    cost_of,
    price,
    resource,
    usage,
)

USD = Decimal
QUEUE = "aws:sqs/queue:Queue"
SCHEDULE = "aws:scheduler/schedule:Schedule"


def queue(name: str) -> list[Resource]:
    """Return a trigger's queue with the one beside it."""
    parent = component("Queue", name)
    return [parent, resource(QUEUE, name, parent), resource(QUEUE, f"{name}-dead-letter", parent)]


def worker_function() -> list[Resource]:
    parent = component("LambdaWorker", "shop-worker")
    return [parent, resource(FUNCTION, "shop-worker", parent, memorySize=1024)]


def worker_tasks(low: int, high: int | Hidden) -> list[Resource]:
    parent = component("FargateWorker", "shop-worker")
    size = {"cpu": "512", "memory": "1024", "runtimePlatform": {"cpuArchitecture": "ARM64"}}
    return [
        parent,
        resource(TASK, "shop-worker", parent, **size),
        resource(SERVICE, "shop-worker", parent, capacityProviderStrategies=[{"capacityProvider": "FARGATE"}]),
        resource(TARGET, "shop-worker", parent, minCapacity=low, maxCapacity=high),
    ]


def worker_pods(low: int, high: int) -> list[Resource]:
    parent = component("EksWorker", "shop-worker")
    scaling = {"enabled": True, "minReplicas": low, "maxReplicas": high}
    values = {"server": {"enabled": False}, "worker": {"autoscaling": scaling}}
    return [parent, resource("kubernetes:helm.sh/v3:Release", "shop-worker", parent, values=values)]


def shop(*parts: list[Resource], **changes: Any) -> Estimate:
    """Price the parts of a service called shop, whose HTTP half costs nothing."""
    return price(component("LambdaService", "shop"), *[each for part in parts for each in part], **changes)


def lines(estimated: Estimate, name: str) -> dict[str, Decimal]:
    """Return what each line of a resource costs."""
    return {item.what: item.cost.expected for item in estimated.items if item.resource == f"dev-{name}"}


def test_a_worker_costs_what_its_queues_bring_not_what_the_service_is_asked() -> None:
    estimated = shop(
        queue("shop-jobs"),
        queue("shop-uploaded"),
        worker_function(),
        service={"requests": 10**9, "messages": 50_000, "messageMs": 2000},
    )

    assert lines(estimated, "shop-worker") == {
        "requests": USD("0.02"),
        "duration": 100_000 * 2 * SHEET.prices["lambda.duration.x86_64"].usd,
        "metrics": 2 * 3 * USD("0.30"),
    }
    assert "the worker of shop: 100,000 messages a month" in estimated.assumptions


def test_a_queue_is_paid_by_message_and_by_asking_whether_there_is_any() -> None:
    # 1,000,000 messages sent, taken, deleted; five pollers that wait 20 seconds: 5 × 730 × 3600 / 20.
    estimated = shop(queue("shop-jobs"), worker_function(), service={"messages": 1_000_000})

    assert lines(estimated, "shop-jobs") == {"requests": USD("1.20"), "polling": 657_000 * USD("0.0000004")}
    assert lines(estimated, "shop-jobs-dead-letter") == {"requests": 0}


@pytest.mark.parametrize("worker", [worker_tasks(1, 3), worker_pods(1, 3)], ids=["tasks", "pods"])
def test_each_task_or_pod_asks_each_queue(worker: list[Resource]) -> None:
    polling = cost_of(shop(queue("shop-jobs"), worker, service={"busyShare": "0.5"}), "polling")

    assert [polling.low, polling.expected, polling.high] == [count * 131_400 * USD("0.0000004") for count in (1, 2, 3)]


def test_tasks_of_a_worker_are_not_taken_for_those_of_the_service() -> None:
    estimated = shop(queue("shop-jobs"), worker_tasks(1, 3), service={"busyShare": "0.5"})

    assert any(text.startswith("the worker of shop: 1 + 0.5 × (3 - 1) = 2 tasks") for text in estimated.assumptions)


def test_a_queue_whose_tasks_nobody_can_count_says_so() -> None:
    estimated = shop(queue("shop-jobs"), worker_tasks(1, Hidden.UNKNOWN))

    assert "polling" in [gap.what for gap in estimated.unknown]


def test_a_service_that_moves_is_asked_for_by_both_computes() -> None:
    both = shop(queue("shop-jobs"), worker_function(), worker_tasks(1, 1))

    assert cost_of(both, "polling").expected == (5 + 1) * 131_400 * USD("0.0000004")


def test_a_service_with_a_longer_name_keeps_its_own() -> None:
    known = usage().service.model_dump(mode="json", by_alias=True)
    services = {name: {**known, "messages": count} for name, count in {"shop": 1, "shop-window": 7}.items()}
    estimated = shop([component("LambdaService", "shop-window")], queue("shop-window-jobs"), services=services)

    assert "dev-shop-window-jobs: 7 messages a month" in estimated.assumptions


@pytest.mark.parametrize(
    ("expression", "timezone", "times"),
    [
        ("rate(1 hour)", "UTC", 730),
        ("rate(15 minutes)", "UTC", 2920),
        ("cron(0 8 ? * MON-FRI *)", "Europe/Berlin", 261 * USD(730) / 8760),
        ("at(2030-01-31T08:00:00)", "UTC", 1),
    ],
)
def test_a_schedule_says_itself_how_often_it_sends(expression: str, timezone: str, times: Decimal) -> None:
    clock = resource(SCHEDULE, "shop-clock", scheduleExpression=expression, scheduleExpressionTimezone=timezone)
    estimated = shop([clock], queue("shop-clock"), service={"messages": 10**6})

    assert cost_of(estimated, "invocations").expected == times * USD("0.000001")
    assert cost_of(estimated, "requests").expected == times * 3 * USD("0.0000004")


@pytest.mark.parametrize("expression", ["cron(0 8 L * ? *)", "rate(0 hours)", Hidden.UNKNOWN])
def test_a_schedule_without_a_place_in_the_year_is_unknown(expression: object) -> None:
    estimated = shop([resource(SCHEDULE, "shop-clock", scheduleExpression=expression)])

    assert [gap.what for gap in estimated.unknown] == ["invocations"]


def test_a_pipe_is_paid_by_change() -> None:
    parent = component("TableStream", "shop-written")
    pipe = resource("aws:pipes/pipe:Pipe", "shop-written", parent)

    assert shop([parent, pipe], service={"messages": 1_000_000}).total.expected == USD("0.40")
    assert [gap.what for gap in price(resource("aws:pipes/pipe:Pipe", enrichment="arn:a")).unknown] == ["enrichment"]


@pytest.mark.parametrize(("protocol", "usd"), [("email", "0.20"), ("https", "0.006"), ("sqs", "0"), ("lambda", "0")])
def test_who_is_told_by_a_topic(protocol: str, usd: str) -> None:
    told = resource("aws:sns/topicSubscription:TopicSubscription", protocol=protocol)

    assert price(told, topicMessages=10_000).total.expected == USD(usd)


def test_messages_to_telephones_are_unknown() -> None:
    told = resource("aws:sns/topicSubscription:TopicSubscription", protocol="sms")

    assert [gap.what for gap in price(told).unknown] == ["deliveries"]


def test_a_migration_runs_once_for_a_release() -> None:
    parent = component("Migration", "shop-migration")
    function = resource(FUNCTION, "shop-migration", parent, memorySize=1024, architectures=["arm64"])
    estimated = shop([parent, function], releases=30, service={"requests": 10**9})

    assert cost_of(estimated, "duration").expected == 30 * 60 * USD("0.0000133334")
    assert cents(estimated.total.expected) == USD("0.02")


def test_functions_pay_for_the_metrics_they_write() -> None:
    parent = component("LambdaService", "api")

    def metrics(**environment: str) -> Decimal:
        made = resource(FUNCTION, "api", parent, environment={"variables": environment})
        return cost_of(price(parent, made, service={"metrics": 12}), "metrics").expected

    assert metrics() == metrics(METRICS="auto") == USD("3.60")
    assert metrics(METRICS="off") == metrics(METRICS="prometheus") == 0


def test_scaling_by_a_backlog_pays_for_each_metric_of_its_alarms() -> None:
    stat = {"metricStat": {"metric": {"metricName": "Messages"}}}
    tracked = {"customizedMetricSpecification": {"metrics": [stat, stat, stat, {"expression": "(a+b)/c"}]}}
    kind = "aws:appautoscaling/policy:Policy"
    policy = resource(kind, policyType="TargetTrackingScaling", targetTrackingScalingPolicyConfiguration=tracked)

    assert price(policy).total.expected == USD("0.60")


def test_a_filter_of_logs_makes_a_metric() -> None:
    kind = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
    split = resource(kind, metricTransformation={"dimensions": {"Route": "$.Route"}})

    assert price(resource(kind, metricTransformation={"name": "errors"})).total.expected == USD("0.30")
    assert [gap.what for gap in price(split).unknown] == ["metrics"]
