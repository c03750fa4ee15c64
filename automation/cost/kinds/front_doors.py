"""Front doors: load balancers, APIs, web ACLs, and the data they send to the internet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

from automation.cost.bill import KILOBYTES_PER_GB, Bill
from automation.cost.kinds.network import zone_count
from automation.cost.money import plain
from automation.cost.usage import ServiceUsage

_METERED_KB: Final = 512
_SECONDS: Final = 3600
_MILLISECONDS: Final = 1000
_LCU_CONNECTIONS: Final = 25
_LCU_ACTIVE: Final = 3000
_MINUTE: Final = 60


def load_balancer(bill: Bill) -> None:
    """Price a load balancer by the hour, its public addresses, and its capacity units for what it carries."""
    kind = {"application": "alb", "network": "nlb"}.get(str(bill.resource.get("loadBalancerType", "application")))
    internal = bill.resource.get("internal", default=False)
    if kind is None or internal is None:
        bill.unknown("hours", "its kind is not priced, or not known before the run")
        return
    bill.hourly("hours", f"{kind}.hours")
    # An internal one stands behind the API and carries what goes to containers.
    carried = bill.traffic("FargateService", "EksService") if internal else bill.traffic()
    bill.add("capacity units", f"{kind}.lcu", capacity_units(carried, bill.usage.hours) * bill.usage.hours)
    if internal:
        return
    zones = zone_count(bill.resource.get("subnets", []), bill.resources)
    if zones:
        bill.hourly("public IPv4", "ipv4.hours", zones)
    else:
        bill.unknown("public IPv4", "its zones are not known before the run")
    _outbound(bill, carried)


def capacity_units(carried: Sequence[ServiceUsage], hours: Decimal) -> Decimal:
    """Return the capacity units of an average hour: the largest of connections, open connections and data."""
    seconds = hours * _SECONDS
    each_second = sum((usage.requests for usage in carried), Decimal(0)) / seconds
    open_seconds = sum(
        (usage.requests * (_MINUTE + usage.duration_ms / _MILLISECONDS) for usage in carried), Decimal(0)
    )
    gigabytes = sum((usage.requests * usage.response_kb for usage in carried), Decimal(0)) / KILOBYTES_PER_GB
    return max(each_second / _LCU_CONNECTIONS, open_seconds / seconds / _LCU_ACTIVE, gigabytes / hours)


def api(bill: Bill) -> None:
    """Price an HTTP or WebSocket API by its requests."""
    key = {"HTTP": "apigateway.http", "WEBSOCKET": "apigateway.websocket.messages"}.get(
        str(bill.resource.get("protocolType"))
    )
    if key is None:
        bill.unknown("requests", "its protocol is not known before the run")
        return
    carried = bill.traffic()
    bill.add("requests", key, metered(carried))
    _outbound(bill, carried)


def rest_api(bill: Bill) -> None:
    """Price a REST API by its requests."""
    carried = bill.traffic()
    bill.add("requests", "apigateway.rest", metered(carried))
    _outbound(bill, carried)


def rest_stage(bill: Bill) -> None:
    """Price the cache of a REST API's stage; a stage without one is free."""
    if bill.resource.get("cacheClusterEnabled", default=False):
        bill.hourly("cache", f"apigateway.cache.{bill.resource.get('cacheClusterSize')}")


def web_acl(bill: Bill) -> None:
    """Price a web ACL, its rules, and the requests it looks at."""
    rules = bill.resource.blocks("rules")
    bill.add("web ACL", "waf.acl", 1)
    if rules is None:
        bill.unknown("rules", "they are not known before the run")
    else:
        bill.add("rules", "waf.rules", len(rules))
    bill.add("requests", "waf.requests", sum((usage.requests for usage in bill.traffic()), Decimal(0)))


def metered(carried: Sequence[ServiceUsage]) -> Decimal:
    """Return requests as an API counts them: one for each begun 512 KB."""
    pieces = (max((usage.response_kb / _METERED_KB).to_integral_value(ROUND_CEILING), Decimal(1)) for usage in carried)
    return sum((usage.requests * count for usage, count in zip(carried, pieces, strict=True)), Decimal(0))


def _outbound(bill: Bill, carried: Sequence[ServiceUsage]) -> None:
    for size in sorted({usage.response_kb for usage in carried}):
        bill.assume(f"a response has {plain(size)} KB")
    gigabytes = sum((usage.requests * usage.response_kb for usage in carried), Decimal(0)) / KILOBYTES_PER_GB
    bill.add("data to the internet", "transfer.internet", gigabytes)
