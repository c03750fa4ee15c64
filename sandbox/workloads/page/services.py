"""What answers requests: target groups with their targets, and services with their processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sandbox.control.account import Resource
from sandbox.workloads.page.rates import Rates
from sandbox.workloads.page.told import Entry, Told
from sandbox.workloads.snapshot import Snapshot, name_of, stack_of

Document = dict[str, Any]

_GROUP = "aws:lb/targetGroup:TargetGroup"
_ATTACHED = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
_FUNCTION = "aws:lambda/function:Function"
_SERVICE = "aws:ecs/service:Service"
_RELEASE = "kubernetes:helm.sh/v3:Release"
_MIB = 1024 * 1024


def groups(snapshot: Snapshot, told: Told, rates: Rates) -> list[Document]:
    """Return the target groups, each with how its targets were found at their last checks."""
    balancers = [str(one.outputs.get("arnSuffix") or "") for one in snapshot.of("aws:lb/loadBalancer:LoadBalancer")]
    return [_group(one, snapshot, told, rates, balancers) for one in snapshot.of(_GROUP)]


def _group(group: Resource, snapshot: Snapshot, told: Told, rates: Rates, balancers: Sequence[str]) -> Document:
    arn, suffix = str(group.outputs.get("arn")), str(group.outputs.get("arnSuffix") or "")
    counted = [
        rate
        for balancer in balancers
        if (rate := rates.of("AWS/ApplicationELB", "RequestCount", {"TargetGroup": suffix, "LoadBalancer": balancer}))
        is not None
    ]
    attached = (one for one in snapshot.of(_ATTACHED) if one.outputs.get("targetGroupArn") == arn)
    function = next((str(one.outputs.get("targetId") or "") for one in attached), "")
    seen = told.find("balancers", arn=arn)
    return {
        "id": arn,
        "stack": stack_of(group),
        "name": name_of(group),
        "kind": str(group.outputs.get("targetType") or ""),
        "function": ":".join(function.split(":")[:7]) if ":function:" in function else "",
        "rate": sum(counted) if counted else None,
        "targets": [
            {
                "id": str(one.get("id") or ""),
                "of": str(one.get("subject") or ""),
                "zone": str(one.get("zone") or ""),
                "state": str(one.get("state") or ""),
                "reason": str(one.get("description") or one.get("reason") or ""),
            }
            for one in seen.get("targets") or ()
        ],
    }


def services(snapshot: Snapshot, told: Told, rates: Rates) -> list[Document]:
    """Return whatever runs processes: functions, ECS services and Helm releases."""
    return [
        *(_function(one, told, rates) for one in snapshot.of(_FUNCTION)),
        *(_tasks(one, told) for one in snapshot.of(_SERVICE)),
        *(document for one in snapshot.of(_RELEASE) for document in _pods(one, snapshot, told)),
    ]


def _service(resource: Resource, compute: str, seen: Entry) -> Document:
    return {
        "id": str(resource.outputs.get("arn") or resource.urn),
        "stack": stack_of(resource),
        "name": name_of(resource),
        "compute": compute,
        "groups": [],
        "seen": bool(seen),
        "state": "",
        "wanted": None,
        "running": None,
        "rate": None,
        "deployments": [],
        "processes": [],
        "scaling": [],
    }


def _function(function: Resource, told: Told, rates: Rates) -> Document:
    name = str(function.outputs.get("name") or "")
    arn = function.outputs.get("arn")
    seen = told.find("functions", arn=arn) or told.find("functions", name=name)
    workers: list[Entry] = list(seen.get("workers") or ())
    return {
        **_service(function, "lambda", seen),
        "state": str(seen.get("state") or ""),
        "running": len(workers) if seen else None,
        "rate": rates.of("AWS/Lambda", "Invocations", {"FunctionName": name}),
        "processes": [_process(one, str(one.get("id") or one.get("pid") or "")) for one in workers],
        "scaling": _scaling(told, f"function:{name}:"),
    }


def _tasks(service: Resource, told: Told) -> Document:
    seen = told.find("ecs", arn=service.outputs.get("arn"))
    cluster = str(service.outputs.get("cluster") or "").rpartition("/")[2]
    balancers = cast("Sequence[Mapping[str, Any]]", service.outputs.get("loadBalancers") or ())
    deployments: list[Entry] = list(seen.get("deployments") or ())
    primary = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
    return {
        **_service(service, "fargate", seen),
        "state": str(primary.get("rolloutState") or seen.get("state") or seen.get("status") or ""),
        "groups": [str(one.get("targetGroupArn")) for one in balancers],
        "wanted": seen.get("desired"),
        "running": seen.get("running"),
        "deployments": [
            {
                "id": str(one.get("id") or ""),
                "status": str(one.get("status") or ""),
                "state": str(one.get("rolloutState") or ""),
                "reason": str(one.get("reason") or ""),
                "wanted": one.get("desired"),
                "running": one.get("running"),
                "failed": one.get("failed") or 0,
            }
            for one in deployments
        ],
        "processes": _live(seen.get("tasks") or ()),
        "scaling": _scaling(told, f"service/{cluster}/{service.outputs.get('name')}"),
    }


def _live(tasks: Iterable[Entry]) -> list[Document]:
    """Return the tasks that have not ended; those that have are told in the events."""
    return [
        _process(one, str(one.get("id") or one.get("arn") or ""))
        for one in tasks
        if str(one.get("lastStatus") or one.get("state") or "") != "STOPPED"
    ]


def _pods(release: Resource, snapshot: Snapshot, told: Told) -> list[Document]:
    """Return a service for each Deployment of a release; one that says nothing where nobody has seen it."""
    name, stack = name_of(release), stack_of(release)
    # The chart binds pods to the group of the same component.
    bound = [
        str(one.outputs.get("arn")) for one in snapshot.of(_GROUP) if (name_of(one), stack_of(one)) == (name, stack)
    ]
    seen = told.find("kubernetes", urn=release.urn)
    deployments: list[Entry] = list(seen.get("deployments") or ())
    base = {**_service(release, "eks", seen), "groups": bound}
    if not deployments:
        return [{**base, "state": str(seen.get("status") or "")}]
    return [
        {
            **base,
            "id": base["id"] if one.get("component", "server") == "server" else f"{base['id']}#{one.get('name')}",
            "name": str(one.get("name") or base["name"]),
            "state": str(seen.get("status") or ""),
            "wanted": one.get("replicas"),
            "running": one.get("ready"),
            "deployments": [
                {
                    "id": str(each.get("name") or ""),
                    "status": f"revision {each.get('revision')}",
                    "state": "",
                    "reason": "",
                    "wanted": each.get("desired"),
                    "running": each.get("ready"),
                    "failed": 0,
                }
                for each in one.get("replica_sets") or ()
                if each.get("desired") or each.get("ready")
            ],
            "processes": [_process(pod, str(pod.get("name") or "")) for pod in one.get("pods") or ()],
            "scaling": _autoscaler(one.get("autoscaler")),
        }
        for one in deployments
    ]


def _process(one: Entry, name: str) -> Document:
    """Return one process as the page shows it."""
    state = str(one.get("lastStatus") or one.get("status") or one.get("state") or "")
    health = str(one.get("health") or "")
    if "ready" in one and not one["ready"] and state.lower() == "running":
        state = "not ready"
    memory = one.get("memory")
    return {
        "id": name,
        "pid": one.get("pid"),
        "zone": str(one.get("zone") or ""),
        "state": f"{state}, {health.lower()}" if health and health != "UNKNOWN" else state,
        "version": str(one.get("version") or one.get("revision") or one.get("taskDefinition") or "").rpartition("/")[2],
        "since": one.get("started"),
        "restarts": one.get("restarts") or 0,
        "cpu": one.get("cpu"),
        # Some tell bytes and some MiB; no process has less than a page of memory.
        "memory_mib": None if memory is None else round(memory / _MIB, 1) if memory > _MIB else round(memory, 1),
        "reason": str(one.get("reason") or one.get("message") or ""),
    }


def _scaling(told: Told, resource: str) -> list[Document]:
    seen = told.find("scaling", resource=resource)
    return [_limits(seen.get("min"), seen.get("max"), seen.get("capacity"), seen.get("last"))] if seen else []


def _autoscaler(seen: Entry | None) -> list[Document]:
    if not seen:
        return []
    told = [
        f"{name} {one.get('current')} of {one.get('target')} %" for name, one in (seen.get("metrics") or {}).items()
    ]
    return [_limits(seen.get("min"), seen.get("max"), seen.get("desired"), ", ".join(told))]


def _limits(least: object, most: object, now: object, last: object) -> Document:
    return {"least": least, "most": most, "now": now, "last": last if isinstance(last, str) else ""}
