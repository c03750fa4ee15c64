"""How many tasks run: targets, times of day and steps, as a stack asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.service import Scaling, ScalingStep, ScheduledScaling

Deploy = Callable[..., Any]

RESOURCE = "service/dev-1a2b3c4/dev-netprobe-1a2b3c4"


def scaled(deploy_fargate: Deploy, **choices: Any) -> Any:
    return deploy_fargate({"scaling": Scaling(**choices)})


def tracked(recorded: Any) -> dict[str, dict[str, Any]]:
    policies = [p.inputs for p in recorded.all("Policy") if p.inputs.get("policyType") == "TargetTrackingScaling"]
    found = [p["targetTrackingScalingPolicyConfiguration"] for p in policies]
    return {c["predefinedMetricSpecification"]["predefinedMetricType"]: c for c in found}


def test_service_scales_between_its_bounds(deploy_fargate: Deploy) -> None:
    target = scaled(deploy_fargate, min=2, max=10).one("appautoscaling/target:Target").inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 10)
    assert target["resourceId"] == RESOURCE
    assert target["scalableDimension"] == "ecs:service:DesiredCount"


def test_cpu_memory_and_requests_are_tracked(deploy_fargate: Deploy) -> None:
    found = tracked(scaled(deploy_fargate))
    assert {metric: c["targetValue"] for metric, c in found.items()} == {
        "ECSServiceAverageCPUUtilization": 70,
        "ECSServiceAverageMemoryUtilization": 80,
        "ALBRequestCountPerTarget": 100,
    }
    assert {(c["scaleOutCooldown"], c["scaleInCooldown"]) for c in found.values()} == {(60, 300)}
    assert found["ALBRequestCountPerTarget"]["predefinedMetricSpecification"]["resourceLabel"] == (
        "app/dev-door-1a2b3c4/50dc6c495c0c9188/targetgroup/dev-netprobe-1a2b3c4/73e2d6bc24d8a067"
    )


def test_each_target_can_be_moved_or_left_out(deploy_fargate: Deploy) -> None:
    recorded = scaled(deploy_fargate, cpu_percent=50, memory_percent=None, requests_per_target=None)
    found = tracked(recorded)
    assert {metric: c["targetValue"] for metric, c in found.items()} == {"ECSServiceAverageCPUUtilization": 50}


def test_cooldowns_are_the_stacks(deploy_fargate: Deploy) -> None:
    found = tracked(scaled(deploy_fargate, scale_out_cooldown=10, scale_in_cooldown=20))
    assert {(c["scaleOutCooldown"], c["scaleInCooldown"]) for c in found.values()} == {(10, 20)}


def test_schedules_move_the_bounds_one_after_the_other(deploy_fargate: Deploy) -> None:
    schedules = [
        ScheduledScaling(name="day", cron="cron(0 8 ? * MON-FRI *)", min=3, max=6, timezone="Europe/Berlin"),
        ScheduledScaling(name="night", cron="cron(0 19 ? * MON-FRI *)", min=1, max=2),
    ]
    recorded = scaled(deploy_fargate, schedules=schedules)
    day = recorded.one("ScheduledAction", "dev-netprobe-day")
    assert day.inputs["schedule"] == "cron(0 8 ? * MON-FRI *)"
    assert day.inputs["timezone"] == "Europe/Berlin"
    assert day.inputs["scalableTargetAction"] == {"minCapacity": 3, "maxCapacity": 6}
    assert day.inputs["resourceId"] == RESOURCE
    night = recorded.one("ScheduledAction", "dev-netprobe-night")
    assert night.inputs["timezone"] == "UTC"
    assert "aws:appautoscaling/scheduledAction:ScheduledAction::dev-netprobe-day" in night.depends_on


def test_without_steps_there_is_no_step_policy(deploy_fargate: Deploy) -> None:
    recorded = scaled(deploy_fargate)
    assert all(p.inputs["policyType"] == "TargetTrackingScaling" for p in recorded.all("Policy"))


def change_at(recorded: Any, cpu: float) -> int | None:
    """Return how many tasks AWS would add at a CPU load; None while the alarm that starts the policy is quiet."""
    threshold = recorded.one("MetricAlarm", "dev-netprobe-steps").inputs["threshold"]
    if cpu < threshold:
        return None
    policy = recorded.one("Policy", "dev-netprobe-steps").inputs["stepScalingPolicyConfiguration"]
    (change,) = [
        step["scalingAdjustment"]
        for step in policy["stepAdjustments"]
        if float(step["metricIntervalLowerBound"])
        <= cpu - threshold
        < float(step.get("metricIntervalUpperBound", "inf"))
    ]
    return int(change)


def test_steps_add_tasks_by_load(deploy_fargate: Deploy) -> None:
    recorded = scaled(
        deploy_fargate, steps=[ScalingStep(cpu_percent=90, change=4), ScalingStep(cpu_percent=75, change=1)]
    )
    assert [change_at(recorded, cpu) for cpu in (10, 74.9, 75, 89.9, 90, 100)] == [None, None, 1, 1, 4, 4]
    alarm = recorded.one("MetricAlarm", "dev-netprobe-steps").inputs
    assert alarm["dimensions"] == {"ClusterName": "dev-1a2b3c4", "ServiceName": "dev-netprobe-1a2b3c4"}
    assert len(alarm["alarmActions"]) == 1
    assert alarm["comparisonOperator"] == "GreaterThanOrEqualToThreshold"


@settings(max_examples=15)
@given(steps=st.dictionaries(st.integers(1, 100), st.integers(-5, 5), min_size=1, max_size=5), cpu=st.integers(0, 100))
def test_any_steps_add_what_the_highest_step_reached_says(
    deploy_fargate: Deploy, steps: dict[int, int], cpu: int
) -> None:
    recorded = scaled(deploy_fargate, steps=[ScalingStep(cpu_percent=at, change=by) for at, by in steps.items()])
    reached = [at for at in steps if at <= cpu]
    assert change_at(recorded, cpu) == (steps[max(reached)] if reached else None)


@pytest.mark.parametrize("minimum", [0, 1, 5])
def test_bounds_and_first_count_agree(deploy_fargate: Deploy, minimum: int) -> None:
    recorded = scaled(deploy_fargate, min=minimum, max=5)
    assert recorded.one("ecs/service:Service").inputs["desiredCount"] == minimum
    assert recorded.one("appautoscaling/target:Target").inputs["minCapacity"] == minimum
