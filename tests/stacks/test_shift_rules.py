"""What a shift may say in a stack file: refused before anything is made, each with a way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stacks.errors import Problem
from stacks.load import Resolved
from stacks.settings import Compute

Accepted = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

IMAGE = "registry:5000/team/app@sha256:" + "0" * 64
HALF = {"lambda": 50, "fargate": 50}
WEIGHTS = "modeshift:services.netprobe.shift.weights"


def stack(weights: object, **service: object) -> dict[str, object]:
    """Return the settings of a stack whose one service is on its way."""
    return {
        "image": IMAGE,
        "container": {"placement": "public"},
        "services": {"netprobe": {"route": "/", "shift": {"step": 1, "weights": weights}, **service}},
    }


@pytest.mark.parametrize(
    ("weights", "value", "why", "offer"),
    [
        ({"lambda": 90, "fargate": 0}, "90 in all", "not all", "100 in all"),
        ({"lambda": 100, "fargate": 100}, "200 in all", "not all", "100 in all"),
        ({"lambda": 100}, "lambda", "fewer than two", "add the other compute"),
        ({}, "none", "fewer than two", "lambda, fargate, eks"),
    ],
)
def test_shares_that_move_nothing_are_refused(
    refused: Refused, weights: dict[str, int], value: str, why: str, offer: str
) -> None:
    problems = refused(**stack(weights))
    assert list(problems) == [WEIGHTS]
    assert problems[WEIGHTS].value == value
    assert why in problems[WEIGHTS].why
    assert offer in f"{problems[WEIGHTS].allowed} {problems[WEIGHTS].fix}"


@pytest.mark.parametrize("mode", [{}, {"mode": "serverless"}])
def test_the_compute_of_the_mode_has_to_take_part(refused: Refused, mode: dict[str, str]) -> None:
    said = refused(**stack({"eks": 50, "fargate": 50}, **mode))[WEIGHTS]
    assert (said.value, said.allowed) == ("eks, fargate", "weights with lambda among them")
    assert "own compute is lambda" in said.why


def test_a_container_that_takes_part_needs_an_image(refused: Refused) -> None:
    problems = refused(**{**stack({"lambda": 100, "fargate": 0}), "image": None})
    assert "netprobe runs in a container" in problems["modeshift:image"].why


def test_sizes_are_those_of_every_compute_that_takes_part(refused: Refused) -> None:
    problems = refused(**stack(HALF, size={"memory": 1769}))
    (said,) = problems.values()
    assert "Fargate does not pair cpu 512" in said.why
    assert "mode: serverless" not in said.fix


def test_tasks_that_take_part_have_to_reach_their_image(refused: Refused) -> None:
    said = refused(**{**stack({"lambda": 100, "fargate": 0}), "container": {}})["modeshift:network.nat"]
    assert "Fargate tasks in private subnets" in said.why
    assert "once the mode is container" not in said.why


def test_a_misspelled_compute_is_the_only_thing_said(refused: Refused) -> None:
    problems = refused(**stack({"lamda": 90, "fargate": 10}))
    assert list(problems) == [f"{WEIGHTS}.lamda"]


@pytest.mark.parametrize("mode", ["serverless", "container"])
@pytest.mark.parametrize("weights", [HALF, {"lambda": 100, "fargate": 0}, {"fargate": 100, "lambda": 0}])
def test_computes_of_a_service_come_in_one_order(accepted: Accepted, mode: str, weights: dict[str, int]) -> None:
    settings = accepted(**stack(weights, mode=mode)).settings
    assert list(settings.computes_of("netprobe").items()) == [
        (Compute.LAMBDA, weights["lambda"]),
        (Compute.FARGATE, weights["fargate"]),
    ]


def test_without_a_shift_one_compute_has_all_traffic(accepted: Accepted) -> None:
    assert accepted().settings.computes_of("netprobe") == {Compute.LAMBDA: 100}
