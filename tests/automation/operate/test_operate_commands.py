"""The commands as they are typed: what they print, where, and how they end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import Result
from typer.testing import CliRunner

from automation import operate_cli
from automation.cli import app
from automation.engine import Outcome
from automation.errors import UserError
from automation.operate import secret_values
from stacks.links import SecretSettings
from stacks.settings import StackSettings
from tests.automation.operate.aws import Aws, stack, state
from tests.automation.operate.ecs import deployment, service

Run = Callable[..., Result]


def settings() -> StackSettings:
    keys = SecretSettings(kind="secret", keys=("API_KEY", "OTHER_KEY"))
    users = SimpleNamespace(links={"keys": keys, "rows": object()})
    own = {"users": users, "probe": SimpleNamespace(links={})}
    serverless = {"serverless": {"reservedConcurrency": 2}}
    return cast("StackSettings", SimpleNamespace(services=own, model_dump=lambda **_: serverless))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command about a stack that is up in an AWS that answers as told."""

    def run(aws: Aws, *words: str, typed: str | None = None) -> Result:
        exported = json.dumps({"deployment": {"resources": state()}})
        session = SimpleNamespace(
            project=None,
            stack="dev",
            cloud=None,
            notice="",
            account=None,
            engine=SimpleNamespace(query=lambda *_: Outcome(0, exported, "")),
            aws_client=aws.client,
        )

        @contextmanager
        def opened(*_: object) -> Iterator[Any]:
            yield session

        monkeypatch.setattr(operate_cli, "find_project", lambda: None)
        monkeypatch.setattr(operate_cli, "stack_up", lambda *_: "")
        monkeypatch.setattr(operate_cli, "choose_stacks", lambda *_, **__: ["dev"])
        monkeypatch.setattr(operate_cli, "settings_of", lambda *_: SimpleNamespace(settings=settings()))
        monkeypatch.setattr(operate_cli, "open_session", opened)
        return CliRunner().invoke(app, [*words, "--cloud", "aws"] if "--" not in words else [*words], input=typed)

    monkeypatch.delenv("CI", raising=False)
    return run


def test_a_service_that_does_not_exist_ends_with_the_nearest(run: Run) -> None:
    ended = run(Aws(), "redeploy", "userz")
    assert ended.exit_code == 2
    assert "Did you mean users?" in ended.output


def test_logs_as_json_are_one_object_a_line(run: Run) -> None:
    now = int(time.time() * 1000)
    lines = [
        {"timestamp": now, "message": '{"level": "ERROR", "message": "no"}', "logStreamName": "s", "eventId": "1"},
        {"timestamp": now + 1, "message": "fine", "logStreamName": "s", "eventId": "2"},
    ]
    aws = Aws(
        logs={
            "FilterLogEvents": lambda asked: {"events": lines if asked["logGroupName"][1:] == "ecs/dev-users" else []}
        }
    )
    ended = run(aws, "logs", "users", "--json", "--errors")
    [line] = ended.output.splitlines()
    assert json.loads(line)["message"] == lines[0]["message"]
    assert "ERROR no" in run(aws, "logs", "users").output
    assert run(aws, "logs", "--since", "soon").exit_code == 2


def test_what_scales_to_nothing_asks_first(run: Run) -> None:
    ended = run(Aws(), "scale", "users", "0")
    assert "Add --yes" in ended.output
    assert ended.exit_code == 2


def test_what_makes_a_number_stay_is_said_unless_the_file_has_it(run: Run) -> None:
    aws = Aws(**{"lambda": {"PutFunctionConcurrency": {}, "DeleteFunctionConcurrency": {}}})
    assert "stack file" not in run(aws, "scale", "probe", "2").output
    said = " ".join(run(aws, "scale", "probe", "--unreserved").output.split())
    assert "take reservedConcurrency out of modeshift:serverless in Pulumi.dev.yaml" in said


def test_a_new_deployment_ends_well_only_when_it_is_there(run: Run) -> None:
    aws = Aws(ecs={"UpdateService": {"service": service()}, "DescribeServices": {"services": [service()]}})
    ended = run(aws, "redeploy", "users")
    assert (ended.exit_code, "dev-users runs anew." in ended.output) == (0, True)
    failed = service(deployment(rolloutState="FAILED", rolloutStateReason="no capacity"))
    aws = Aws(ecs={"UpdateService": {"service": service()}, "DescribeServices": {"services": [failed]}})
    ended = run(aws, "redeploy", "users")
    assert (ended.exit_code, "no capacity" in ended.output) == (1, True)


def test_a_value_comes_by_standard_input_and_is_not_shown(run: Run) -> None:
    aws = Aws(secretsmanager={"GetSecretValue": "ResourceNotFoundException", "PutSecretValue": {}})
    ended = run(aws, "secrets", "set", "API_KEY", typed="s3cret\n")
    assert ended.exit_code == 0, ended.output
    [asked] = aws.calls("secretsmanager.PutSecretValue")
    assert json.loads(asked["SecretString"]) == {"API_KEY": "s3cret"}
    assert "s3cret" not in ended.output
    assert "Still without one: OTHER_KEY." in ended.output
    assert "modeshift redeploy users --stack dev" in ended.output


def test_a_secret_is_found_by_key_link_or_both() -> None:
    def find(name: str, of: str | None = None) -> str:
        return secret_values.find(stack(), settings(), name, of).title

    assert find("API_KEY") == "users.keys.API_KEY"
    assert find("keys") == "users.keys"
    assert find("users.keys.OTHER_KEY", "users") == "users.keys.OTHER_KEY"
    with pytest.raises(UserError) as error:
        find("API_KYE")
    assert error.value.hint.startswith("Did you mean API_KEY?")
    with pytest.raises(UserError, match="in probe"):
        find("API_KEY", "probe")


def test_the_url_is_printed_whether_or_not_there_is_a_browser(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    ended = run(Aws(), "open")
    assert ended.output.splitlines()[0] == "https://dev.example.com"
