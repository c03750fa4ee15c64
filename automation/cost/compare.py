"""Lambda, Fargate and EKS at the same traffic: what each costs, and from where on one is cheaper than another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import combinations, pairwise
from typing import Any, Final

from automation.cost.kinds.front_doors import capacity_units, metered
from automation.cost.kinds.kubernetes import NODE_CPU, NODE_MEMORY
from automation.cost.money import plain
from automation.cost.usage import ServiceUsage, Usage
from automation.errors import UserError
from stacks.prices import cents
from stacks.prices.sheet import PriceSheet
from stacks.settings import Architecture, Compute, FrontDoorKind

REQUESTS: Final = tuple(Decimal(10) ** power for power in range(4, 10))
"""Requests a month that the table shows: ten thousand to a thousand million."""

POINTS: Final = tuple(Decimal(10) ** (Decimal(step) / 20) for step in range(3 * 20, 10 * 20 + 1))
"""Requests a month at which curves are compared: twenty for each factor of ten, from a thousand on."""

TITLES: Final = {Compute.LAMBDA: "Lambda", Compute.FARGATE: "Fargate", Compute.EKS: "EKS"}

_SECONDS: Final = 3600
_MILLISECONDS: Final = 1000
_UNITS: Final = 1024
_HIGH_AVAILABILITY: Final = 2
_NODES: Final = {Architecture.ARM64: "m7g.large", Architecture.X86_64: "m7i.large"}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The service that is compared: its size in either mode, and its front door."""

    name: str
    memory: int = 1024
    cpu: int = 512
    function_architecture: Architecture = Architecture.ARM64
    task_architecture: Architecture = Architecture.ARM64
    fewest_tasks: int = 1
    public_tasks: bool = False
    front_door: FrontDoorKind = FrontDoorKind.HTTP_API
    zones: int = 2
    requests_per_target: int | None = None


@dataclass(frozen=True)
class BreakEven:
    """The requests a month from which on `after` is cheaper than `before`; None where it never is."""

    before: Compute
    after: Compute
    requests: Decimal | None
    cost: Decimal | None = None

    def sentence(self) -> str:
        """Return the finding in words."""
        if self.requests is None or self.cost is None:
            return f"{TITLES[self.after]} is never cheaper than {TITLES[self.before]} here."
        if self.requests <= 1:
            return f"{TITLES[self.after]} is cheaper than {TITLES[self.before]} at any traffic."
        return (
            f"{TITLES[self.after]} is cheaper than {TITLES[self.before]} from {plain(self.requests)} requests a month "
            f"on ({cents(self.cost):,} USD)."
        )


@dataclass(frozen=True)
class Comparison:
    """What each compute costs at any traffic, front door included."""

    workload: Workload
    costs: Mapping[Compute, Callable[[Decimal], Decimal]]
    break_evens: Sequence[BreakEven]
    assumptions: Sequence[str]
    requests: Decimal
    """What the usage says of the service's traffic."""
    caption: str
    """Where the prices are from."""

    def cheapest(self, requests: Decimal) -> Compute:
        """Return the compute that costs least at so many requests a month."""
        return min(self.costs, key=lambda compute: self.costs[compute](requests))

    def document(self) -> dict[str, Any]:
        """Return table and break-evens as JSON's plain types."""
        return {
            "service": self.workload.name,
            "requests": int(self.requests),
            "rows": [
                {
                    "requests": int(requests),
                    **{compute.value: str(cents(cost(requests))) for compute, cost in self.costs.items()},
                    "cheapest": self.cheapest(requests).value,
                }
                for requests in REQUESTS
            ],
            "breakEvens": [
                {
                    "before": found.before.value,
                    "after": found.after.value,
                    "requests": None if found.requests is None else int(found.requests),
                    "cost": None if found.cost is None else str(cents(found.cost)),
                }
                for found in self.break_evens
            ],
            "assumptions": list(self.assumptions),
        }


def compare(workload: Workload, usage: Usage, sheet: PriceSheet) -> Comparison:
    """Return what the service costs on each compute as its traffic grows.

    Raises:
        UserError: The sheet lacks prices of every compute.

    """
    model = _Model(workload, usage, usage.of(workload.name), sheet)
    every = {Compute.LAMBDA: model.on_lambda, Compute.FARGATE: model.on_fargate, Compute.EKS: model.on_eks}
    missing = {compute: gap for compute, cost in every.items() if (gap := _missing(cost))}
    costs = {compute: cost for compute, cost in every.items() if compute not in missing}
    gaps = [
        f"{TITLES[compute]} is not compared: the price sheet of {sheet.region} has no {key}"
        for compute, key in missing.items()
    ]
    if not costs:
        raise UserError(f"Nothing can be compared in {sheet.region}.", hint=f"{gaps[0]}.")
    found = [_break_even(costs, before, after) for before, after in combinations(costs, 2)]
    caption = f"Prices on demand in {sheet.region}, {sheet.oldest} to {sheet.newest}, without free tier."
    return Comparison(workload, costs, found, (*gaps, *model.assumptions()), model.service.requests, caption)


def break_even(per_request: Decimal, per_month: Decimal) -> Decimal:
    """Return the requests a month from which a fixed price is the cheaper one, in whole requests."""
    return (per_month / per_request).to_integral_value(ROUND_CEILING)


@dataclass(frozen=True)
class _Model:
    workload: Workload
    usage: Usage
    service: ServiceUsage
    sheet: PriceSheet

    def on_lambda(self, requests: Decimal) -> Decimal:
        seconds = requests * self.service.duration_ms / _MILLISECONDS
        processor = self.workload.function_architecture.value
        duration = self._cost(f"lambda.duration.{processor}", seconds * self.workload.memory / _UNITS)
        return self._cost("lambda.requests", requests) + duration + self._door(requests, balanced=False)

    def on_fargate(self, requests: Decimal) -> Decimal:
        processor, hours = self.workload.task_architecture.value, self.usage.hours
        cpu, memory = Decimal(self.workload.cpu) / _UNITS, Decimal(self.workload.memory) / _UNITS
        hour = self._cost(f"fargate.vcpu.{processor}", cpu) + self._cost(f"fargate.gb.{processor}", memory)
        if self.workload.public_tasks:
            hour += self._cost("ipv4.hours", Decimal(1))
        return self.tasks(requests) * hours * hour + self._door(requests, balanced=True)

    def on_eks(self, requests: Decimal) -> Decimal:
        hours = self.usage.hours
        cpu, memory = Decimal(self.workload.cpu) / _UNITS, Decimal(self.workload.memory) / _UNITS
        pods = max(self.tasks(requests), Decimal(_HIGH_AVAILABILITY))
        fit = min(NODE_CPU / cpu, NODE_MEMORY / memory)
        # A pod larger than a node takes a larger one, whose price is in proportion.
        nodes = max(_ceiling(pods / (fit.to_integral_value(ROUND_FLOOR) or fit)), Decimal(_HIGH_AVAILABILITY))
        kind = _NODES[self.workload.task_architecture]
        hour = self._cost(f"ec2.{kind}", nodes) + self._cost(f"eks.auto.{kind}", nodes)
        disks = self._cost("ebs.gp3", nodes * self.usage.kubernetes.disk_gb)
        return hours * (self._cost("eks.cluster", Decimal(1)) + hour) + disks + self._door(requests, balanced=True)

    def tasks(self, requests: Decimal) -> Decimal:
        """Return how many tasks the busiest hour needs, all month."""
        compared = self.usage.compare
        busiest = requests / (self.usage.hours * _SECONDS) * compared.peak_factor
        return max(
            _ceiling(busiest / compared.task_requests_per_second), Decimal(self.workload.fewest_tasks), Decimal(1)
        )

    def _door(self, requests: Decimal, *, balanced: bool) -> Decimal:
        """Return what the front door costs; an API needs a load balancer only before containers."""
        carried = [self.service.model_copy(update={"requests": requests})]
        match self.workload.front_door:
            case FrontDoorKind.ALB:
                public = self._cost("ipv4.hours", self.usage.hours * self.workload.zones)
                return self._balancer(carried) + public
            case FrontDoorKind.HTTP_API | FrontDoorKind.REST_API as kind:
                key = "apigateway.http" if kind is FrontDoorKind.HTTP_API else "apigateway.rest"
                return self._cost(key, metered(carried)) + (self._balancer(carried) if balanced else Decimal(0))

    def _balancer(self, carried: Sequence[ServiceUsage]) -> Decimal:
        hours = self.usage.hours
        return self._cost("alb.hours", hours) + self._cost("alb.lcu", capacity_units(carried, hours) * hours)

    def _cost(self, key: str, units: Decimal) -> Decimal:
        return self.sheet.prices[key].cost(units)

    def assumptions(self) -> tuple[str, ...]:
        """Return what the comparison rests on."""
        workload, compared = self.workload, self.usage.compare
        function, task = workload.function_architecture.value, workload.task_architecture.value
        cpu, memory = plain(Decimal(workload.cpu) / _UNITS), plain(Decimal(workload.memory) / _UNITS)
        rate, milliseconds = plain(compared.task_requests_per_second), plain(self.service.duration_ms)
        node = _NODES[workload.task_architecture]
        texts = [
            f"a function has {workload.memory} MiB ({function}) and takes {milliseconds} ms for a request",
            f"a task or pod has {cpu} vCPU and {memory} GB ({task}) and takes {rate} requests a second",
            f"tasks for the busiest hour, {plain(compared.peak_factor)} times the average one, run all month",
            f"at least {workload.fewest_tasks} tasks; EKS in Auto Mode: two or more pods on two or more {node}",
            f"front door {workload.front_door.value}; logs, data, NAT gateways and endpoints are the same on each",
            "metrics that functions write into their logs are not counted",
        ]
        target = workload.requests_per_target
        if target is not None and target < compared.task_requests_per_second * 60:
            texts.append(
                f"scaling.requestsPerTarget is {target} a minute: autoscaling adds tasks long before {rate} a second, "
                "so that Fargate costs more than this"
            )
        return tuple(texts)


def _missing(cost: Callable[[Decimal], Decimal]) -> str:
    """Return the key of a price that a compute needs and the sheet lacks, nothing when all are there."""
    try:
        cost(POINTS[0])
    except KeyError as error:
        return str(error.args[0])
    return ""


def _break_even(costs: Mapping[Compute, Callable[[Decimal], Decimal]], before: Compute, after: Compute) -> BreakEven:
    """Return from where on the second is cheaper for good; tasks come in steps, so that it may flip on the way."""

    def is_cheaper(requests: Decimal) -> bool:
        return costs[after](requests) < costs[before](requests)

    if not is_cheaper(POINTS[-1]):
        return BreakEven(before, after, None)
    flips = [(low, high) for low, high in pairwise(POINTS) if not is_cheaper(low) and is_cheaper(high)]
    low, high = flips[-1] if flips else (Decimal(0), Decimal(1))
    while high - low > 1:
        middle = ((low + high) / 2).to_integral_value()
        low, high = (low, middle) if is_cheaper(middle) else (middle, high)
    requests = _ceiling(high)
    return BreakEven(before, after, requests, costs[after](requests))


def _ceiling(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING)
