"""What each kind of resource costs, which is free, and what nobody can say: never nothing for want of knowing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.cost.estimate import estimate
from automation.cost.kinds import FREE, PRICED, UNKNOWN
from automation.cost.resources import Resource
from automation.plan.values import Hidden
from stacks.prices import cents
from stacks.prices.sheet import PriceSheet
from tests.automation.cost.conftest import SHEET, component, cost_of, function, price, resource, tasks, usage

ROOT = Path(__file__).resolve().parents[3]
FACTS = sorted((ROOT / "sandbox/control/facts").glob("*.yaml"))
USD = Decimal


def types_of(path: Path) -> set[str]:
    return {key for key in yaml.safe_load(path.read_text()) if str(key).startswith("aws:")}


def gaps(*resources: Resource, **changes: Any) -> list[str]:
    return [f"{gap.what}: {gap.why}" for gap in price(*resources, **changes).unknown]


@pytest.mark.parametrize("path", FACTS, ids=lambda path: path.stem)
def test_every_type_the_sandbox_makes_is_priced_free_or_unknown(path: Path) -> None:
    assert types_of(path) - PRICED.keys() - FREE.keys() - UNKNOWN.keys() == set()


def test_no_type_is_two_of_these() -> None:
    tables = [PRICED.keys(), FREE.keys(), UNKNOWN.keys()]

    assert sum(len(table) for table in tables) == len(set[str]().union(*tables))
    assert all((*FREE.values(), *UNKNOWN.values()))


@pytest.mark.parametrize("kind", [*UNKNOWN, "aws:neptune/cluster:Cluster"])
def test_what_has_no_price_is_unknown_and_in_no_total(kind: str) -> None:
    estimated = price(resource(kind))

    assert [(gap.type, bool(gap.why)) for gap in estimated.unknown] == [(kind, True)]
    assert not estimated.items


@pytest.mark.parametrize("kind", PRICED)
def test_a_price_the_sheet_lacks_is_unknown(kind: str) -> None:
    empty = PriceSheet(region="eu-north-1", prices={"nothing": SHEET.prices["dashboard"]})
    inputs = {
        "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcEndpointType": "Interface", "subnetIds": ["a"]},
        "aws:apigatewayv2/api:Api": {"protocolType": "HTTP"},
        "aws:apigateway/stage:Stage": {"cacheClusterEnabled": True, "cacheClusterSize": "0.5"},
        "aws:scheduler/schedule:Schedule": {"scheduleExpression": "rate(1 hour)"},
        "aws:sns/topicSubscription:TopicSubscription": {"protocol": "email"},
        "aws:appautoscaling/policy:Policy": {"policyType": "TargetTrackingScaling"},
        "aws:eks/addon:Addon": {"addonName": "amazon-cloudwatch-observability"},
        "aws:ecs/cluster:Cluster": {"settings": [{"name": "containerInsights", "value": "enabled"}]},
        "aws:efs/backupPolicy:BackupPolicy": {"backupPolicy": {"status": "ENABLED"}},
        "aws:cloudwatch/logGroup:LogGroup": {"retentionInDays": 7},
    }
    estimated = estimate([resource(kind, **inputs.get(kind, {}))], usage(), empty)

    assert estimated.unknown
    assert not estimated.items


@pytest.mark.parametrize("kind", PRICED)
@pytest.mark.parametrize("value", [Hidden.UNKNOWN, Hidden.SECRET])
def test_a_resource_of_which_nothing_is_known_breaks_nothing(kind: str, value: Hidden) -> None:
    names = """
    memorySize architectures ephemeralStorage snapStart tracingConfig provisionedConcurrentExecutions launchType cluster
    capacityProviderStrategies networkConfiguration desiredCount cpu memory vpcEndpointType subnetIds subnets internal
    loadBalancerType protocolType cacheClusterEnabled cacheClusterSize rules retentionInDays period metricQueries
    settings schedule billingMode writeCapacity readCapacity pointInTimeRecovery availabilityZoneName throughputMode
    backupPolicy engine instanceClass multiAz allocatedStorage maxAllocatedStorage storageType version upgradePolicy
    computeConfig instanceTypes scalingConfig diskSize capacityType enableKeyRotation fifoQueue policyType
    targetTrackingScalingPolicyConfiguration scheduleExpression scheduleExpressionTimezone protocol enrichment
    metricTransformation globalSecondaryIndexes snapshotRetentionLimit manageMasterUserPassword monitoringInterval
    performanceInsightsRetentionPeriod
    """.split()
    estimated = price(resource(kind, **dict.fromkeys(names, value)))

    assert all(item.cost.low >= 0 for item in estimated.items)


def test_components_and_providers_cost_nothing_themselves() -> None:
    estimated = price(component("Network", "network"), resource("pulumi:providers:aws"), resource("awsx:ec2:Vpc"))

    assert not estimated.items
    assert not estimated.unknown


def test_endpoints_cost_each_zone_and_gateways_nothing() -> None:
    subnets = [resource("aws:ec2/subnet:Subnet", f"s{zone}", availabilityZone=f"us-east-1{zone}") for zone in "aab"]
    interface = {"vpcEndpointType": "Interface"}
    kind = "aws:ec2/vpcEndpoint:VpcEndpoint"

    listed = price(resource(kind, subnetIds=["a", "b", "c"], **interface), network={"endpointGb": 0})
    hidden = price(*subnets, resource(kind, subnetIds=Hidden.UNKNOWN, **interface), network={"endpointGb": 0})
    gateway = price(resource(kind, vpcEndpointType="Gateway"))

    assert cents(listed.total.expected) == USD("21.90")
    assert cents(hidden.total.expected) == USD("14.60")
    assert not gateway.items
    assert not gateway.unknown
    assert gaps(resource(kind, subnetIds=Hidden.UNKNOWN, **interface)) == [
        "hours: its kind or its zones are not known before the run"
    ]


def test_an_internal_balancer_carries_what_goes_to_containers_and_has_no_address() -> None:
    balancer = resource("aws:lb/loadBalancer:LoadBalancer", internal=True, subnets=["a", "b"])
    stack = (balancer, *function("small"), *tasks("large"))
    # 25 new connections a second are one unit: 25 × 3600 × 730 requests are one unit all month.
    estimated = price(
        *stack,
        services={
            "large": {**usage().service.model_dump(mode="json", by_alias=True), "requests": 65_700_000, "responseKb": 0}
        },
    )

    by_key = {item.key: item for item in estimated.items if item.resource == "dev-thing"}
    assert by_key["alb.lcu"].quantity.expected == 730
    assert "ipv4.hours" not in by_key
    assert "transfer.internet" not in by_key


def test_large_responses_are_counted_by_their_data() -> None:
    balancer = resource("aws:lb/loadBalancer:LoadBalancer", internal=True)
    # A GB an hour is one unit.
    estimated = price(balancer, *tasks(), service={"requests": 730, "responseKb": 1024 * 1024})

    assert cost_of(estimated, "capacity units").expected == 730 * SHEET.prices["alb.lcu"].usd


def test_requests_of_an_api_are_counted_in_pieces() -> None:
    api = resource("aws:apigatewayv2/api:Api", protocolType="HTTP")
    small = price(api, *function(), service={"requests": 1_000_000, "responseKb": 512})
    large = price(api, *function(), service={"requests": 1_000_000, "responseKb": 513})

    assert {item.cost.expected for item in small.items if item.key == "apigateway.http"} == {1}
    assert {item.cost.expected for item in large.items if item.key == "apigateway.http"} == {2}


@pytest.mark.parametrize(("processor", "usd"), [("x86_64", "1.86667"), ("arm64", "1.53334")])
def test_a_function_by_its_processor(processor: str, usd: str) -> None:
    # A million requests of 100 ms with 1 GB: 0.20 and 100,000 GB-seconds.
    estimated = price(*function(architectures=[processor]), service={"requests": 1_000_000})

    assert estimated.total.expected == USD(usd)


def test_the_free_tier_is_spent_once() -> None:
    two = [*function("one"), *function("two")]
    million = {"requests": 1_000_000, "durationMs": 100}
    paid, free = price(*two, service=million), price(*two, service=million, freeTier=True)

    # Of 2 million requests one is free, and 200,000 GB-seconds are within 400,000.
    assert free.total.expected == USD("0.20")
    assert free.total.expected < paid.total.expected


def test_storage_snapshots_and_traces_of_a_function() -> None:
    inputs = {
        "ephemeralStorage": {"size": 1536},
        "snapStart": {"applyOn": "PublishedVersions"},
        "tracingConfig": {"mode": "Active"},
    }
    million = {"requests": 1_000_000, "durationMs": 1000, "coldStartShare": 0.01}
    estimated = price(*function(architectures=["x86_64"], **inputs), service=million, tracedShare=0.05)

    assert cost_of(estimated, "storage in /tmp").expected == USD("0.0309")
    assert cost_of(estimated, "cached snapshot").expected == 730 * 3600 * USD("0.0000015046")
    assert cost_of(estimated, "restored snapshots").expected == 10_000 * USD("0.0001397998")
    assert cost_of(estimated, "traces").expected == USD("0.25")


def test_public_tasks_pay_for_their_addresses() -> None:
    public = tasks(bounds=(2, 4), networkConfiguration={"assignPublicIp": True})
    address = cost_of(price(*public), "public IPv4")

    assert (address.low, address.high) == (USD("7.3"), USD("14.6"))
    assert gaps(*tasks(networkConfiguration={"assignPublicIp": Hidden.UNKNOWN})) == [
        "public addresses: whether tasks have one is not known before the run"
    ]


def test_tasks_on_spot() -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 30},
        {"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 70},
    ]
    service = tasks(bounds=(2, 12), capacityProviderStrategies=strategy)
    unsaid, said = price(*service), price(*service, spotDiscountPercent=50)
    hour = USD("0.07604") * 730

    # Of 12 tasks, 2 + 0.3 × 10 are on demand and 7 on Spot.
    assert unsaid.total.high == 12 * hour
    assert said.total.high == 5 * hour + 7 * hour / 2
    assert unsaid.total.low == said.total.low == 2 * hour
    assert any("spotDiscountPercent" in text for text in unsaid.assumptions)


def test_a_disk_beyond_what_is_free() -> None:
    estimated = price(*tasks(task={"ephemeralStorage": {"sizeInGib": 50}}))

    assert cost_of(estimated, "disk beyond 20 GB").expected == 30 * 730 * USD("0.000111")


def test_tasks_without_a_scalable_target_run_as_many_as_are_wanted() -> None:
    assert price(*tasks(bounds=None, desiredCount=3)).total == price(*tasks(bounds=(3, 3))).total


@pytest.mark.parametrize(
    "service",
    [
        tasks(task={"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}),
        tasks(task={"cpu": Hidden.UNKNOWN}),
        tasks(bounds=None, desiredCount=Hidden.UNKNOWN),
        [each for each in tasks() if "TaskDefinition" not in each.type],
        tasks(capacityProviderStrategies=[{"capacityProvider": "my-instances"}]),
    ],
    ids=["windows", "size", "count", "definition", "instances"],
)
def test_tasks_nobody_can_price(service: list[Resource]) -> None:
    estimated = price(*service)

    assert [gap.what for gap in estimated.unknown] == ["tasks"]
    assert not estimated.items


def test_schedules_without_a_place_in_the_year_take_the_widest_bounds() -> None:
    service = tasks(bounds=(1, 3))
    bounds = {"minCapacity": 2, "maxCapacity": 5}
    kind = "aws:appautoscaling/scheduledAction:ScheduledAction"
    service.append(resource(kind, "last", service[0], schedule="cron(0 8 L * ? *)", scalableTargetAction=bounds))
    estimated = price(*service)

    assert (estimated.total.low, estimated.total.high) == tuple(n * USD("0.07604") * 730 for n in (2, 5))


@pytest.mark.parametrize(
    ("inputs", "count", "key"),
    [
        ({"period": 300}, 1, "alarm.standard"),
        ({"period": 10}, 1, "alarm.highresolution"),
        ({"metricQueries": [{"metric": {}}, {"metric": {}}, {"expression": "a/b"}]}, 2, "alarm.standard"),
    ],
)
def test_alarms_cost_by_metric(inputs: dict[str, Any], count: int, key: str) -> None:
    (item,) = price(resource("aws:cloudwatch/metricAlarm:MetricAlarm", **inputs)).items

    assert (item.key, item.quantity.expected) == (key, count)


def test_target_tracking_keeps_two_alarms_of_its_own() -> None:
    kind = "aws:appautoscaling/policy:Policy"

    assert price(resource(kind, policyType="TargetTrackingScaling")).total.expected == USD("0.20")
    assert not price(resource(kind, policyType="StepScaling")).items


def test_container_insights() -> None:
    def cluster(value: object) -> Resource:
        return resource("aws:ecs/cluster:Cluster", settings=[{"name": "containerInsights", "value": value}])

    nothing_logged = {"insights": {"logGb": 0}}
    alone = price(*tasks()).total.expected
    enhanced = price(cluster("enhanced"), insights={"enhancedMetrics": 100, "logGb": 2})

    # (8 of the cluster + 17 of the service) × 0.30
    assert price(cluster("enabled"), *tasks(), **nothing_logged).total.expected - alone == USD("7.50")
    assert price(cluster("enabled"), *tasks(), insights={"logGb": 2}).total.expected - alone == USD("8.50")
    assert not price(cluster("disabled")).items
    assert gaps(cluster("enhanced"))
    assert enhanced.total.expected == 7 + 1
    assert gaps(cluster(Hidden.UNKNOWN))


def test_logs_are_ingested_and_kept() -> None:
    parent = component("LambdaService", "api")
    group = resource("aws:cloudwatch/logGroup:LogGroup", "api", parent, retentionInDays=30)
    estimated = price(parent, group, service={"requests": 1024 * 1024, "logKb": 1})

    assert cost_of(estimated, "ingested").expected == USD("0.50")
    assert cost_of(estimated, "stored").expected == USD(30) / USD("30.4") * USD("0.03")
    assert gaps(resource("aws:cloudwatch/logGroup:LogGroup")) == [
        "stored: it keeps everything for ever, so that it grows each month"
    ]


@pytest.mark.parametrize(
    ("version", "support", "surcharge"),
    [("1.31", "EXTENDED", 365), ("1.31", "STANDARD", 0), ("1.34", "EXTENDED", 0), ("1.35", None, 0)],
)
def test_extended_support(version: str, support: str | None, surcharge: int) -> None:
    policy = {"upgradePolicy": {"supportType": support}} if support else {}
    estimated = price(resource("aws:eks/cluster:Cluster", version=version, **policy))

    assert estimated.total.expected == 73 + surcharge


def test_a_version_of_kubernetes_nobody_knows_is_unknown() -> None:
    assert gaps(resource("aws:eks/cluster:Cluster", version="1.99"))
    assert gaps(resource("aws:eks/cluster:Cluster", version=Hidden.UNKNOWN))


def test_node_groups_scale_and_spot_is_unknown() -> None:
    scaling = {"minSize": 1, "desiredSize": 2, "maxSize": 4}
    kind = "aws:eks/nodeGroup:NodeGroup"
    nodes = cost_of(price(resource(kind, instanceTypes=["t3.medium"], scalingConfig=scaling)), "nodes")

    assert (nodes.low, nodes.expected, nodes.high) == tuple(n * 730 * USD("0.0416") for n in (1, 2, 4))
    assert gaps(resource(kind, scalingConfig=scaling, capacityType="SPOT"))
    assert gaps(resource(kind, scalingConfig=scaling, instanceTypes=["x99.large"])) == [
        "nodes: the price sheet of us-east-1 has no ec2.x99.large"
    ]


def test_databases() -> None:
    postgres = {"engine": "postgres", "allocatedStorage": 100, "storageType": "gp3"}
    multi = price(
        resource("aws:rds/instance:Instance", instanceClass="db.t4g.small", multiAz=True, **postgres),
        databaseBackupGb=10,
    )

    assert multi.total.expected == USD("0.065") * 730 + 100 * USD("0.23") + 10 * USD("0.095")
    assert gaps(resource("aws:rds/instance:Instance", engine="mysql", instanceClass="db.t4g.small"))
    assert gaps(resource("aws:rds/instance:Instance", instanceClass="db.r9g.large", **postgres)) == [
        "instance: the price sheet of us-east-1 has no rds.single.db.r9g.large"
    ]


def test_what_a_database_brings_with_it() -> None:
    postgres = {"engine": "postgres", "instanceClass": "db.t4g.micro", "allocatedStorage": 20, "storageType": "gp3"}
    kind = "aws:rds/instance:Instance"
    managed = price(resource(kind, manageMasterUserPassword=True, **postgres))

    assert managed.total.expected - price(resource(kind, **postgres)).total.expected == USD("0.45")
    assert gaps(resource(kind, monitoringInterval=60, performanceInsightsRetentionPeriod=31, **postgres)) == [
        "enhanced monitoring: what it logs depends on the instance's processes",
        "performance insights: more than seven days are billed by vCPU",
    ]


def test_indexes_of_a_table_are_written_too() -> None:
    indexes = [{"name": "by-day"}, {"name": "by-hash"}]
    table = resource("aws:dynamodb/table:Table", billingMode="PAY_PER_REQUEST", globalSecondaryIndexes=indexes)

    assert cost_of(price(table, table={"writes": 1_000_000}), "writes").expected == 3 * USD("0.625")


def test_files_are_paid_by_what_goes_through_where_throughput_is_elastic() -> None:
    kind, usage_ = "aws:efs/fileSystem:FileSystem", {"gb": 0, "readGb": 10, "writeGb": 5}

    assert price(resource(kind, throughputMode="elastic"), fileSystem=usage_).total.expected == USD("0.60")
    assert price(resource(kind), fileSystem=usage_).total.expected == 0
    assert gaps(resource(kind, throughputMode="provisioned")) == ["throughput: provisioned throughput is not priced"]


def test_backups_of_a_cache() -> None:
    kind = "aws:elasticache/serverlessCache:ServerlessCache"
    days = [price(resource(kind, engine="valkey", snapshotRetentionLimit=days), cache={"gb": 2}) for days in (0, 7)]

    assert days[1].total.expected - days[0].total.expected == 7 * 2 * USD("0.085")


def test_a_table_with_capacity_of_its_own() -> None:
    kind = "aws:dynamodb/table:Table"
    estimated = price(
        resource(kind, writeCapacity=10, readCapacity=20, pointInTimeRecovery={"enabled": True}), table={"gb": 10}
    )

    assert cents(cost_of(estimated, "write capacity").expected) == USD("4.75")
    assert cents(cost_of(estimated, "read capacity").expected) == USD("1.90")
    assert cost_of(estimated, "point-in-time recovery").expected == 2


@pytest.mark.parametrize(("engine", "gb", "usd"), [("valkey", "0.1", "6.13"), ("redis", "1", "91.25")])
def test_a_cache_costs_its_smallest_size_at_least(engine: str, gb: str, usd: str) -> None:
    cache = resource("aws:elasticache/serverlessCache:ServerlessCache", engine=engine)

    assert cents(price(cache, cache={"gb": 0, "units": 0}).total.expected) == USD(usd)
    assert gaps(resource("aws:elasticache/serverlessCache:ServerlessCache", engine="memcached"))


@pytest.mark.parametrize(
    ("rate", "runs"), [("rate(5 minutes)", 8760), ("rate(1 hour)", 730), ("rate(1 day)", Decimal(730) / 24)]
)
def test_a_canary_by_its_rate(rate: str, runs: Decimal) -> None:
    estimated = price(resource("aws:synthetics/canary:Canary", schedule={"expression": rate}))

    assert cost_of(estimated, "runs").expected == runs * USD("0.0012")
    assert [gap.what for gap in estimated.unknown] == ["function and files"]


def test_a_web_acl_by_rules_and_requests() -> None:
    estimated = price(resource("aws:wafv2/webAcl:WebAcl", rules=[{}, {}]), *function(), service={"requests": 1_000_000})

    assert sum(item.cost.expected for item in estimated.items if item.type.endswith("WebAcl")) == 5 + 2 + USD("0.60")


@pytest.mark.parametrize(
    ("kind", "inputs", "usd"),
    [
        ("aws:kms/key:Key", {}, "1.03"),
        ("aws:secretsmanager/secret:Secret", {}, "0.45"),
        ("aws:sqs/queue:Queue", {}, "0.012"),
        ("aws:sqs/queue:Queue", {"fifoQueue": True}, "0.015"),
        ("aws:sns/topic:Topic", {}, "0.00005"),
        ("aws:route53/zone:Zone", {}, "0.50"),
        ("aws:cloudwatch/dashboard:Dashboard", {}, "3.00"),
        ("aws:ecr/repository:Repository", {}, "0.20"),
        ("aws:efs/fileSystem:FileSystem", {"availabilityZoneName": "us-east-1a"}, "1.60"),
        ("aws:apigateway/stage:Stage", {"cacheClusterEnabled": True, "cacheClusterSize": "0.5"}, "14.60"),
        ("aws:rds/proxy:Proxy", {}, "21.90"),
    ],
)
def test_small_things(kind: str, inputs: dict[str, Any], usd: str) -> None:
    assert price(resource(kind, **inputs)).total.expected == USD(usd)
