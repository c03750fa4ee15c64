"""What changes a running stack: sessions, scaling, new deployments, values of secrets."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from automation.errors import UserError
from automation.operate import scale, secret_values, sessions, waiting
from automation.operate.deployed import Part
from automation.operate.redeploy import redeploy
from automation.operate.scale import Wish
from stacks.settings import Compute
from tests.automation.operate.aws import CLUSTER, SECRET, Aws, stack
from tests.automation.operate.ecs import LONG_AGO, deployment, service, task


def part(name: str = "users", kind: Any = "server", *, exec_enabled: bool = True) -> Part:
    return stack(exec_enabled=exec_enabled).service(name).part(kind)


def with_session(url: str) -> Aws:
    return Aws(
        ecs={
            "ListTasks": {"taskArns": ["a", "b"]},
            "DescribeTasks": {"tasks": [task("aaa", lastStatus="PENDING"), task("bbb")]},
            "ExecuteCommand": {"session": {"sessionId": "1", "streamUrl": url, "tokenValue": "t0ken"}},
        }
    )


def test_a_session_goes_through_the_plugin_of_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(told))}\nexit 7\n')
    plugin.chmod(0o700)
    aws = with_session("wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/1")
    client = aws.client("ecs")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert sessions.run(client, part(), ["ls", "a b"], stack="dev") == 7
    assert aws.calls("ecs.ExecuteCommand") == [
        {
            "cluster": CLUSTER,
            "task": f"{CLUSTER.replace(':cluster/', ':task/')}/bbb",
            "container": "app",
            "interactive": True,
            "command": "ls 'a b'",
        }
    ]
    session, region, call, profile, target, endpoint = told.read_text().splitlines()
    assert json.loads(session)["tokenValue"] == "t0ken"
    assert (region, call, profile) == ("us-east-1", "StartSession", "mine")
    assert json.loads(target) == {"Target": "ecs:dev-cluster_bbb_bbb-1"}
    assert endpoint == "https://ecs.us-east-1.amazonaws.com"


def test_without_the_plugin_people_hear_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="session-manager-plugin") as error:
        sessions.run(with_session("wss://x").client("ecs"), part(), ["ls"], stack="dev")
    assert "brew install --cask session-manager-plugin" in error.value.hint
    assert "t0ken" not in error.value.hint + error.value.message


def test_a_session_of_this_machine_runs_as_the_task_does_and_leaves_no_file(tmp_path: Path) -> None:
    program = "import os, sys; open('seen', 'w').write(os.environ['KEY']); sys.exit(3)"
    file = tmp_path / "session.json"
    command = shlex.join([sys.executable, "-c", program])
    file.write_text(json.dumps({"command": command, "environment": {"KEY": "of the task"}, "folder": str(tmp_path)}))
    assert sessions.run(with_session(file.as_uri()).client("ecs"), part(), ["x"], stack="dev") == 3
    assert (tmp_path / "seen").read_text() == "of the task"
    assert not file.exists()


def test_who_has_no_such_part_says_what_it_has() -> None:
    with pytest.raises(UserError, match="probe has no worker on lambda") as error:
        part("probe", "worker")
    assert error.value.hint == "What runs of it: its server, on lambda."


def test_who_cannot_be_got_into_says_what_to_do_instead() -> None:
    client = with_session("wss://x").client("ecs")
    for name, words in (
        ("probe", "aws lambda invoke"),
        ("pages", "kubectl -n dev-pages exec -it deployment/dev-pages"),
    ):
        with pytest.raises(UserError) as error:
            sessions.run(client, part(name), ["ls"], stack="dev")
        assert words in error.value.hint
    with pytest.raises(UserError, match="ECS Exec is off") as error:
        sessions.run(client, part(exec_enabled=False), ["ls"], stack="dev")
    assert "Put modeshift:container: {exec: true} into Pulumi.dev.yaml" in error.value.hint
    with pytest.raises(UserError, match="begins with zzz") as error:
        sessions.run(client, part(), ["ls"], stack="dev", task="zzz")
    assert "aaa (PENDING)" in error.value.hint


BOUNDS = {
    "ScalableTargets": [
        {
            "ServiceNamespace": "ecs",
            "ResourceId": "service/dev-cluster/dev-users-1",
            "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": 1,
            "MaxCapacity": 3,
            "RoleARN": "arn",
            "CreationTime": LONG_AGO,
        }
    ]
}


_CONCURRENCY = (
    "PutFunctionConcurrency",
    "DeleteFunctionConcurrency",
    "PutProvisionedConcurrencyConfig",
    "DeleteProvisionedConcurrencyConfig",
)


def scaling() -> Aws:
    return Aws(
        ecs={"UpdateService": {}},
        application_autoscaling={"DescribeScalableTargets": BOUNDS, "RegisterScalableTarget": {}},
        **{"lambda": {call: {} for call in _CONCURRENCY}},
    )


def scaled(aws: Aws, of: Part, wish: Wish, says: Mapping[str, Any] | None = None) -> scale.Scaled:
    file = scale.Declared("Pulumi.dev.yaml", says or {})
    return scale.scale(aws.clients(*scale.SERVICES), of, wish, file)


def test_tasks_are_counted_within_the_bounds_of_autoscaling() -> None:
    aws = scaling()
    said = scaled(aws, part(), Wish(count=2))
    assert aws.calls("ecs.UpdateService") == [{"cluster": CLUSTER, "service": "dev-users-1", "desiredCount": 2}]
    assert "until autoscaling finds another number" in said.done
    assert "put modeshift:services: {users: {scaling: {min: 2, max: 3}}} into Pulumi.dev.yaml" in said.keep
    with pytest.raises(UserError, match="would take 5 back") as error:
        scaled(aws, part(), Wish(count=5))
    assert error.value.hint.endswith("modeshift scale users --min 1 --max 5")
    assert len(aws.calls("ecs.UpdateService")) == 1


def test_bounds_are_changed_and_those_unsaid_stay() -> None:
    aws = scaling()
    said = scaled(aws, part(), Wish(most=8))
    [asked] = aws.calls("application-autoscaling.RegisterScalableTarget")
    assert (asked["ResourceId"], asked["MinCapacity"], asked["MaxCapacity"]) == (
        "service/dev-cluster/dev-users-1",
        1,
        8,
    )
    assert "it was 1 to 3" in said.done
    for wish, hint in (
        (Wish(fewest=4), "Name both --min and --max."),
        (Wish(fewest=5, most=2), "--min must not be above --max."),
    ):
        with pytest.raises(UserError, match="cannot be") as error:
            scaled(aws, part(), wish)
        assert error.value.hint == hint


def test_nothing_is_to_be_kept_where_the_stack_file_agrees() -> None:
    says = {
        "services": {"users": {"scaling": {"min": 1, "max": 8}}},
        "serverless": {"reservedConcurrency": None, "provisionedConcurrency": 0},
    }
    assert not scaled(scaling(), part(), Wish(most=8), says).keep
    assert "{min: 1, max: 9}" in scaled(scaling(), part(), Wish(most=9), says).keep
    assert not scaled(scaling(), part("probe"), Wish(unreserved=True), says).keep
    assert not scaled(scaling(), part("probe"), Wish(provisioned=0), says).keep
    by_hand = scaled(scaling(), part("probe"), Wish(provisioned=2), says).keep
    assert by_hand.startswith("It stays until `modeshift scale probe --provisioned 0`.")
    of_stack = scaled(scaling(), part("probe"), Wish(provisioned=0), {"serverless": {"provisionedConcurrency": 2}}).keep
    assert "{provisionedConcurrency: 0}" in of_stack
    assert "puts it back" in of_stack
    reserved = {"serverless": {"reservedConcurrency": 3}}
    said = scaled(scaling(), part("probe"), Wish(unreserved=True), reserved).keep
    assert "take reservedConcurrency out of modeshift:serverless in Pulumi.dev.yaml" in said


def test_a_worker_without_autoscaling_has_a_number() -> None:
    said = scaled(scaling(), part(kind="worker"), Wish(count=4))
    assert "modeshift:services: {users: {worker: {scaling: {min: 4, max: 4}}}}" in said.keep
    with pytest.raises(UserError, match="Nothing scales"):
        scaled(scaling(), part(kind="worker"), Wish(most=4))


def test_functions_have_concurrency() -> None:
    aws = scaling()
    said = scaled(aws, part("probe"), Wish(count=20))
    assert aws.calls("lambda.PutFunctionConcurrency") == [
        {"FunctionName": "dev-probe-1", "ReservedConcurrentExecutions": 20}
    ]
    assert (
        "put modeshift:serverless: {reservedConcurrency: 20} into Pulumi.dev.yaml, beside what that key holds"
        in said.keep
    )
    scaled(aws, part("probe"), Wish(provisioned=2))
    assert aws.calls("lambda.PutProvisionedConcurrencyConfig")[0]["Qualifier"] == "live"
    with pytest.raises(UserError, match="as many instances as there are calls"):
        scaled(aws, part("probe"), Wish(fewest=1))
    with pytest.raises(UserError, match="only functions have concurrency"):
        scaled(aws, part(), Wish(provisioned=1))


def test_pods_are_scaled_by_kubernetes_and_the_command_is_named() -> None:
    with pytest.raises(UserError) as error:
        scaled(scaling(), part("pages"), Wish(fewest=3, most=9))
    assert 'kubectl -n dev-pages patch hpa dev-pages --patch \'{"spec":{"minReplicas":3,"maxReplicas":9}}\'' in (
        error.value.hint
    )
    assert "modeshift:services: {pages: {scaling: {min: 3, max: 9}}} into Pulumi.dev.yaml" in error.value.hint


@pytest.mark.parametrize("wish", [Wish(), Wish(count=1, most=2), Wish(count=1, unreserved=True)])
def test_one_thing_is_said_at_a_time(wish: Wish) -> None:
    with pytest.raises(UserError, match="Say one thing"):
        scaled(scaling(), part(), wish)


def rollout(*states: dict[str, Any]) -> tuple[Aws, Callable[[], list[str]]]:
    """Return an ECS that starts a deployment and then is as told, look by look, and what people were told of it."""
    looks = iter(states)
    aws = Aws(
        ecs={
            "UpdateService": {"service": service(deployment(2))},
            "DescribeServices": lambda _: {"services": [next(looks)]},
        }
    )
    said: list[str] = []
    redeploying = part()

    def run() -> list[str]:
        redeploy(aws.client("ecs"), redeploying, said.append, pause=0)
        return said

    return aws, run


NEW = {"rolloutState": "IN_PROGRESS", "runningCount": 0}
OLD = deployment(1, 2, "ACTIVE")


def test_a_new_deployment_is_waited_for_until_the_old_tasks_are_gone() -> None:
    aws, run = rollout(
        service(deployment(2, **NEW), OLD),
        service(deployment(2, **NEW), OLD),
        service(deployment(2, rolloutState="IN_PROGRESS"), OLD, runningCount=4),
        service(deployment(2)),
    )
    assert run() == [
        "dev-users: 0 of 2 tasks run, 2 old ones",
        "dev-users: 2 of 2 tasks run, 2 old ones",
        "dev-users: 2 of 2 tasks run",
    ]
    assert aws.calls("ecs.UpdateService")[0]["forceNewDeployment"] is True


def test_a_deployment_that_ecs_takes_back_has_failed() -> None:
    failed = deployment(2, 2, "INACTIVE", rolloutState="FAILED", rolloutStateReason="circuit breaker: rolling back.")
    _, run = rollout(service(deployment(2, **NEW), OLD), service(deployment(3, 2, **NEW), failed))
    with pytest.raises(UserError, match="ECS went back") as error:
        run()
    assert "circuit breaker: rolling back." in error.value.hint
    assert error.value.code == 1


def test_a_deployment_that_fails_or_takes_too_long_has_not_succeeded() -> None:
    _, run = rollout(service(deployment(2, rolloutState="FAILED", rolloutStateReason="no capacity")))
    with pytest.raises(UserError, match="failed") as error:
        run()
    assert "no capacity" in error.value.hint
    aws, _ = rollout(service(deployment(2, **NEW), OLD))
    with pytest.raises(UserError, match="not steady"):
        waiting.steady(aws.client("ecs"), part(), lambda _: None, patience=0)


def test_what_has_no_tasks_says_how_it_starts_anew() -> None:
    client = Aws().client("ecs")
    with pytest.raises(UserError) as error:
        redeploy(client, part("pages"), print)
    assert "kubectl -n dev-pages rollout restart deployment/dev-pages" in error.value.hint
    with pytest.raises(UserError, match="is a function") as error:
        redeploy(client, part("probe"), print)
    assert "modeshift:services: {probe: {env: {RESTARTED: today}}}" in error.value.hint


KEYS = ("API_KEY", "OTHER_KEY")


def slot(key: str = "") -> secret_values.Slot:
    return secret_values.Slot("users", "keys", stack().secrets[0], KEYS, key)


def manager(current: str | None = None) -> Aws:
    held = "ResourceNotFoundException" if current is None else {"SecretString": current}
    return Aws(secretsmanager={"GetSecretValue": held, "PutSecretValue": {}})


def put(aws: Aws, to: secret_values.Slot, value: str) -> list[str]:
    return secret_values.put(aws.client("secretsmanager"), to, value)


def test_one_key_is_set_and_the_others_stay() -> None:
    aws = manager('{"OTHER_KEY": "kept"}')
    assert put(aws, slot("API_KEY"), "new") == []
    [asked] = aws.calls("secretsmanager.PutSecretValue")
    assert asked["SecretId"] == SECRET
    assert json.loads(asked["SecretString"]) == {"API_KEY": "new", "OTHER_KEY": "kept"}


def test_the_first_value_of_a_secret_names_what_still_has_none() -> None:
    assert put(manager(), slot("API_KEY"), "new") == ["OTHER_KEY"]


@pytest.mark.parametrize(
    ("to", "value", "current"),
    [
        (slot(), "s3cret", None),
        (slot(), '{"API_KYE": "s3cret"}', None),
        (slot(), '{"API_KEY": ""}', None),
        (slot("API_KEY"), "", None),
        (slot("API_KEY"), "s3cret", "s3cret but no JSON"),
        (slot("API_KEY"), "s3cret" * 20_000, None),
    ],
)
def test_what_is_no_value_changes_nothing_and_is_not_repeated(
    to: secret_values.Slot, value: str, current: str | None
) -> None:
    aws = manager(current)
    with pytest.raises(UserError) as error:
        put(aws, to, value)
    assert not aws.calls("secretsmanager.PutSecretValue")
    assert "s3cret" not in error.value.message + error.value.hint


def test_people_hear_what_must_start_anew() -> None:
    parts = secret_values.readers(stack(), slot())
    said = secret_values.next_step(parts, "dev")
    assert "modeshift redeploy users --stack dev; modeshift redeploy users --worker --stack dev" in said
    assert "functions" not in said
    assert {one.compute for one in parts} == {Compute.FARGATE}
    assert "New instances of functions" in secret_values.next_step([part("probe")], "dev")
    assert "rollout restart deployment/dev-pages" in secret_values.next_step([part("pages")], "dev")
