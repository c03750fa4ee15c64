"""Every figure of the requirements, from the price sheet, with its arithmetic."""

from __future__ import annotations

from decimal import Decimal

import pytest

from automation.cost.compare import break_even
from automation.cost.schedule import Bounds, Moment, shares
from stacks.prices import cents
from tests.automation.cost.conftest import SHEET, component, cost_of, function, price, resource, tasks

USD = Decimal


def test_ten_thousand_analyses() -> None:
    # 10,000 × 10 s × 1 GB × 0.0000166667 + 10,000 × 0.20 / 1,000,000 + 10,000 × 3.50 / 1,000,000
    estimated = price(
        *function("analyzer", architectures=["x86_64"]),
        resource("aws:apigateway/restApi:RestApi"),
        service={"requests": 10_000, "durationMs": 10_000, "responseKb": 0},
    )

    assert cost_of(estimated, "duration").expected == USD("1.66667")
    assert {item.what: item.cost.expected for item in estimated.items if item.what == "requests"}
    by_key = {item.key: item.cost.expected for item in estimated.items}
    assert by_key["lambda.requests"] == USD("0.002")
    assert by_key["apigateway.rest"] == USD("0.035")
    assert cents(estimated.total.expected) == USD("1.70")
    assert not estimated.unknown


@pytest.mark.parametrize(("hours", "one", "three"), [(730, "55.51", "166.53"), (720, "54.75", "164.25")])
def test_large_tasks_on_x86(hours: int, one: str, three: str) -> None:
    # (1 × 0.04048 + 8 × 0.004445) × hours = 0.07604 × hours
    assert cents(price(*tasks(), hours=hours).total.expected) == USD(one)
    assert cents(price(*tasks(bounds=(3, 3)), hours=hours).total.expected) == USD(three)


def test_a_task_scaled_to_three_for_a_quarter_of_the_hours() -> None:
    # 1 + 0.25 × (3 - 1) = 1.5 tasks; 1.5 × 0.07604 × 730
    estimated = price(*tasks(bounds=(1, 3)), service={"busyShare": "0.25"})

    assert cents(estimated.total.low) == USD("55.51")
    assert cents(estimated.total.expected) == USD("83.26")
    assert cents(estimated.total.high) == USD("166.53")
    assert any("1 + 0.25 × (3 - 1) = 1.5 tasks" in text for text in estimated.assumptions)


def test_a_task_scaled_by_business_hours() -> None:
    # Three tasks from 8 to 18 on weekdays, one else; the reference year has 261 weekdays: 2610 of 8760 hours.
    business, off = Bounds(3, 3), Bounds(1, 1)
    periods = shares(
        [Moment("cron(0 8 ? * MON-FRI *)", "UTC", business), Moment("cron(0 18 ? * MON-FRI *)", "UTC", off)]
    )
    assert periods is not None
    assert periods[business] == USD(2610) / USD(8760)

    service = tasks(bounds=(1, 3))
    for name, cron, count in (("day", "cron(0 8 ? * MON-FRI *)", 3), ("night", "cron(0 18 ? * MON-FRI *)", 1)):
        bounds = {"minCapacity": count, "maxCapacity": count}
        kind = "aws:appautoscaling/scheduledAction:ScheduledAction"
        service.append(resource(kind, f"api-{name}", service[0], schedule=cron, scalableTargetAction=bounds))
    estimated = price(*service)

    # (1 + 2 × 2610 / 8760) × 0.07604 × 730
    assert estimated.total.is_exact
    assert cents(estimated.total.expected) == USD("88.59")
    assert USD("55.51") < estimated.total.expected < USD("166.53")


def test_a_small_task() -> None:
    # (0.5 × 0.04048 + 4 × 0.004445) × 720 = 0.03802 × 720 = 27.3744. The requirement's 27.36 is 0.038 × 720.
    exact = price(*tasks(cpu=512, memory=4096), hours=720).total.expected

    assert exact == USD("27.3744")
    assert round(exact / 720, 3) * 720 == USD("27.360")


def test_provisioned_concurrency_held_all_month() -> None:
    # 1 × 1 GB × 730 × 3600 s × 0.0000041667
    service = function(architectures=["x86_64"])
    kind = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
    service.append(resource(kind, "api", service[0], provisionedConcurrentExecutions=1))
    idle = price(*service, service={"requests": 0})
    used = price(*service, service={"requests": 100_000})

    assert cents(idle.total.expected) == USD("10.95")
    # On top: 100,000 × 0.1 s × 1 GB × 0.0000097222 and 0.02 for the requests.
    assert used.total.expected - idle.total.expected == USD("0.097222") + USD("0.02")


def test_analyses_that_are_cached_cheap_or_strong() -> None:
    # 0.80 × 0 + 0.15 × 0.003 + 0.05 × 0.03
    calls = [
        {"name": "the cheap model", "share": 0.15, "usd": 0.003},
        {"name": "the strong one", "share": 0.05, "usd": 0.03},
    ]
    estimated = price(*function(), service={"requests": 1, "paidCalls": calls})

    assert cost_of(estimated, "the cheap model", "the strong one").expected == USD("0.00195")


def test_from_how_many_requests_a_small_server_is_cheaper() -> None:
    # The same analyses: 10 s × 0.0000166667 + 0.0000002 + 0.0000035 = 0.000170367 each; 8.50 / 0.000170367
    each = 10 * SHEET.prices["lambda.duration.x86_64"].usd + SHEET.prices["lambda.requests"].usd
    each += SHEET.prices["apigateway.rest"].usd

    assert each == USD("0.000170367")
    assert break_even(each, USD("8.50")) == 49893
    # At the sheet's own price of a t2.micro, 0.0116 × 730 = 8.468.
    assert break_even(each, SHEET.prices["ec2.t2.micro"].usd * 730) == 49705


def test_files_a_table_a_bucket_and_backups() -> None:
    # 20 × 0.30 + 5 × 0.25 + 100 × 0.023 + (20 GB + 30 daily backups of 0.5 GB) × 0.05
    estimated = price(
        resource("aws:efs/fileSystem:FileSystem"),
        resource("aws:efs/backupPolicy:BackupPolicy", backupPolicy={"status": "ENABLED"}),
        resource("aws:dynamodb/table:Table", billingMode="PAY_PER_REQUEST"),
        resource("aws:s3/bucket:Bucket"),
        fileSystem={"gb": 20, "backupGb": 20 + 30 * 0.5},
        table={"gb": 5, "writes": 0, "reads": 0},
        bucket={"gb": 100, "writes": 0, "reads": 0},
    )

    assert {item.key: item.cost.expected for item in estimated.items if item.cost.expected} == {
        "efs.storage": USD("6.00"),
        "dynamodb.storage": USD("1.25"),
        "s3.storage": USD("2.300"),
        "efs.backup": USD("1.75"),
    }
    assert estimated.total.expected == USD("11.30")


def test_a_control_plane() -> None:
    # 0.10 × 730
    assert price(resource("aws:eks/cluster:Cluster")).total.expected == 73


def test_a_nat_gateway_with_its_address() -> None:
    # (0.045 + 0.005) × 730
    nat = (resource("aws:ec2/natGateway:NatGateway"), resource("aws:ec2/eip:Eip"))

    assert price(*nat, network={"natGb": 0}).total.expected == USD("36.50")


def test_an_idle_load_balancer_with_two_addresses() -> None:
    # (0.0225 + 2 × 0.005) × 730 = 23.725
    balancer = resource("aws:lb/loadBalancer:LoadBalancer", subnets=["subnet-1", "subnet-2"])

    assert cents(price(balancer).total.expected) == USD("23.73")


@pytest.mark.parametrize(
    ("cpu", "memory", "processor", "usd"),
    [
        (256, 512, "X86_64", "9.01"),
        (256, 512, "ARM64", "7.21"),
        (256, 1024, "X86_64", "10.63"),
        (256, 1024, "ARM64", "8.51"),
    ],
)
def test_small_tasks_on_either_processor(cpu: int, memory: int, processor: str, usd: str) -> None:
    assert cents(price(*tasks(cpu=cpu, memory=memory, processor=processor)).total.expected) == USD(usd)


def test_a_small_cluster_of_kubernetes() -> None:
    # 73.00 + 2 × 0.0336 × 730 + 2 × 20 × 0.08 = 125.26; Auto Mode adds 2 × 0.00403 × 730 = 5.88
    scaling = {"minSize": 2, "desiredSize": 2, "maxSize": 2}
    group = resource("aws:eks/nodeGroup:NodeGroup", instanceTypes=["t4g.medium"], scalingConfig=scaling)
    kubernetes = {"autoNodes": 2, "instanceType": "t4g.medium", "diskGb": 20}

    by_group = price(resource("aws:eks/cluster:Cluster"), group)
    automatic = price(resource("aws:eks/cluster:Cluster", computeConfig={"enabled": True}), kubernetes=kubernetes)

    assert cents(by_group.total.expected) == USD("125.26")
    assert cents(automatic.total.expected - by_group.total.expected) == USD("5.88")


def test_a_small_database() -> None:
    # 0.016 × 730 + 20 × 0.115
    database = resource(
        "aws:rds/instance:Instance",
        engine="postgres",
        instanceClass="db.t4g.micro",
        allocatedStorage=20,
        storageType="gp3",
    )

    assert cents(price(database).total.expected) == USD("13.98")


def test_an_idle_serverless_stack_costs_what_is_stored_and_watched() -> None:
    stack = [*function(), component("HttpApi", "door"), resource("aws:apigatewayv2/api:Api", protocolType="HTTP")]

    assert price(*stack, service={"requests": 0}).total.expected == 0
