"""What is live against what a stack file says: traffic moves forward only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto.provider_pb2 import InvokeResponse
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeRequest

from stacks import last_state
from stacks.errors import Problem, SettingsError
from stacks.live_traffic import TAG, Traffic, live_in, settled, taken_from_ecs
from stacks.load import Resolved
from stacks.settings import Compute

Accepted = Callable[..., Resolved]

KEY = "modeshift:services.netprobe.shift"
RULE = "urn:pulumi:dev::modeshift::modeshift:components:Route$aws:lb/listenerRule:ListenerRule::dev-netprobe"
STACK = "urn:pulumi:dev::modeshift::pulumi:pulumi:Stack::modeshift-dev"
OLD, NEW = {"lambda": 90, "fargate": 10}, {"lambda": 50, "fargate": 50}
BEGUN = {"lambda": 100, "fargate": 0}
DONE = {"lambda": 0, "fargate": 100}


@pytest.fixture
def file(accepted: Accepted) -> Callable[..., Resolved]:
    """Resolve a stack file whose service is in a shift, or on one compute."""

    def resolved(weights: dict[str, int] | str, step: int | None = None) -> Resolved:
        if isinstance(weights, str):
            service: dict[str, Any] = {"mode": "serverless" if weights == "lambda" else "container"}
        else:
            service = {"shift": {"step": step, "weights": weights}}
        placement = {"placement": "public"}
        return accepted(
            image="r/a@sha256:" + "0" * 64, container=placement, services={"netprobe": {"route": "/", **service}}
        )

    return resolved


def refused(resolved: Resolved, live: Traffic) -> Problem:
    with pytest.raises(SettingsError) as caught:
        settled(resolved, {"netprobe": live})
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("live", "weights", "step"),
    [
        # nothing is there, or no shift is under way
        (None, "lambda", None),
        (None, NEW, 7),
        (Traffic({"lambda": 100}), "lambda", None),
        (Traffic({"lambda": 100}), "fargate", None),
        (Traffic({"lambda": 100}), BEGUN, 1),
        (Traffic({"lambda": 100}), BEGUN, 4),
        # one is: the same again, a newer step, the end
        (Traffic(OLD, 2), OLD, 2),
        (Traffic(OLD, 2), OLD, 1),
        (Traffic(OLD, 2), NEW, 3),
        (Traffic(NEW, 3), OLD, 4),
        (Traffic(NEW, 3), DONE, 9),
        (Traffic(DONE, 4), "fargate", None),
        (Traffic(BEGUN, 5), "lambda", None),
        # what gets nothing may come and go
        (Traffic(BEGUN, 1), {"lambda": 100, "fargate": 0}, 2),
    ],
)
def test_it_may_be_deployed(
    file: Callable[..., Resolved], live: Traffic | None, weights: Any, step: int | None
) -> None:
    resolved = settled(file(weights, step), {} if live is None else {"netprobe": live})
    assert resolved.settings.computes_of("netprobe") == file(weights, step).settings.computes_of("netprobe")


@pytest.mark.parametrize(("weights", "step"), [(OLD, 2), (OLD, 3), (BEGUN, 1), (DONE, 3)])
def test_an_older_step_is_refused(file: Callable[..., Resolved], weights: dict[str, int], step: int) -> None:
    said = refused(file(weights, step), Traffic(NEW, 3))
    assert (said.key, said.value) == (f"{KEY}.step", str(step))
    assert "step 3 is live: lambda=50 fargate=50" in said.why
    assert "`modeshift shift --stack dev --resume`" in said.fix
    assert "raise step to 4" in said.fix


@pytest.mark.parametrize(("live", "compute"), [(NEW, "fargate"), (OLD, "lambda"), (BEGUN, "fargate"), (DONE, "lambda")])
def test_a_file_without_the_shift_is_refused_while_it_moves_traffic(
    file: Callable[..., Resolved], live: dict[str, int], compute: str
) -> None:
    said = refused(file(compute), Traffic(live, 3))
    assert said.key == KEY
    assert f"would move all traffic to {compute}=100 at once" in said.why
    assert "--resume" in said.fix


@pytest.mark.parametrize(("weights", "step"), [(OLD, 1), (OLD, 2), (BEGUN, 1)])
def test_a_shift_that_has_ended_does_not_begin_again_in_the_middle(
    file: Callable[..., Resolved], weights: dict[str, int], step: int
) -> None:
    said = refused(file(weights, step), Traffic({"fargate": 100}))
    assert said.key == f"{KEY}.weights"
    assert "all traffic is on fargate" in said.why
    assert "weights: {lambda: 0, fargate: 100}" in said.fix


def test_steps_never_count_back(file: Callable[..., Resolved]) -> None:
    shift = settled(file(OLD, 2), {"netprobe": Traffic(OLD, 4)}).settings.services["netprobe"].shift
    assert shift is not None
    assert shift.step == 4


def test_every_service_is_told_at_once(accepted: Accepted) -> None:
    services = {name: {"route": f"/{name}" if name != "a" else "/"} for name in "abc"}
    with pytest.raises(SettingsError) as caught:
        settled(accepted(services=services), {name: Traffic(NEW, 2) for name in "abx"})
    assert [problem.key for problem in caught.value.problems] == [f"modeshift:services.{name}.shift" for name in "ab"]


@given(st.dictionaries(st.sampled_from(sorted(Compute)), st.integers(0, 100), min_size=1), st.integers(1, 10**6))
def test_a_tag_tells_what_it_was_made_of(weights: dict[str, int], step: int) -> None:
    assert Traffic.from_tag(Traffic(weights, step).tag) == Traffic(weights, step)


@pytest.mark.parametrize("tag", ["", "step 3", "step x: lambda=1", "step 3: lambda", "step 3: lambda=much", "3"])
def test_a_tag_that_somebody_else_wrote_says_nothing(tag: str) -> None:
    assert Traffic.from_tag(tag) is None


def state(tag: str | None, *, rule: str = RULE) -> dict[str, Any]:
    tags = {"Name": "dev-netprobe"} | ({} if tag is None else {TAG: tag})
    return {
        rule: {"type": "aws:lb/listenerRule:ListenerRule", "outputs": {"tags": tags}},
        STACK: {"type": "pulumi:pulumi:Stack", "outputs": {"services": {"netprobe": {"compute": "lambda"}}}},
    }


def test_the_rule_tells_what_is_live() -> None:
    assert live_in("dev", state("step 3: lambda=50 fargate=50")) == {"netprobe": Traffic(NEW, 3)}


@pytest.mark.parametrize("tag", [None, "something else"])
def test_without_a_shift_the_outputs_tell(tag: str | None) -> None:
    assert live_in("dev", state(tag)) == {"netprobe": Traffic({"lambda": 100})}


@pytest.mark.parametrize(
    "resources",
    [
        {},
        {STACK: {"type": "pulumi:pulumi:Stack", "outputs": {}}},
        {RULE: {"type": "aws:lb/listenerRule:ListenerRule", "outputs": {}}},
        {RULE: {"type": "aws:lb/listenerRule:ListenerRule", "outputs": {"tags": None}}},
    ],
)
def test_a_stack_without_a_service_has_nothing_live(resources: dict[str, Any]) -> None:
    assert live_in("dev", resources) == {}


@pytest.fixture
def by_ecs(accepted: Accepted) -> Callable[[str], Resolved]:
    """Resolve a stack file whose containers have a strategy."""

    def resolved(strategy: str) -> Resolved:
        container = {"placement": "public", "rollout": {"strategy": strategy}}
        return accepted(mode="container", image="r/a@sha256:" + "0" * 64, container=container)

    return resolved


@pytest.mark.parametrize("live", [Traffic({"lambda": 100}), Traffic(DONE, 4)])
def test_ecs_takes_over_only_what_is_on_tasks_and_at_rest(by_ecs: Callable[[str], Resolved], live: Traffic) -> None:
    problem = refused(by_ecs("canary"), live)
    assert problem.key == "modeshift:container.rollout.strategy"
    assert "rolling first" in problem.fix
    assert settled(by_ecs("rolling"), {"netprobe": live})


@pytest.mark.parametrize("live", [{}, {"netprobe": Traffic({"fargate": 100})}])
def test_ecs_may_begin_with_a_service_and_take_over_one_that_runs(
    by_ecs: Callable[[str], Resolved], live: dict[str, Traffic]
) -> None:
    assert settled(by_ecs("blue-green"), live)


def test_who_takes_the_traffic_back_from_ecs_is_warned(by_ecs: Callable[[str], Resolved]) -> None:
    live = live_in(
        "dev",
        {
            STACK: {
                "type": "pulumi:pulumi:Stack",
                "outputs": {"services": {"netprobe": {"compute": "fargate", "rollout": "canary"}}},
            }
        },
    )
    (warning,) = taken_from_ecs(by_ecs("rolling"), live)
    assert "--refresh" in warning
    assert taken_from_ecs(by_ecs("linear"), live) == []


class Engine:
    """What the program asks of the engine, and its answer."""

    def __init__(self, state: dict[str, Any] | grpc.RpcError) -> None:
        self.state = state
        self.asked: list[ResourceInvokeRequest] = []

    def Invoke(self, request: ResourceInvokeRequest) -> InvokeResponse:  # noqa: N802 the name of the engine's call
        self.asked.append(request)
        if isinstance(self.state, grpc.RpcError):
            raise self.state
        answer = InvokeResponse()
        getattr(answer, "return").update({"name": "dev", "outputs": self.state})
        return answer


@pytest.mark.parametrize(("organization", "name"), [("organization", "dev"), ("acme", "acme/modeshift/dev")])
def test_the_engine_is_asked_for_this_very_stack(monkeypatch: pytest.MonkeyPatch, organization: str, name: str) -> None:
    engine = Engine(state("step 3: lambda=50 fargate=50"))
    monkeypatch.setattr(last_state, "get_monitor", lambda: engine)
    monkeypatch.setattr(pulumi, "get_organization", lambda: organization)
    monkeypatch.setattr(pulumi, "get_project", lambda: "modeshift")
    assert live_in("dev", last_state.read_last_state("dev")) == {"netprobe": Traffic(NEW, 3)}
    (request,) = engine.asked
    assert request.args["stackName"] == name
    # Otherwise every reference in the state becomes a resource of this run.
    assert not request.acceptResources


def test_a_state_that_cannot_be_read_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_state, "get_monitor", lambda: Engine(grpc.RpcError("no backend client")))
    with pytest.raises(pulumi.RunError, match="state of stack dev cannot be read: no backend client"):
        last_state.read_last_state("dev")
