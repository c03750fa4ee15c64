"""A service under a load profile, minute by minute: it scales out and in exactly as the arithmetic says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.control.account import Resource
from tests.sandbox.workloads.scaling.scaled import SERVICE, World, cpu, policy, resource, target, tracking

QUEUE = {"QueueName": "jobs"}


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., World]:
    """Play a story in a world of its own, and return what is left."""

    def run(story: Callable[[World], Awaitable[None]], **options: Any) -> World:
        async def main() -> World:
            world = World(tmp_path, **options)
            try:
                await story(world)
            finally:
                await world.scaling.close()
            return world

        return asyncio.run(main())

    return run


Play = Callable[..., World]


@pytest.mark.parametrize("speed", [1, 10, 60])
def test_a_load_profile(play: Play, speed: float) -> None:
    async def story(world: World) -> None:
        await world.apply(target(1, 10), cpu(70))
        assert await world.minutes(20, world.loaded(60)) == [1] * 20
        # Three minutes above 70, then each minute as many as bring 100 % to 70 %: 1 → 2 → 3 → 5, where it is 70 %.
        assert await world.minutes(8, world.loaded(350)) == [1, 1, 2, 3, 5, 5, 5, 5]
        # Fifteen minutes below 63, then as few as keep 20 % of five below 70 %; 50 % of two is no reason to go on.
        assert await world.minutes(25, world.loaded(100)) == [5] * 14 + [2] * 11
        # The alarm is still on, and its cooldown over.
        assert await world.minutes(3, world.loaded(30)) == [1] * 3

    world = play(story, speed=speed)
    assert [(where, capacity) for where, capacity, _ in world.service.told] == [
        (SERVICE, capacity) for capacity in (2, 3, 5, 2, 1)
    ]
    assert "AlarmHigh" in world.service.told[0][2]
    assert "AlarmLow" in world.service.told[-1][2]
    activities = world.scaling.describe()["targets"][0]["activities"]
    assert [(one["from"], one["to"], one["description"]) for one in activities][:2] == [
        (1, 2, "Setting desired count to 2."),
        (2, 3, "Setting desired count to 3."),
    ]
    assert activities[0]["cause"].startswith("monitor alarm TargetTracking-service/dev-cluster/dev-netprobe-AlarmHigh-")


def test_removing_waits_for_its_cooldown_and_adding_does_not(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(1, 10), cpu(70))
        assert await world.minutes(15, world.loaded(350)) == [1, 1, 2, 3, *[5] * 11]
        await world.minutes(15, world.loaded(200))
        assert world.service.wanted == 3
        # 150 of three is 50 %, so three are one too many as soon as five minutes are over.
        assert await world.minutes(6, world.loaded(120)) == [3, 3, 3, 3, 2, 2]
        # While it waits again, more load is met at once, and what was removed is no reason to wait.
        assert await world.minutes(3, world.loaded(300)) == [2, 2, 3]

    play(story)


def test_what_a_cooldown_is_for_counts_as_done(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(1, 20), cpu(50, scaleOutCooldown=300))
        assert await world.minutes(3, lambda: world.use("CPUUtilization", 100)) == [1, 1, 2]
        # Twice of one is what there is already; three times of one is one more.
        assert await world.minutes(1, lambda: world.use("CPUUtilization", 100)) == [2]
        assert await world.minutes(1, lambda: world.use("CPUUtilization", 140)) == [3]
        assert await world.minutes(4, lambda: world.use("CPUUtilization", 140)) == [3, 3, 9, 9]

    play(story)


def test_the_largest_of_several_policies_wins_and_all_must_agree_to_remove(play: Play) -> None:
    async def story(world: World) -> None:
        memory = tracking("memory", "ECSServiceAverageMemoryUtilization", 80)
        await world.apply(target(1, 20), cpu(50), memory)

        def both(one: float, other: float) -> Callable[[], None]:
            def measure() -> None:
                world.use("CPUUtilization", one)
                world.use("MemoryUtilization", other)

            return measure

        assert await world.minutes(3, both(100, 240)) == [1, 1, 3]
        assert (await world.minutes(20, both(10, 79)))[-1] == 3
        assert (await world.minutes(15, both(10, 50)))[-1] == 2
        # No data is no low use.
        assert (await world.minutes(20, lambda: world.use("CPUUtilization", 1)))[-1] == 2

    world = play(story)
    assert "triggered policy memory" in world.service.told[0][2]


def test_a_policy_may_only_add(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(1, 20), cpu(50, disableScaleIn=True))
        await world.minutes(3, lambda: world.use("CPUUtilization", 100))
        assert await world.minutes(30, lambda: world.use("CPUUtilization", 1)) == [2] * 30

    play(story)


def test_nothing_is_removed_in_the_middle_of_a_deployment(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(1, 20), cpu(50))
        world.service.deploys = True
        assert await world.minutes(3, lambda: world.use("CPUUtilization", 100)) == [1, 1, 2]
        assert await world.minutes(20, lambda: world.use("CPUUtilization", 1)) == [2] * 20
        world.service.deploys = False
        assert await world.minute(lambda: world.use("CPUUtilization", 1)) == 1

    play(story)


def test_bounds_hold_and_scaling_can_be_suspended(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(2, 3), cpu(50))
        assert await world.minute() == 2
        await world.minutes(5, lambda: world.use("CPUUtilization", 100))
        assert world.service.wanted == 3
        await world.apply(target(1, 2), cpu(50))
        assert await world.minute() == 2
        await world.apply(target(1, 9, suspendedState={"dynamicScalingOutSuspended": True}), cpu(50))
        assert await world.minutes(9, lambda: world.use("CPUUtilization", 100)) == [2] * 9

    world = play(story)
    assert [reason for *_, reason in world.service.told if "capacity" in reason] == [
        "minimum capacity was set to 2",
        "maximum capacity was set to 2",
    ]


def test_requests_are_counted_by_the_minute_whatever_the_speed_of_the_clock(play: Play) -> None:
    where = {"LoadBalancer": "app/dev-front-door/1", "TargetGroup": "targetgroup/dev-netprobe/2"}

    async def story(world: World) -> None:
        await world.apply(target(1, 10), tracking("requests", "ALBRequestCountPerTarget", 100))

        def measure() -> None:
            # Five requests a second on a machine: 300 in a minute, of which a clock ten times as fast sees 30.
            for _ in range(round(5 * 60 / world.context.clock.speed)):
                world.add("AWS/ApplicationELB", "RequestCountPerTarget", where, 1 / (world.service.wanted or 1))

        assert await world.minutes(4, measure) == [1, 1, 3, 3]

    for speed in (1, 10):
        play(story, speed=speed)


def steps(alarm_actions: list[str]) -> tuple[Any, Any]:
    adjustments = [
        {"metricIntervalLowerBound": "0", "metricIntervalUpperBound": "10", "scalingAdjustment": 1},
        {"metricIntervalLowerBound": "10", "scalingAdjustment": 3},
    ]
    stepping = policy(
        "steps",
        policyType="StepScaling",
        stepScalingPolicyConfiguration={
            "adjustmentType": "ChangeInCapacity",
            "cooldown": 180,
            "metricAggregationType": "Average",
            "stepAdjustments": adjustments,
        },
    )
    alarm = resource(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "dev-netprobe-steps",
        namespace="AWS/ECS",
        metricName="CPUUtilization",
        dimensions={"ClusterName": "dev-cluster", "ServiceName": "dev-netprobe"},
        statistic="Average",
        period=60,
        evaluationPeriods=2,
        comparisonOperator="GreaterThanOrEqualToThreshold",
        threshold=80,
        alarmActions=[*alarm_actions, stepping.outputs["arn"]],
        treatMissingData="missing",
    )
    return stepping, alarm


def test_steps_by_how_far_an_alarm_is_beyond_its_threshold(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(1, 20), *steps([]))
        use = lambda value: lambda: world.use("CPUUtilization", value)  # noqa: E731
        assert await world.minutes(2, use(85)) == [1, 2]
        # A larger step within the cooldown: the one that was added is part of its three.
        assert await world.minutes(2, use(96)) == [4, 4]
        assert await world.minutes(1, use(96)) == [7]
        assert await world.minutes(3, use(10)) == [7, 7, 7]

    world = play(story)
    described = world.scaling.describe()
    assert described["alarms"]["dev-netprobe-steps"]["state"] == "OK"
    assert described["alarms"]["dev-netprobe-steps"]["measured"] is True
    assert [text.split(". ")[0] for text in world.said("alarm")] == [
        "Alarm dev-netprobe-steps: INSUFFICIENT_DATA → ALARM",
        "Alarm dev-netprobe-steps: ALARM → OK",
    ]
    assert world.service.told[0][2] == "monitor alarm dev-netprobe-steps in state ALARM triggered policy steps"


def backlog(least: int) -> tuple[Any, Any]:
    def metric(name: str, namespace: str, metric: str, stat: str, **dimensions: str) -> dict[str, Any]:
        named = [{"name": key, "value": value} for key, value in dimensions.items()]
        return {
            "id": name,
            "metricStat": {"metric": {"namespace": namespace, "metricName": metric, "dimensions": named}, "stat": stat},
            "returnData": False,
        }

    metrics = [
        metric("w0", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Sum", **QUEUE),
        metric("u0", "AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Sum", **QUEUE),
        metric(
            "tasks",
            "ECS/ContainerInsights",
            "RunningTaskCount",
            "Average",
            ClusterName="dev-cluster",
            ServiceName="dev-netprobe",
        ),
        {"id": "b", "expression": "SUM([w0, u0]) / IF(tasks > 0, tasks, 1 / 101)", "returnData": True},
    ]
    given = {
        "targetValue": 100,
        "scaleOutCooldown": 60,
        "scaleInCooldown": 60,
        "customizedMetricSpecification": {"metrics": metrics},
    }
    return target(least, 5), policy("backlog", targetTrackingScalingPolicyConfiguration=given)


def test_workers_by_what_waits_in_their_queue_from_none_and_back(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(*backlog(0))
        where = {"ClusterName": "dev-cluster", "ServiceName": "dev-netprobe"}

        def measure() -> None:
            world.add("ECS/ContainerInsights", "RunningTaskCount", where, world.service.wanted or 0)

        assert await world.minutes(5, measure) == [0] * 5
        world.queues = {
            "jobs": {"ApproximateNumberOfMessagesVisible": 280, "ApproximateNumberOfMessagesNotVisible": 10}
        }
        # SQS tells of a minute when it is over.
        assert await world.minutes(7, measure) == [0, 0, 0, 1, 3, 3, 3]
        world.queues = {"jobs": {"ApproximateNumberOfMessagesVisible": 0, "ApproximateNumberOfMessagesNotVisible": 0}}
        assert (await world.minutes(16, measure))[-2:] == [3, 0]

    play(story, capacity=0)


def test_schedules_move_the_bounds_by_the_clock(play: Play) -> None:
    def plan(name: str, schedule: str, **outputs: Any) -> Any:
        return resource(
            "aws:appautoscaling/scheduledAction:ScheduledAction",
            name,
            resourceId=SERVICE,
            scalableDimension="ecs:service:DesiredCount",
            serviceNamespace="ecs",
            schedule=schedule,
            **outputs,
        )

    office = plan(
        "office",
        "cron(0 9 ? * MON-FRI *)",
        timezone="Europe/Berlin",
        scalableTargetAction={"minCapacity": 4, "maxCapacity": 6},
    )
    once = plan("once", "at(2026-11-20T09:00:00)", scalableTargetAction={"minCapacity": 1})

    async def story(world: World) -> None:
        await world.apply(target(1, 3), office, once)
        # 7:30 UTC; in Berlin it is nine at eight.
        assert await world.minutes(29) == [1] * 29
        assert await world.minutes(31) == [4] * 31
        described = world.scaling.describe()["targets"][0]
        assert (described["min"], described["max"]) == (4, 6)
        assert [plan["next"] for plan in described["schedules"]] == [
            "2026-11-23T08:00:00+00:00",
            "2026-11-20T09:00:00+00:00",
        ]
        await world.minutes(31)
        assert world.scaling.describe()["targets"][0]["min"] == 1
        # The bounds of a new version of the stack take the place of what a schedule set.
        await world.apply(target(1, 2), office, once)
        assert await world.minute() == 2

    world = play(story)
    assert world.service.told[0][2] == "scheduled action name office was triggered; minimum capacity was set to 4"


def test_what_is_not_simulated_is_said_and_scales_nothing(play: Play) -> None:
    odd = policy("odd", policyType="PredictiveScaling", predictiveScalingPolicyConfiguration={})
    metrics = [{"id": "a", "expression": "ANOMALY_DETECTION_BAND(a)", "returnData": True}]
    strange = policy(
        "strange",
        targetTrackingScalingPolicyConfiguration={
            "targetValue": 1,
            "customizedMetricSpecification": {"metrics": metrics},
        },
    )
    table = target(1, 2, serviceNamespace="dynamodb", resourceId="table/x", scalableDimension="d")

    async def story(world: World) -> None:
        await world.apply(target(1, 5), odd, strange, cpu(50))
        await world.minutes(3, lambda: world.use("CPUUtilization", 100))
        assert world.service.wanted == 2
        assert world.scaling.describe()["targets"][0]["not simulated"] == [
            "policy odd: a policy of the type PredictiveScaling",
            "policy strange: the expression 'ANOMALY_DETECTION_BAND(a)'",
        ]
        await world.apply(table)
        await world.minute()
        assert world.scaling.describe()["targets"][0]["not simulated"] == ["scaling of dynamodb"]

    world = play(story)
    assert len([text for text in world.said("scaling") if text.startswith("Not simulated")]) == 3


def test_a_service_that_is_not_there_yet_is_left_alone(play: Play) -> None:
    async def story(world: World) -> None:
        await world.apply(target(2, 5), cpu(50))
        await world.minutes(3)
        assert world.service.told == []
        world.service.wanted = 1
        assert await world.minute() == 2

    play(story, capacity=None)


def test_what_our_stacks_make_is_all_simulated(play: Play) -> None:
    recorded = json.loads((Path(__file__).parent / "recorded_scaling.json").read_text())
    resources = [
        Resource(key, one["type"], "us-east-1", one["id"], one["urn"], {}, one["outputs"])
        for key, one in enumerate(recorded)
    ]

    async def story(world: World) -> None:
        await world.apply(*resources)
        await world.minutes(2)
        described = world.scaling.describe()
        by_name = {one["name"]: one for one in described["targets"]}
        assert [one["name"].rpartition("-")[0] for one in by_name["dev-netprobe"]["policies"]] == [
            "dev-netprobe-steps",
            "dev-netprobe-cpu",
            "dev-netprobe-memory",
            "dev-netprobe-requests",
        ]
        assert len(by_name["dev-netprobe"]["schedules"]) == 1
        assert [one["target"] for one in by_name["dev-contracts-worker"]["policies"]] == [100]
        assert "not simulated" not in json.dumps(described)
        assert sorted(world.wanted_queues) == [
            ("us-east-1", f"dev-contracts-{name}")
            for name in ("hourly-e8f59ce", "jobs-06ec617", "uploaded-aa1888c", "written-20d79d3")
        ]
        assert world.scaling.alarm("dev-contracts-worker-short-781d949") == "OK"

    play(story, capacity=2)
