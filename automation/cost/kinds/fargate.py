"""Fargate: tasks by size, processor and bounds, their addresses, and the share of them that runs on Spot."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from automation.cost.bill import Bill
from automation.cost.money import Range, plain
from automation.cost.resources import Resource
from automation.cost.schedule import Bounds, Moment, shares

SERVICE: Final = "aws:ecs/service:Service"
TASK: Final = "aws:ecs/taskDefinition:TaskDefinition"
TARGET: Final = "aws:appautoscaling/target:Target"
SCHEDULE: Final = "aws:appautoscaling/scheduledAction:ScheduledAction"

_STRATEGIES: Final = "capacityProviderStrategies"
_UNITS: Final = 1024
_FREE_DISK: Final = 20
_MOST_OFF: Final = Decimal("0.7")
"""Most that Spot is below the price on demand, as AWS advertises it."""


def service(bill: Bill) -> None:
    """Price the tasks of a service; how many run follows from its bounds, its schedules and its busy hours."""
    if not _is_fargate(bill.resource):
        bill.unknown("tasks", "they run on instances, which are priced by themselves")
        return
    usage, tasks, task = bill.service(), running(bill), _task(bill)
    if tasks is None or task is None:
        bill.unknown("tasks", "their number, size or processor is not known before the run")
        return
    cpu, memory, architecture, disk = task
    spot = _spot(bill.resource, tasks)
    for where, count, factor in (
        ("", tasks - spot, Range.exactly(1)),
        (" on Spot", spot, _spot_factor(bill)),
    ):
        if count.high == 0:
            continue
        if where:
            _assume_spot(bill)
        bill.hourly(f"vCPU{where}", f"fargate.vcpu.{architecture}", count * cpu, factor=factor)
        bill.hourly(f"memory{where}", f"fargate.gb.{architecture}", count * memory, factor=factor)
    if disk > _FREE_DISK:
        bill.hourly("disk beyond 20 GB", "fargate.storage", tasks * (disk - _FREE_DISK))
    public = bill.resource.get("networkConfiguration.assignPublicIp", default=False)
    if public is None:
        bill.unknown("public addresses", "whether tasks have one is not known before the run")
    elif public:
        bill.hourly("public IPv4", "ipv4.hours", tasks)
    bill.paid_calls(usage)


def _is_fargate(resource: Resource) -> bool:
    providers = [each.get("capacityProvider") for each in resource.blocks(_STRATEGIES) or []]
    return resource.get("launchType") == "FARGATE" or any(str(name).startswith("FARGATE") for name in providers)


def _task(bill: Bill) -> tuple[Decimal, Decimal, str, Decimal] | None:
    """Return vCPU, GB, processor and disk of a task; its definition is the one beside the service."""
    definitions = bill.resources.beside(bill.resource, TASK)
    if len(definitions) != 1:
        return None
    definition = definitions[0]
    cpu, memory = definition.number("cpu"), definition.number("memory")
    disk = definition.number("ephemeralStorage.sizeInGib", _FREE_DISK)
    linux = definition.get("runtimePlatform.operatingSystemFamily", "LINUX") == "LINUX"
    if cpu is None or memory is None or disk is None or not linux:
        return None
    arm = definition.get("runtimePlatform.cpuArchitecture", "X86_64") == "ARM64"
    return cpu / _UNITS, memory / _UNITS, "arm64" if arm else "x86_64", disk


def running(bill: Bill) -> Range | None:
    """Return how many tasks run: `fewest + busy share × (most - fewest)`, weighted by the schedules' hours."""
    targets = bill.resources.beside(bill.resource, TARGET)
    if not targets:
        count = bill.resource.number("desiredCount", 1)
        return None if count is None else Range.exactly(count)
    low, high = targets[0].number("minCapacity"), targets[0].number("maxCapacity")
    if len(targets) > 1 or low is None or high is None:
        return None
    name = _title(bill)
    busy = bill.usage.of(bill.resources.service_of(bill.resource)).busy_share
    periods = _periods(bill) or {Bounds(int(low), int(high)): Decimal(1)}
    fewest = sum((share * bounds.low for bounds, share in periods.items()), Decimal(0))
    most = sum((share * bounds.high for bounds, share in periods.items()), Decimal(0))
    expected = fewest + busy * (most - fewest)
    if most > fewest:
        bill.assume(
            f"{name}: {plain(fewest)} + {plain(busy)} × ({plain(most)} - {plain(fewest)}) = {plain(expected)} tasks, "
            f"as many as the bounds allow in {plain(busy * 100)} % of the hours"
        )
    return Range(fewest, expected, most)


def _title(bill: Bill) -> str:
    name = bill.resources.service_of(bill.resource)
    return f"the worker of {name}" if bill.resources.is_worker(bill.resource) else name


def _periods(bill: Bill) -> dict[Bounds, Decimal] | None:
    moments: list[Moment] = []
    for action in bill.resources.beside(bill.resource, SCHEDULE):
        cron = str(action.get("schedule"))
        if cron.startswith("at("):
            bill.assume(f"{action.name} happens once and is not counted")
            continue
        bounds = Bounds(
            int(action.number("scalableTargetAction.minCapacity", 0) or 0),
            int(action.number("scalableTargetAction.maxCapacity", 0) or 0),
        )
        moments.append(Moment(cron, str(action.get("timezone", "UTC") or "UTC"), bounds))
    if not moments:
        return None
    periods = shares(moments)
    if periods is None:
        widest = Bounds(min(each.bounds.low for each in moments), max(each.bounds.high for each in moments))
        bill.assume(f"its schedules have no fixed place in a year: {widest.low} to {widest.high} tasks at any hour")
        return {widest: Decimal(1)}
    spans = ", ".join(f"{each.low} to {each.high} in {share:.1%} of the hours" for each, share in periods.items())
    bill.assume(f"{_title(bill)}: by schedule {spans}".replace("%", " %"))
    return periods


def _spot(resource: Resource, tasks: Range) -> Range:
    """Return how many tasks run on Spot: of those beyond each provider's base, its share of the weights."""
    strategies = {str(each.get("capacityProvider")): each for each in resource.blocks(_STRATEGIES) or []}
    spot, on_demand = (Resource("", "", strategies.get(name, {})) for name in ("FARGATE_SPOT", "FARGATE"))
    weight, other = (each.number("weight", 0) or Decimal(0) for each in (spot, on_demand))
    base, other_base = (each.number("base", 0) or Decimal(0) for each in (spot, on_demand))
    share = weight / (weight + other) if weight else Decimal(0)

    def on_spot(count: Decimal) -> Decimal:
        based = min(base, max(count - other_base, Decimal(0)))
        return based + max(count - base - other_base, Decimal(0)) * share

    return tasks.each(on_spot)


def _spot_factor(bill: Bill) -> Range:
    discount = bill.usage.spot_discount_percent
    if discount is None:
        return Range(1 - _MOST_OFF, Decimal(1), Decimal(1))
    return Range.exactly(1 - discount / 100)


def _assume_spot(bill: Bill) -> None:
    discount = bill.usage.spot_discount_percent
    if discount is None:
        bill.assume("Fargate Spot: its price moves; counted as on demand, at least 30 % of that (spotDiscountPercent)")
    else:
        bill.assume(f"Fargate Spot: {plain(discount)} % below the price on demand")
