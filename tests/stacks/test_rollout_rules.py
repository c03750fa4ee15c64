"""Who may own a production rule, and what a strategy has: refused before anything is made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stacks.errors import Problem
from stacks.load import Resolved

Accepted = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

IMAGE = "registry:5000/team/app@sha256:" + "0" * 64


def stack(rollout: dict[str, object], **more: object) -> dict[str, object]:
    """Return the settings of a stack of containers."""
    return {
        "mode": "container",
        "image": IMAGE,
        "container": {"placement": "public", "rollout": rollout},
        **more,
    }


@pytest.mark.parametrize(
    "rollout",
    [
        {"strategy": "canary", "percent": 1, "stepMinutes": 5, "bakeMinutes": 0},
        {"strategy": "linear", "percent": 25},
        {"strategy": "blue-green", "bakeMinutes": 30},
        {"strategy": "rolling", "minPercent": 50},
    ],
)
def test_strategies_with_their_settings_are_taken(accepted: Accepted, rollout: dict[str, object]) -> None:
    settings = accepted(**stack(rollout)).settings
    assert settings.moved_by_ecs("netprobe") == (rollout["strategy"] != "rolling")


@pytest.mark.parametrize(
    ("rollout", "key", "said"),
    [
        ({"strategy": "linear", "percent": 2}, "percent", "less than ECS moves"),
        ({"percent": 20}, "percent", "means nothing to the strategy rolling"),
        ({"strategy": "blue-green", "stepMinutes": 5}, "stepMinutes", "means nothing"),
        ({"bakeMinutes": 5}, "bakeMinutes", "means nothing"),
    ],
)
def test_what_a_strategy_does_not_have_is_refused(
    refused: Refused, rollout: dict[str, object], key: str, said: str
) -> None:
    problems = refused(**stack(rollout))
    assert list(problems) == [f"modeshift:container.rollout.{key}"]
    assert said in problems[f"modeshift:container.rollout.{key}"].why


def test_ecs_and_a_shift_never_own_one_rule(refused: Refused) -> None:
    shift = {"step": 1, "weights": {"lambda": 50, "fargate": 50}}
    services = {"netprobe": {"route": "/", "shift": shift}}
    problem = refused(**stack({"strategy": "canary"}, services=services))["modeshift:services.netprobe.shift"]
    assert "two cannot own one rule" in problem.why
    assert "rolling" in problem.fix


def test_a_name_has_to_leave_room_for_the_second_target_group(accepted: Accepted, refused: Refused) -> None:
    name = "n" * 20
    services = {name: {"route": "/"}}
    assert accepted(**stack({}, services=services))
    assert f"modeshift:services.{name}" in refused(**stack({"strategy": "canary"}, services=services))


def test_a_function_has_nothing_that_ecs_moves(accepted: Accepted) -> None:
    settings = accepted(**stack({"strategy": "canary"}, mode="serverless")).settings
    assert not settings.moved_by_ecs("netprobe")


def test_a_new_version_of_a_function_may_have_a_share(accepted: Accepted) -> None:
    services = {"netprobe": {"route": "/", "canary": {"keep": 7, "percent": 10}}}
    canary = accepted(services=services).settings.services["netprobe"].canary
    assert canary is not None
    assert (canary.keep, canary.percent) == (7, 10)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"mode": "container"}, "runs on fargate"),
        ({"shift": {"step": 1, "weights": {"lambda": 50, "fargate": 50}}}, "a shift moves"),
    ],
)
def test_what_is_no_function_or_moves_has_no_canary(refused: Refused, more: dict[str, object], said: str) -> None:
    services = {"netprobe": {"route": "/", "canary": {"keep": 7, "percent": 10}, **more}}
    problems = refused(image=IMAGE, container={"placement": "public"}, services=services)
    assert said in problems["modeshift:services.netprobe.canary"].why


@pytest.mark.parametrize("canary", [{"keep": 0, "percent": 5}, {"keep": 1, "percent": 100}, {"percent": 5}])
def test_shares_out_of_range_are_refused(refused: Refused, canary: dict[str, int]) -> None:
    assert refused(services={"netprobe": {"route": "/", "canary": canary}})
