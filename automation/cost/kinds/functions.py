"""Lambda: requests, duration, what is held ready, snapshots, storage, traces."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from automation.cost.bill import Bill
from automation.cost.money import plain
from automation.cost.resources import Resource

FUNCTION: Final = "aws:lambda/function:Function"
PROVISIONED: Final = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"

_DEFAULT_MEMORY: Final = 128
_FREE_STORAGE: Final = 512
_MEBIBYTES: Final = 1024
_MILLISECONDS: Final = 1000
_SECONDS: Final = 3600
_MINUTE: Final = 60
_UNPAID: Final = frozenset({"off", "prometheus"})
"""Where METRICS sends figures that CloudWatch is not paid for."""


def function(bill: Bill) -> None:
    """Price a function by what its service is asked."""
    if bill.resources.component_of(bill.resource) == "Migration":
        _migration(bill)
        return
    resource, usage = bill.resource, bill.service()
    memory = resource.number("memorySize", _DEFAULT_MEMORY)
    bill.add("requests", "lambda.requests", usage.requests)
    bill.paid_calls(usage)
    if memory is None:
        bill.unknown("duration", "its memory is not known before the run")
        return
    seconds = usage.requests * usage.duration_ms / _MILLISECONDS
    bill.assume(f"a request takes {plain(usage.duration_ms)} ms in a function")
    held = "provisioned." if bill.resources.beside(resource, PROVISIONED) else ""
    if held:
        bill.assume("provisioned instances take every request; what spills over costs 1.7 times as much")
    key = f"lambda.{held}duration.{architecture(resource)}" if held else f"lambda.duration.{architecture(resource)}"
    bill.add("duration", key, seconds * memory / _MEBIBYTES)
    storage = resource.number("ephemeralStorage.size", _FREE_STORAGE)
    if storage is not None and storage > _FREE_STORAGE:
        bill.add("storage in /tmp", "lambda.storage", seconds * (storage - _FREE_STORAGE) / _MEBIBYTES)
    if resource.get("snapStart.applyOn") == "PublishedVersions":
        _snapshots(bill, usage.requests * usage.cold_start_share, memory / _MEBIBYTES)
    if resource.get("tracingConfig.mode") == "Active":
        bill.assume(f"X-Ray records {plain(bill.usage.traced_share * 100)} % of the requests")
        bill.add("traces", "xray.traces", usage.requests * bill.usage.traced_share)
    if usage.metrics and usage.requests and resource.get("environment.variables.METRICS") not in _UNPAID:
        bill.assume(f"a function writes {plain(usage.metrics)} metrics of its requests or messages")
        bill.add("metrics", "metric.custom", usage.metrics)


def _migration(bill: Bill) -> None:
    releases, memory = bill.usage.releases, bill.resource.number("memorySize", _DEFAULT_MEMORY)
    bill.assume(f"{plain(releases)} releases a month, each of which migrates databases for a minute")
    bill.add("requests", "lambda.requests", releases)
    if memory is None:
        bill.unknown("duration", "its memory is not known before the run")
    else:
        bill.add("duration", f"lambda.duration.{architecture(bill.resource)}", releases * _MINUTE * memory / _MEBIBYTES)


def provisioned(bill: Bill) -> None:
    """Price instances that are held ready, used or not."""
    count = bill.resource.number("provisionedConcurrentExecutions")
    functions = bill.resources.beside(bill.resource, FUNCTION)
    memory = functions[0].number("memorySize", _DEFAULT_MEMORY) if len(functions) == 1 else None
    if count is None or memory is None:
        bill.unknown("held ready", "the number or the memory of its instances is not known before the run")
        return
    gb_seconds = count * memory / _MEBIBYTES * bill.usage.hours * _SECONDS
    bill.add("held ready", f"lambda.provisioned.{architecture(functions[0])}", gb_seconds)


def architecture(resource: Resource) -> str:
    """Return the processor of a function, as the sheet's keys name it."""
    chosen = resource.get("architectures") or ["x86_64"]
    return "arm64" if "arm64" in chosen else "x86_64"


def _snapshots(bill: Bill, restores: Decimal, gb: Decimal) -> None:
    bill.assume("one version of each function has a cached snapshot; older ones go unused for 14 days and expire")
    bill.add("cached snapshot", "lambda.snapstart.cache", gb * bill.usage.hours * _SECONDS)
    bill.add("restored snapshots", "lambda.snapstart.restore", restores * gb)
