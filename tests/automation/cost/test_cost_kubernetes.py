"""What a stack on EKS costs: nodes for what its pods ask for, with what is not known said to be unknown."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from automation.cost.estimate import Estimate
from automation.cost.resources import Resource
from automation.plan.values import Hidden
from tests.automation.cost.conftest import component, cost_of, price, resource

USD = Decimal
HOURS = 730
CLUSTER = "aws:eks/cluster:Cluster"
KUBERNETES = {"autoNodes": 2, "instanceType": "m7g.large", "diskGb": 20}


def pool(processor: str = "arm64") -> Resource:
    requirements = [{"key": "kubernetes.io/arch", "operator": "In", "values": [processor]}]
    spec = {"template": {"spec": {"requirements": requirements}}}
    return resource("kubernetes:karpenter.sh/v1:NodePool", "nodes", component("EksCluster", "eks"), spec=spec)


def pods(
    name: str = "api", *, bounds: tuple[int, int] = (1, 5), cpu: str = "500m", memory: str = "1024Mi"
) -> list[Resource]:
    """Return a service on EKS."""
    parent = component("EksService", name)
    values: dict[str, Any] = {
        "autoscaling": {"enabled": True, "minReplicas": bounds[0], "maxReplicas": bounds[1]},
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
    }
    return [
        parent,
        resource("kubernetes:helm.sh/v3:Release", name, parent, values=values),
        resource("aws:eks/podIdentityAssociation:PodIdentityAssociation", name, parent),
    ]


def priced(*resources: Resource, **inputs: Any) -> Estimate:
    unknown_before_the_run = {"computeConfig": Hidden.UNKNOWN}
    cluster = resource(CLUSTER, "eks", version="1.35", **{**unknown_before_the_run, **inputs})
    return price(cluster, *resources, kubernetes=KUBERNETES)


def nodes(estimated: Estimate) -> tuple[Decimal, Decimal, Decimal]:
    cost = cost_of(estimated, "nodes")
    each = HOURS * USD("0.0816")
    return cost.low / each, cost.expected / each, cost.high / each


def test_small_services_fit_the_fewest_nodes() -> None:
    assert nodes(priced(pool(), *pods())) == (2, 2, 2)


def test_nodes_grow_with_what_pods_ask_for() -> None:
    # 4 × 1.5 = 6 vCPU are 4 nodes, 20 × 1.5 = 30 are 16, and a quarter of the way 8 × 1.5 = 12 are 7.
    assert nodes(priced(pool(), *pods(bounds=(4, 20), cpu="1500m"))) == (4, 7, 16)


def test_memory_counts_where_it_is_scarcer() -> None:
    assert nodes(priced(pool(), *pods(bounds=(3, 3), cpu="100m", memory="8Gi"))) == (4, 4, 4)


def test_services_share_nodes() -> None:
    assert nodes(priced(pool(), *pods("one", bounds=(3, 3)), *pods("two", bounds=(3, 3)))) == (2, 2, 2)


def test_fee_and_disks_come_with_nodes() -> None:
    estimated = priced(pool(), *pods())
    assert cost_of(estimated, "Auto Mode's fee").expected == 2 * HOURS * USD("0.00979")
    assert cost_of(estimated, "disks").expected == 2 * 20 * USD("0.08")


def test_nodes_have_the_processor_of_their_pool() -> None:
    keys = {item.key for item in priced(pool("amd64"), *pods()).items}
    assert {"ec2.m7i.large", "eks.auto.m7i.large"} <= keys


@pytest.mark.parametrize("values", [Hidden.UNKNOWN, {"replicaCount": 2, "resources": Hidden.UNKNOWN}, {}])
def test_pods_that_nobody_knows_are_unknown(values: Any) -> None:
    release = resource("kubernetes:helm.sh/v3:Release", "api", component("EksService", "api"), values=values)
    assert [gap.what for gap in priced(pool(), release).unknown] == ["nodes"]


def test_without_a_pool_the_clusters_own_word_counts() -> None:
    assert [gap.what for gap in priced().unknown] == ["nodes"]
    assert not priced(computeConfig={"enabled": False}).unknown


def test_observed_metrics_are_unknown_until_somebody_says_how_many() -> None:
    told = json.dumps({"containerInsights": {"enabled": True}})
    name = "amazon-cloudwatch-observability"
    add_on = resource("aws:eks/addon:Addon", addonName=name, configurationValues=told)
    assert [gap.what for gap in price(add_on).unknown] == ["Container Insights"]
    assert price(add_on, insights={"enhancedMetrics": 100}).total.expected > 0


@pytest.mark.parametrize(
    "inputs",
    [
        {"addonName": "metrics-server"},
        {
            "addonName": "amazon-cloudwatch-observability",
            "configurationValues": json.dumps({"containerInsights": {"enabled": False}}),
        },
    ],
)
def test_add_ons_that_observe_nothing_are_free(inputs: dict[str, str]) -> None:
    estimated = price(resource("aws:eks/addon:Addon", **inputs))
    assert (estimated.total.expected, list(estimated.unknown)) == (0, [])


def test_what_pods_buy_is_paid_like_what_tasks_buy() -> None:
    calls = [{"name": "model", "share": 1, "usd": "0.001"}]
    bought = price(resource(CLUSTER), *pods(), service={"requests": 1000, "paidCalls": calls})
    assert cost_of(bought, "model").expected == 1


def test_logs_of_pods_are_those_of_their_requests() -> None:
    group = resource(
        "aws:cloudwatch/logGroup:LogGroup", "eks-application", component("EksCluster", "eks"), retentionInDays=30
    )
    estimated = price(group, *pods(), service={"requests": 1024 * 1024, "logKb": 2})
    assert cost_of(estimated, "ingested").expected == 2 * USD("0.50")
