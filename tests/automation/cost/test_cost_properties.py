"""What holds for any stack and any usage."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.cost.estimate import Estimate, estimate
from automation.cost.kinds import PRICED
from automation.cost.resources import Resource
from automation.cost.usage import Usage, profile
from tests.automation.cost.conftest import SHEET, component, function, resource, tasks

COUNTS = st.integers(0, 10**9)
BOUNDS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (min(pair), max(pair)))
FLAGS = st.booleans()

OTHERS = {
    "aws:apigatewayv2/api:Api": {"protocolType": "HTTP"},
    "aws:cloudwatch/logGroup:LogGroup": {"retentionInDays": 14},
    "aws:dynamodb/table:Table": {"billingMode": "PAY_PER_REQUEST", "pointInTimeRecovery": {"enabled": True}},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcEndpointType": "Interface", "subnetIds": ["a", "b"]},
    "aws:efs/backupPolicy:BackupPolicy": {"backupPolicy": {"status": "ENABLED"}},
    "aws:eks/cluster:Cluster": {"computeConfig": {"enabled": True}},
    "aws:elasticache/serverlessCache:ServerlessCache": {"engine": "valkey"},
    "aws:lb/loadBalancer:LoadBalancer": {"subnets": ["a", "b"]},
    "aws:rds/instance:Instance": {
        "engine": "postgres",
        "instanceClass": "db.t4g.small",
        "allocatedStorage": 50,
        "storageType": "gp3",
    },
}


@st.composite
def stacks(draw: st.DrawFn) -> list[Resource]:
    """Draw a stack: some services, some of everything that has a price."""
    found: list[Resource] = [component("HttpApi", "door")]
    for number in range(draw(st.integers(0, 3))):
        name = f"s{number}"
        if draw(FLAGS):
            inputs: dict[str, Any] = {"memorySize": draw(st.integers(128, 10240))}
            if draw(FLAGS):
                inputs["snapStart"] = {"applyOn": "PublishedVersions"}
            found += function(name, **inputs)
            if draw(FLAGS):
                kind = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
                found.append(resource(kind, name, found[-2], provisionedConcurrentExecutions=draw(st.integers(0, 9))))
        else:
            strategy = [
                {"capacityProvider": "FARGATE", "base": draw(st.integers(0, 9)), "weight": draw(st.integers(0, 100))},
                {"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": draw(st.integers(0, 100))},
            ]
            found += tasks(name, bounds=draw(BOUNDS), capacityProviderStrategies=strategy)
    for number, kind in enumerate(draw(st.lists(st.sampled_from(sorted(PRICED)), max_size=12))):
        found.append(resource(kind, f"r{number}", **OTHERS.get(kind, {})))
    return found


USAGES = st.builds(
    lambda base, requests, busy, free, spot: base.model_copy(
        update={
            "free_tier": free,
            "spot_discount_percent": spot,
            "service": base.service.model_copy(update={"requests": Decimal(requests), "busy_share": busy}),
        }
    ),
    st.sampled_from(["small", "medium", "large"]).map(profile),
    COUNTS,
    st.integers(0, 100).map(lambda percent: Decimal(percent) / 100),
    FLAGS,
    st.none() | st.integers(0, 100).map(Decimal),
)


def numbers(estimated: Estimate) -> tuple[Decimal, Decimal, Decimal]:
    return estimated.total.low, estimated.total.expected, estimated.total.high


@settings(deadline=None, max_examples=50)
@given(stacks(), USAGES)
def test_nothing_is_negative_and_the_expected_lies_between(stack: list[Resource], usage: Usage) -> None:
    estimated = estimate(stack, usage, SHEET)

    for item in estimated.items:
        assert 0 <= item.cost.low <= item.cost.expected <= item.cost.high, item
        assert 0 <= item.quantity.low <= item.quantity.expected <= item.quantity.high, item


@settings(deadline=None, max_examples=50)
@given(st.data(), stacks(), USAGES)
def test_the_order_of_resources_does_not_matter(data: st.DataObject, stack: list[Resource], usage: Usage) -> None:
    shuffled = data.draw(st.permutations(stack))

    assert estimate(shuffled, usage, SHEET) == estimate(stack, usage, SHEET)


@settings(deadline=None, max_examples=50)
@given(stacks(), USAGES, st.sampled_from(["requests", "duration_ms", "response_kb", "log_kb"]), st.integers(0, 10**6))
def test_more_use_never_costs_less(stack: list[Resource], usage: Usage, key: str, more: int) -> None:
    larger = usage.service.model_copy(update={key: getattr(usage.service, key) + more})
    before, after = (estimate(stack, used, SHEET) for used in (usage, usage.model_copy(update={"service": larger})))

    assert all(low <= high for low, high in zip(numbers(before), numbers(after), strict=True))


@settings(deadline=None, max_examples=50)
@given(stacks(), USAGES)
def test_busier_hours_never_cost_less(stack: list[Resource], usage: Usage) -> None:
    def at(share: str) -> Decimal:
        service = usage.service.model_copy(update={"busy_share": Decimal(share)})
        return estimate(stack, usage.model_copy(update={"service": service}), SHEET).total.expected

    assert at("0") <= at("0.5") <= at("1")


@settings(deadline=None, max_examples=50)
@given(stacks(), stacks(), USAGES)
def test_more_resources_never_cost_less(stack: list[Resource], more: list[Resource], usage: Usage) -> None:
    added = [each for each in more if each.type.startswith("aws:s3") or each.type.startswith("aws:ec2/eip")]
    renamed = [Resource(f"{each.urn}-more", each.type, each.inputs) for each in added]

    assert estimate([*stack, *renamed], usage, SHEET).total.expected >= estimate(stack, usage, SHEET).total.expected


@settings(deadline=None, max_examples=50)
@given(stacks(), USAGES)
def test_the_free_tier_never_costs_more(stack: list[Resource], usage: Usage) -> None:
    paid, free = (estimate(stack, usage.model_copy(update={"free_tier": tier}), SHEET) for tier in (False, True))

    assert all(low <= high for low, high in zip(numbers(free), numbers(paid), strict=True))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(SHEET.prices)), COUNTS, COUNTS)
def test_a_price_of_more_units_is_never_lower(key: str, units: int, more: int) -> None:
    price = SHEET.prices[key]

    assert 0 <= price.cost(Decimal(units)) <= price.cost(Decimal(units + more))
    assert price.cost(Decimal(units)) <= units * price.usd
