"""What the roles of GitHub Actions may do, against what deployments call: every type, by botocore's names of calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from components.github_policies import (
    Shared,
    deploy_statements,
    preview_statements,
    publish_statements,
    read_statements,
)
from components.iam import policy_document
from components.service import Statement

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
ENVIRONMENT = "dev"
BY_BOOTSTRAP = {
    "aws:apigateway/account:Account",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:ecr/replicationConfiguration:ReplicationConfiguration",
    "aws:ecr/repository:Repository",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
}
"""Types that only a person with an account's permissions makes."""

LONGEST_INLINE = 10_240
LONGEST_MANAGED = 6_144
SHARED = Shared(
    state_arn="arn:aws:s3:::modeshift-state-1a2b3c4",
    key_arn=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
    registry_arn=f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/modeshift",
    partition="aws",
    account=ACCOUNT,
    regions=["eu-central-1", "us-east-1"],
    zones=["Z1"],
)


@dataclass(frozen=True)
class Call:
    """One call that a deployment makes: on what, and what AWS knows about it."""

    service: str
    operation: str
    types: tuple[str, ...]
    arn: str
    context: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.service}.{self.operation} on {self.arn}"


def calls() -> list[Call]:
    table = yaml.safe_load((Path(__file__).parent / "deploy_operations.yaml").read_text())
    return [
        Call(
            service,
            operation,
            tuple(_token(entry.get("module", service), kind) for kind in entry["types"]),
            entry["arn"].format(account=ACCOUNT),
            _context(entry),
        )
        for service, entries in table.items()
        for entry in entries
        for operation in entry["calls"]
    ]


def _token(module: str, kind: str) -> str:
    return f"aws:{module}/{kind[0].lower()}{kind[1:]}:{kind}"


def _context(entry: Mapping[str, Any]) -> dict[str, str]:
    said = {key: value.format(account=ACCOUNT) for key, value in entry.get("context", {}).items()}
    tag = {"created": "aws:RequestTag/Environment", "own": "aws:ResourceTag/Environment"}.get(entry.get("tag", ""))
    return {"aws:RequestedRegion": "us-east-1", **said, **({tag: ENVIRONMENT} if tag else {})}


CALLS = calls()


def document(statements: Callable[[], Iterable[Statement]]) -> list[dict[str, Any]]:
    """Return statements as AWS gets them; they are made in the loop that resolves them."""

    async def resolved() -> str:
        return str(await policy_document(list(statements())).future())

    return json.loads(asyncio.run(resolved()))["Statement"]


@cache
def deployer(environment: str) -> list[dict[str, Any]]:
    return document(lambda: [*deploy_statements(environment, SHARED), *read_statements()])


def holds(condition: Mapping[str, Mapping[str, str | list[str]]], context: Mapping[str, str]) -> bool:
    """Return whether a condition is met, by the operators that our policies use."""
    for operator, values in condition.items():
        for key, wanted in values.items():
            allowed = [wanted] if isinstance(wanted, str) else wanted
            match operator:
                case "Null":
                    met = (key not in context) == (allowed == ["true"])
                case "StringEquals":
                    met = context.get(key) in allowed
                case "StringLike" | "ArnLike":
                    met = any(fnmatchcase(context.get(key, ""), pattern) for pattern in allowed)
                case _:
                    pytest.fail(f"this test does not know {operator}")
            if not met:
                return False
    return True


def allowed(statements: list[dict[str, Any]], action: str, arn: str, context: Mapping[str, str]) -> bool:
    return any(
        any(fnmatchcase(action, pattern) for pattern in one["Action"])
        and any(fnmatchcase(arn, pattern) for pattern in one["Resource"])
        and holds(one.get("Condition", {}), context)
        for one in statements
    )


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def action_of(call: Call) -> str:
    """Return the action that a call needs: API Gateway counts HTTP verbs, Lambda calls one otherwise."""
    known = model(call.service)
    prefix = {"efs": "elasticfilesystem", "elbv2": "elasticloadbalancing"}.get(call.service, call.service)
    if call.service.startswith("apigateway"):
        return f"apigateway:{known.operation_model(call.operation).http['method']}"
    return "lambda:InvokeFunction" if call.operation == "Invoke" else f"{prefix}:{call.operation}"


def test_every_type_of_a_stack_has_calls() -> None:
    facts = (ROOT / "sandbox/control/facts").glob("*.yaml")
    types = {key for path in facts for key in yaml.safe_load(path.read_text()) if str(key).startswith("aws:")}

    assert {kind for call in CALLS for kind in call.types} == types - BY_BOOTSTRAP


@pytest.mark.parametrize("service", sorted({call.service for call in CALLS}))
def test_calls_are_those_that_aws_knows(service: str) -> None:
    known = set(model(service).operation_names)

    assert {call.operation for call in CALLS if call.service == service} - known == set()


@pytest.mark.parametrize("service", sorted({call.service for call in CALLS}))
def test_a_deployment_may_make_change_and_delete_each_type(service: str) -> None:
    refused = [
        str(call)
        for call in CALLS
        if call.service == service and not allowed(deployer(ENVIRONMENT), action_of(call), call.arn, call.context)
    ]

    assert refused == []


@pytest.mark.parametrize("call", [call for call in CALLS if "dev-x" in call.arn], ids=str)
def test_another_environment_is_out_of_reach(call: Call) -> None:
    reads = call.operation.startswith(("Describe", "Get", "List"))
    everywhere = allowed(deployer(ENVIRONMENT), action_of(call), "*", {"aws:RequestedRegion": "us-east-1"})

    assert reads or everywhere or not allowed(deployer("prod"), action_of(call), call.arn, call.context)


@pytest.mark.parametrize("tagged", [call for call in CALLS if "aws:ResourceTag/Environment" in call.context], ids=str)
def test_what_carries_the_tag_of_another_environment_is_out_of_reach(tagged: Call) -> None:
    reads = tagged.operation.startswith(("Describe", "Get", "List"))

    assert reads or not allowed(deployer("prod"), action_of(tagged), tagged.arn, tagged.context)


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:dev-x-a1b2c3"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:rds!db-1-a1b2c3"),
        ("secretsmanager:PutSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:dev-x-a1b2c3"),
        ("elasticfilesystem:ClientMount", f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/fs-1"),
        ("rds-db:connect", f"arn:aws:rds-db:us-east-1:{ACCOUNT}:dbuser:db-1/app"),
        ("ec2:RunInstances", f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-1"),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/dev-x"),
        ("rds:DeleteDBProxy", f"arn:aws:rds:us-east-1:{ACCOUNT}:db-proxy:prx-1"),
    ],
)
def test_data_machines_and_users_are_nobodys_to_deploy(action: str, arn: str) -> None:
    context = {"aws:RequestedRegion": "us-east-1"}

    assert not allowed(deployer(ENVIRONMENT), action, arn, context)


@pytest.mark.parametrize(
    ("statements", "longest"),
    [
        # The longest name that an environment may have.
        (lambda: deploy_statements("e" * 16, SHARED), LONGEST_INLINE),
        (lambda: preview_statements(SHARED), LONGEST_INLINE),
        (lambda: publish_statements(SHARED), LONGEST_INLINE),
        (read_statements, LONGEST_MANAGED),
    ],
    ids=["deploy", "preview", "publish", "reads"],
)
def test_policies_are_no_longer_than_aws_takes(statements: Callable[[], list[Statement]], longest: int) -> None:
    policy = {"Version": "2012-10-17", "Statement": document(statements)}

    assert len(json.dumps(policy, separators=(",", ":"))) < longest
