"""Roles of services allow what their code calls on what is theirs, and a listing of it is there to be read."""

from __future__ import annotations

import re

import pytest

from tests.app.granted import granted
from tests.stacks.service_permissions import LISTINGS, MODES, SERVICES, Right, listing, managed, rights

# Actions that IAM lets nobody tie to a resource, or that AWS itself asks for on all; each with its reason.
EVERYWHERE = {
    "xray:PutTelemetryRecords": "X-Ray has no resources that could be named for it",
    "xray:PutTraceSegments": "X-Ray has no resources that could be named for it",
    "ecr:GetAuthorizationToken": "a token is for the whole registry",
    **dict.fromkeys(
        (
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ),
        "Lambda refuses a function in a network whose role has these on less; the interfaces are its own",
    ),
}
# All log streams of one group, all objects of one bucket.
PARTS = re.compile(r"arn:aws:logs:[^*]+:log-group:[^*]+:\*|arn:aws:s3:::[^*/]+/\*")
DATA = ("dynamodb:", "s3:", "sns:", "sqs:")
# What the platform does for a worker, whose code calls none of it.
PLATFORM = {
    *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"),
    *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
}


def service_of(role: str) -> str:
    return next(name for name in SERVICES if role.startswith(f"dev-{name}"))


def bare(role: str) -> str:
    """Return the half that a role is of, whatever runs it."""
    return role.removesuffix("-task").removesuffix("-pod")


def of_code(right: Right) -> bool:
    """Tell whether a right is for what the code calls: not for parking, taking or remembering messages."""
    parts = ("dead-letter", "idempotency")
    takes = bool(set(right.actions) & {"sqs:ReceiveMessage"})
    return not takes and not any(part in resource for part in parts for resource in right.resources)


@pytest.mark.parametrize("mode", MODES)
def test_the_listing_is_the_one_that_was_looked_at(mode: str) -> None:
    assert listing(mode) == (LISTINGS / f"{mode}.txt").read_text(), "python -m tests.stacks.service_permissions"


@pytest.mark.parametrize("mode", MODES)
def test_every_half_of_every_service_has_a_role_of_its_own(mode: str) -> None:
    with_worker = {f"dev-{name}{half}" for name in ("contracts", "rewriter") for half in ("", "-worker")}
    assert {bare(right.role) for right in rights(mode)} >= with_worker | {"dev-users", "dev-users-migration"}


@pytest.mark.parametrize("mode", MODES)
def test_no_right_is_on_everything_where_aws_lets_it_be_named(mode: str) -> None:
    wild = [
        (right.role, action, resource)
        for right in rights(mode)
        for resource in right.resources
        for action in right.actions
        if "*" in action or ("*" in resource and not PARTS.fullmatch(resource) and action not in EVERYWHERE)
    ]
    assert wild == []
    assert managed(mode) == []


@pytest.mark.parametrize("mode", MODES)
def test_every_right_is_on_what_is_the_services_own(mode: str) -> None:
    strange = [
        (right.role, resource)
        for right in rights(mode)
        for resource in right.resources
        if resource != "*" and f"dev-{service_of(right.role)}" not in resource and not is_shared(resource)
    ]
    assert strange == []


def is_shared(resource: str) -> bool:
    """Tell whether a resource is the stack's: its key, and the registry of its images."""
    return resource.startswith(("arn:aws:kms:us-east-1:123456789012:key/dev-", "arn:aws:ecr:"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("service", SERVICES)
def test_the_code_gets_what_its_manifest_says_that_it_calls(mode: str, service: str) -> None:
    own = [right for right in rights(mode) if right.role.startswith(f"dev-{service}") and of_code(right)]
    fed = [right for right in own if not right.role.endswith(("-schedule", "-stream"))]
    called = {action for right in fed for action in right.actions if action.startswith(DATA)}
    assert called == granted(service)


@pytest.mark.parametrize("mode", MODES)
def test_the_platform_takes_messages_in_workers_alone(mode: str) -> None:
    taking = [right for right in rights(mode) if "sqs:ReceiveMessage" in right.actions]
    assert {bare(right.role) for right in taking} == {"dev-contracts-worker", "dev-rewriter-worker"}
    assert {action for right in taking for action in right.actions} <= PLATFORM


@pytest.mark.parametrize("mode", MODES)
def test_users_and_their_migration_alone_read_the_login_of_their_database(mode: str) -> None:
    reading = {bare(right.role) for right in rights(mode) for one in right.resources if "secret:rds!" in one}
    assert reading == {"dev-users", "dev-users-migration"}
