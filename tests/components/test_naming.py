"""The table of name limits, judged by AWS's own service models."""

from __future__ import annotations

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.naming import (
    GENERATED_SUFFIX,
    RULES,
    SERVICE_CHILDREN,
    STACK_CHILDREN,
    UnlistedTypeError,
    fits,
    limit,
    service_name_budget,
    stack_name_budget,
)

# Where AWS says how long a name may be: service, operation, member.
AWS_NAMES = {
    "aws:appautoscaling/policy:Policy": ("application-autoscaling", "PutScalingPolicy", "PolicyName"),
    "aws:appautoscaling/scheduledAction:ScheduledAction": (
        "application-autoscaling",
        "PutScheduledAction",
        "ScheduledActionName",
    ),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", "CreateLogGroup", "logGroupName"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch", "PutMetricAlarm", "AlarmName"),
    "aws:ecr/repository:Repository": ("ecr", "CreateRepository", "repositoryName"),
    "aws:iam/policy:Policy": ("iam", "CreatePolicy", "PolicyName"),
    "aws:iam/role:Role": ("iam", "CreateRole", "RoleName"),
    "aws:iam/rolePolicy:RolePolicy": ("iam", "PutRolePolicy", "PolicyName"),
    "aws:kms/alias:Alias": ("kms", "CreateAlias", "AliasName"),
    "aws:lambda/alias:Alias": ("lambda", "CreateAlias", "Name"),
    "aws:lambda/function:Function": ("lambda", "CreateFunction", "FunctionName"),
    "aws:lambda/permission:Permission": ("lambda", "AddPermission", "StatementId"),
}

names = st.text("abcdefghij-", min_size=1, max_size=300)


@pytest.mark.parametrize("kind", AWS_NAMES)
def test_no_name_is_longer_than_aws_allows(kind: str) -> None:
    service, operation, member = AWS_NAMES[kind]
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    assert model.input_shape is not None
    longest = RULES[kind].longest
    assert longest is not None
    assert longest <= model.input_shape.members[member].metadata["max"]


@pytest.mark.parametrize("kind", ["aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"])
def test_load_balancing_names_leave_room_for_the_suffix(kind: str) -> None:
    assert limit(kind) == 24


def test_type_that_nobody_listed_is_an_error_that_says_where_to_list_it() -> None:
    with pytest.raises(UnlistedTypeError, match=r"aws:made/up:Up .*components/naming\.py"):
        limit("aws:made/up:Up")


def test_type_without_a_name_takes_any() -> None:
    assert limit("aws:ec2/flowLog:FlowLog") is None
    assert fits("aws:ec2/flowLog:FlowLog", "x" * 1000)


@given(kind=st.sampled_from(sorted(RULES)), name=names)
def test_what_fits_is_within_the_limit_once_the_suffix_is_on(kind: str, name: str) -> None:
    rule = RULES[kind]
    if rule.longest is not None:
        suffix = GENERATED_SUFFIX if rule.generated else 0
        assert fits(kind, name) == (len(name) + suffix <= rule.longest)


@given(stack=st.text("abc", min_size=1, max_size=20), data=st.data())
def test_service_of_the_budget_fits_every_child_and_one_longer_does_not(stack: str, data: st.DataObject) -> None:
    budget = service_name_budget(stack)
    length = data.draw(st.integers(1, 40))
    name = f"{stack}-{'s' * length}"
    children = [(kind, f"{name}-{suffix}" if suffix else name) for kind, suffix in SERVICE_CHILDREN]
    assert all(fits(kind, child) for kind, child in children) == (length <= budget)


def test_stack_of_the_budget_fits_what_it_has_once_and_one_longer_does_not() -> None:
    budget = stack_name_budget()
    assert all(fits(kind, f"{'s' * budget}-{suffix}") for kind, suffix in STACK_CHILDREN)
    assert not all(fits(kind, f"{'s' * (budget + 1)}-{suffix}") for kind, suffix in STACK_CHILDREN)
