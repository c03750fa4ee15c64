"""What a compute cannot do for a service is refused before anything is made, and every figure has its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.lambda_service import LambdaOptions
from stacks.catalog import Catalog, Folder, Manifest
from stacks.errors import Problem, SettingsError
from stacks.limits import LIMITS, NEEDS, TITLES, Ability, described, limits
from stacks.load import resolve
from stacks.rules.frontdoor import API_TIMEOUT
from stacks.settings import Compute, FrontDoorKind

IMAGE = "r/a@sha256:" + "0" * 64
KEY = "modeshift:services.web"


def said(config: dict[str, Any], service: dict[str, Any] | None = None, **needs: Any) -> list[Problem]:
    """Return what is refused of a stack whose one service needs something."""
    manifest = Manifest(title="Web", summary="For tests.", route="/", **needs)
    services = {"web": service or {}}
    given = {"aws:region": "us-east-1", "image": IMAGE, "container": {"placement": "public"}, **config}
    try:
        resolve("dev", {**given, "services": services}, catalog=Catalog({"web": Folder("service.toml", manifest)}))
    except SettingsError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("config", "needs", "why", "choice"),
    [
        ({}, {"payload_mb": 7}, "requests or answers of 7 MB", "fargate, eks behind http-api"),
        ({"frontDoor": "alb"}, {"payload_mb": 2}, "a load balancer hands a function 1 MB", "fargate, eks behind alb"),
        ({}, {"needs": ("websockets",)}, "needs WebSockets", "fargate, eks behind alb, which has another URL"),
        ({}, {"needs": ("background",)}, "frozen once it has answered", "fargate, eks behind http-api"),
        ({}, {"needs": ("icmp",)}, "TCP and UDP sockets only", "fargate, eks behind http-api"),
        ({}, {"disk_mb": 513}, "512 MB in /tmp", "fargate behind http-api"),
        ({"mode": "container"}, {"payload_mb": 11}, "an HTTP API passes on 10 MB", "fargate, eks behind alb"),
        ({"mode": "container"}, {"needs": ("websockets",)}, "an HTTP API upgrades no", "fargate, eks behind alb"),
        ({}, {"disk_mb": 30_000}, "512 MB in /tmp", "no compute behind any front door"),
    ],
)
def test_what_the_compute_cannot_do_is_refused(
    config: dict[str, Any], needs: dict[str, Any], why: str, choice: str
) -> None:
    problem = next(each for each in said(config, **needs) if "once the mode changes" not in each.why)
    assert problem.key == KEY
    assert why in problem.why
    assert choice in problem.allowed


@pytest.mark.parametrize(
    ("config", "needs"),
    [
        ({}, {"payload_mb": 6, "disk_mb": 512}),
        ({"mode": "container"}, {"payload_mb": 10, "needs": ("background", "icmp", "internet")}),
        ({"mode": "container", "frontDoor": "alb"}, {"payload_mb": 500, "needs": ("websockets",), "disk_mb": 20_000}),
    ],
)
def test_what_it_can_do_is_not(config: dict[str, Any], needs: dict[str, Any]) -> None:
    service = {"mode": config.get("mode", "serverless")}
    assert said(config, service, **needs) == []


def test_the_mode_of_tomorrow_is_held_to_it_too() -> None:
    (problem,) = said({"mode": "container", "serverless": {}}, needs=("background",))
    assert problem.value == "on lambda"
    assert "once the mode changes" in problem.why


def test_a_function_that_shares_its_traffic_has_less_than_alone() -> None:
    shift = {"shift": {"step": 1, "weights": {"lambda": 100, "fargate": 0}}}
    assert said({}, payload_mb=5) == []
    (problem,) = said({}, shift, payload_mb=5)
    assert problem.value == "on lambda"
    assert "a load balancer hands a function 1 MB" in problem.why
    assert "a move without shift" in problem.allowed


def test_every_figure_says_where_it_is_from() -> None:
    repository = Path(__file__).parents[2]
    for limit in LIMITS:
        assert limit.source.startswith("https://") or (repository / limit.source).is_file()
    assert TITLES.keys() == NEEDS.keys() == set(Ability)


def test_figures_of_ours_are_those_of_the_components() -> None:
    values = yaml.safe_load((Path(__file__).parents[2] / "charts/service/values.yaml").read_text())
    assert values["tmpSizeLimit"] == f"{limits(Compute.EKS, FrontDoorKind.ALB)[Ability.DISK].most}Mi"
    assert LambdaOptions().storage == limits(Compute.LAMBDA, FrontDoorKind.ALB)[Ability.DISK].most


@pytest.mark.parametrize("door", [FrontDoorKind.HTTP_API, FrontDoorKind.REST_API])
def test_longest_request_is_the_one_that_settings_are_held_to(door: FrontDoorKind) -> None:
    assert limits(Compute.FARGATE, door)[Ability.TIMEOUT].most == API_TIMEOUT


API, ALB = FrontDoorKind.HTTP_API, FrontDoorKind.ALB
COLUMNS = {
    "Lambda behind an API": described(Compute.LAMBDA, API),
    "Lambda behind an ALB": described(Compute.LAMBDA, ALB),
    "Fargate behind an API": described(Compute.FARGATE, API),
    "Fargate behind an ALB": described(Compute.FARGATE, ALB),
    "EKS behind an API": described(Compute.EKS, API),
    "EKS behind an ALB": described(Compute.EKS, ALB),
}


def test_the_page_shows_the_table() -> None:
    rows = [["limit", *COLUMNS], ["---"] * (len(COLUMNS) + 1)]
    rows += [[title, *(column[title] for column in COLUMNS.values())] for title in TITLES.values()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    page = (Path(__file__).parents[2] / "docs/shift.md").read_text(encoding="utf-8")
    assert table in page, f"docs/shift.md, below Limits, should show:\n{table}"


def test_a_rest_api_has_the_limits_of_an_http_api() -> None:
    assert all(described(each, FrontDoorKind.REST_API) == described(each, API) for each in Compute)


def test_people_read_every_ability() -> None:
    assert described(Compute.LAMBDA, FrontDoorKind.HTTP_API) == {
        "largest request and answer": "6 MB",
        "longest request": "29 s",
        "room in /tmp": "512 MB",
        "WebSockets": "no",
        "work after the answer": "no",
        "ICMP echo": "no",
    }
    assert described(Compute.FARGATE, FrontDoorKind.ALB) == {
        "largest request and answer": "no limit",
        "longest request": "900 s",
        "room in /tmp": "20,000 MB",
        "WebSockets": "yes",
        "work after the answer": "yes",
        "ICMP echo": "yes",
    }
