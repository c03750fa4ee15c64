"""Where requests come in, and the routes on which they go on: by the account, with what was seen of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.control.account import Resource
from sandbox.workloads.page.rates import Rates
from sandbox.workloads.page.told import Entry, Told
from sandbox.workloads.snapshot import Snapshot, name_of, stack_of

Document = dict[str, Any]

_HTTP_API = "aws:apigatewayv2/api:Api"
_REST_API = "aws:apigateway/restApi:RestApi"
_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_LISTENER = "aws:lb/listener:Listener"
_RULE = "aws:lb/listenerRule:ListenerRule"
_FUNCTION = re.compile(r"functions/(arn:[^/]+)/invocations$")
_ALL_TRAFFIC = 100


def doors(snapshot: Snapshot, told: Told, rates: Rates) -> list[Document]:
    """Return every door, those that people call before those behind them."""
    found = [
        *(_http_api(one, snapshot, told, rates) for one in snapshot.of(_HTTP_API)),
        *(_rest_api(one, told, rates) for one in snapshot.of(_REST_API)),
        *(_balancer(one, snapshot, told, rates) for one in snapshot.of(_BALANCER)),
    ]
    return sorted(found, key=lambda door: (door["internal"], door["name"]))


def _http_api(api: Resource, snapshot: Snapshot, told: Told, rates: Rates) -> Document:
    identity = api.id
    integrations = {one.id: one for one in snapshot.of("aws:apigatewayv2/integration:Integration")}
    routes = [
        {"match": str(one.outputs.get("routeKey")), "to": _integration(one, integrations, snapshot)}
        for one in snapshot.of("aws:apigatewayv2/route:Route")
        if one.outputs.get("apiId") == identity
    ]
    seen = told.find("fronts", arn=api.outputs.get("arn"), id=identity)
    counted: Mapping[str, str] = {"ApiId": identity}
    return {
        **_door(api, "http-api", seen),
        "rate": rates.of("AWS/ApiGateway", "Count", counted),
        "errors": rates.of("AWS/ApiGateway", "5xx", counted),
        "routes": sorted(routes, key=lambda route: route["match"]),
    }


def _rest_api(api: Resource, told: Told, rates: Rates) -> Document:
    seen = told.find("fronts", arn=api.outputs.get("arn"), id=api.id)
    counted = {"ApiName": str(api.outputs.get("name") or "")}
    return {
        **_door(api, "rest-api", seen),
        "rate": rates.of("AWS/ApiGateway", "Count", counted),
        "errors": rates.of("AWS/ApiGateway", "5XXError", counted),
        # Its routes are one document, which whoever serves it has read.
        "routes": [
            {"match": str(one.get("key")), "to": [_end(str(one.get("to") or ""))]} for one in seen.get("routes") or ()
        ],
    }


def _balancer(balancer: Resource, snapshot: Snapshot, told: Told, rates: Rates) -> Document:
    arn, suffix = str(balancer.outputs.get("arn")), str(balancer.outputs.get("arnSuffix") or "")
    listeners = {
        str(one.outputs.get("arn")): one for one in snapshot.of(_LISTENER) if one.outputs.get("loadBalancerArn") == arn
    }
    rules = sorted(
        (one for one in snapshot.of(_RULE) if one.outputs.get("listenerArn") in listeners),
        key=lambda one: int(cast("Any", one.outputs.get("priority")) or 0),
    )
    seen = told.find("balancers", arn=arn)
    counted = {"LoadBalancer": suffix}
    failed = [
        rate
        for name in ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
        if (rate := rates.of("AWS/ApplicationELB", name, counted)) is not None
    ]
    rate = rates.of("AWS/ApplicationELB", "RequestCount", counted)
    return {
        **_door(balancer, "alb", seen),
        "internal": bool(balancer.outputs.get("internal")),
        "rate": rate,
        "errors": sum(failed) if failed else None if rate is None else 0.0,
        "routes": [
            *({"match": _conditions(one), "to": _actions(one.outputs.get("actions"))} for one in rules),
            *(
                {
                    "match": f"anything else on {one.outputs.get('port')}",
                    "to": _actions(one.outputs.get("defaultActions")),
                }
                for one in listeners.values()
            ),
        ],
    }


def _door(resource: Resource, kind: str, seen: Entry) -> Document:
    return {
        "id": str(resource.outputs.get("arn") or resource.id),
        "stack": stack_of(resource),
        "name": name_of(resource),
        "kind": kind,
        "internal": False,
        "url": str(seen.get("url") or ""),
        "state": str(seen.get("state") or ("open" if seen else "")),
        "reason": str(seen.get("reason") or ""),
    }


def _integration(route: Resource, integrations: Mapping[str, Resource], snapshot: Snapshot) -> list[Document]:
    integration = integrations.get(str(route.outputs.get("target") or "").removeprefix("integrations/"))
    uri = str(integration.outputs.get("integrationUri") or "") if integration else ""
    function = _FUNCTION.search(uri)
    if function is not None:
        return [_end(function[1])]
    listener = snapshot.by_arn(uri)
    return [_end(str(listener.outputs.get("loadBalancerArn")) if listener else uri)]


def _actions(actions: object) -> list[Document]:
    """Return where a rule sends requests; what is no target of its own is said in words."""
    found: list[Document] = []
    for action in cast("list[dict[str, Any]]", actions or []):
        groups = (action.get("forward") or {}).get("targetGroups") or []
        if action.get("targetGroupArn") and not groups:
            groups = [{"arn": action["targetGroupArn"], "weight": _ALL_TRAFFIC}]
        total = sum(int(one.get("weight") or 0) for one in groups)
        for one in groups:
            weight = int(one.get("weight") or 0)
            found.append(_end(str(one["arn"]), round(100 * weight / total) if total else 0))
        found += [{"id": "", "words": words, "weight": _ALL_TRAFFIC} for words in _said(action)]
    return found


def _said(action: Mapping[str, Any]) -> Iterator[str]:
    if fixed := action.get("fixedResponse"):
        yield f"answers {fixed.get('statusCode')}"
    if redirect := action.get("redirect"):
        yield f"redirects to {str(redirect.get('protocol') or '').lower() or 'the same'}:{redirect.get('port') or ''}"


def _end(arn: str, weight: int = _ALL_TRAFFIC) -> Document:
    """Return one end of a route; a function's qualifier is no part of what it is found by."""
    parts = arn.split(":")
    function = ":function:" in arn
    qualifier = parts[7] if function and len(parts) > 7 else ""  # noqa: PLR2004 the parts of an ARN
    return {"id": ":".join(parts[:7]) if function else arn, "words": qualifier, "weight": weight}


def _conditions(rule: Resource) -> str:
    said: list[str] = []
    for one in cast("list[dict[str, Any]]", rule.outputs.get("conditions") or []):
        for kind, value in one.items():
            if kind == "httpHeader":
                said.append(f"{value.get('httpHeaderName')}: {', '.join(value.get('values') or [])}")
            elif kind == "queryStrings":
                said += [f"?{each.get('key') or ''}={each.get('value')}" for each in value]
            else:
                said.append(", ".join(map(str, (value or {}).get("values") or [])))
    return " and ".join(said) or "everything"
