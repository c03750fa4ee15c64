"""How the parts of a stack's services are, by what AWS says now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from automation.errors import UserError
from automation.operate.asking import asked, missing
from automation.operate.clients import Clients, at_once
from automation.operate.deployed import Deployed, Part, short
from automation.operate.found import PartStatus, Rollout, ServiceStatus
from automation.plan.remarks import noun
from stacks.settings import Compute

SERVICES: Final = ("ecs", "elbv2", "lambda", "cloudwatch", "application-autoscaling")
"""What is asked, as boto3 names it."""

_MINUTES: Final = 5
_MOST_EVENTS: Final = 5
_MOST_STOPPED: Final = 100
"""What DescribeTasks takes at once."""
_MOST_REASONS: Final = 3
_BY_ITSELF: Final = frozenset(
    {"EssentialContainerExited", "TaskFailedToStart", "SpotInterruption", "TerminationNotice"}
)
_UNFIT: Final = "Task failed"
"""How ECS begins to say that it stopped a task because of its health, which has no code of its own."""
_PODS: Final = "namespace_number_of_running_pods"
_UNHEALTHY: Final = frozenset({"unhealthy", "unavailable"})
_UNCHECKED: Final = "Target.HealthCheckDisabled"
_NO_PROVISIONED: Final = "ProvisionedConcurrencyConfigNotFoundException"


def look(deployed: Deployed, clients: Clients) -> list[ServiceStatus]:
    """Ask AWS how every service is; a part of which AWS says nothing has that as its problem."""
    services = deployed.chosen(None)
    parts = [part for service in services for part in service.parts]
    found = dict(
        zip(
            (part.name + part.compute for part in parts), at_once(lambda part: _part(part, clients), parts), strict=True
        )
    )
    return [ServiceStatus(one, [found[part.name + part.compute] for part in one.parts]) for one in services]


def _part(part: Part, clients: Clients) -> PartStatus:
    status = PartStatus(part=part)
    looks = {Compute.LAMBDA: _function, Compute.FARGATE: _tasks, Compute.EKS: _pods}
    for step in (looks[part.compute], _targets, _alarms):
        try:
            step(status, clients)
        except UserError as error:
            status.problems.append(f"{error.message} {error.hint}")
    return status


def _tasks(status: PartStatus, clients: Clients) -> None:
    part, ecs = status.part, clients["ecs"]
    answer = asked(
        lambda: ecs.describe_services(cluster=part.cluster, services=[part.identity]),
        f"tell how {part.name} is",
        "ecs:DescribeServices",
    )
    if not answer["services"] or answer["services"][0].get("status") == "INACTIVE":
        status.problems.append(
            "The ECS service does not exist any more: `modeshift drift` tells what else was changed."
        )
        return
    service = answer["services"][0]
    status.running, status.desired = service["runningCount"], service["desiredCount"]
    status.pending, status.version = service["pendingCount"], short(service["taskDefinition"])
    for one in service["deployments"]:
        rollout = Rollout(
            short(one["taskDefinition"]),
            one.get("rolloutState", one["status"]),
            one["runningCount"],
            one["desiredCount"],
            one.get("failedTasks", 0),
            one.get("rolloutStateReason", ""),
        )
        status.rollouts.append(rollout)
        if rollout.state == "FAILED":
            status.problems.append(f"The rollout of {rollout.version} failed: {rollout.reason or 'no reason given'}")
        elif rollout.failed and rollout.state == "IN_PROGRESS":
            failed = noun(rollout.failed, "task")
            status.problems.append(f"{failed} of {rollout.version} failed to stay; ECS goes on trying.")
    if part.definition and service["taskDefinition"] != part.definition and not status.changing:
        status.problems.append(f"ECS went back to {status.version}; {short(part.definition)} did not become healthy.")
    if service["runningCount"] < service["desiredCount"] and not status.changing:
        status.problems.append(f"{status.running} of {status.desired} tasks run.")
    status.events = [(_said(one["createdAt"]), one["message"]) for one in service["events"][:_MOST_EVENTS]]
    _bounds(status, clients)
    _stopped(status, clients)


def _bounds(status: PartStatus, clients: Clients) -> None:
    part = status.part
    if not part.scaled:
        return
    answer = asked(
        lambda: clients["application-autoscaling"].describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[part.scalable]
        ),
        f"tell between which bounds {part.name} is scaled",
        "application-autoscaling:DescribeScalableTargets",
    )
    for one in answer["ScalableTargets"]:
        status.limits = (one["MinCapacity"], one["MaxCapacity"])


def _stopped(status: PartStatus, clients: Clients) -> None:
    """Say how tasks ended: all that ECS remembers where something is wrong, else who just ended by itself."""
    part, ecs = status.part, clients["ecs"]
    doing, needs = f"tell how tasks of {part.name} ended", ("ecs:ListTasks", "ecs:DescribeTasks")
    listed = asked(
        lambda: ecs.list_tasks(cluster=part.cluster, serviceName=part.identity, desiredStatus="STOPPED"), doing, *needs
    )
    if not listed["taskArns"]:
        return
    tasks = asked(
        lambda: ecs.describe_tasks(cluster=part.cluster, tasks=listed["taskArns"][:_MOST_STOPPED]), doing, *needs
    )
    ends: Counter[str] = Counter()
    ended = tasks["tasks"] if status.problems else [task for task in tasks["tasks"] if _just_failed(task)]
    for task in ended:
        codes = [
            f"exit code {one['exitCode']}" + (f", {one['reason']}" if one.get("reason") else "")
            for one in task["containers"]
            if one.get("exitCode") or one.get("reason")
        ]
        said = task.get("stoppedReason", "no reason given")
        ends[f"{said} ({'; '.join(codes)})" if codes else said] += 1
    lines = status.problems or status.warnings
    lines.extend(
        f"Stopped{f' ×{count}' if count > 1 else ''}: {text}" for text, count in ends.most_common(_MOST_REASONS)
    )


def _just_failed(task: Mapping[str, Any]) -> bool:
    """Return whether a task ended in the last minutes without anybody wanting it to."""
    wanted = task.get("stopCode") not in _BY_ITSELF and not task.get("stoppedReason", "").startswith(_UNFIT)
    stopped: datetime | None = task.get("stoppedAt")
    return not wanted and stopped is not None and stopped > datetime.now(UTC) - timedelta(minutes=_MINUTES)


def _function(status: PartStatus, clients: Clients) -> None:
    part, function = status.part, clients["lambda"]
    doing, named = f"tell how {part.name} is", {"FunctionName": part.identity}
    qualifier = {"Qualifier": part.alias} if part.alias else {}
    facts = asked(
        lambda: missing(lambda: function.get_function_configuration(**named, **qualifier), "ResourceNotFoundException"),
        doing,
        "lambda:GetFunctionConfiguration",
    )
    if facts is None:
        status.problems.append("The function does not exist any more: `modeshift drift` tells what else was changed.")
        return
    status.version = facts["Version"]
    for key, well in (("State", "Active"), ("LastUpdateStatus", "Successful")):
        value = facts.get(key, well)
        # A function that nobody called for weeks is Inactive, and becomes active by itself.
        if value not in {well, "Inactive"}:
            reason = facts.get(f"{key}Reason", "")
            status.problems.append(f"{key} is {value}{f': {reason}' if reason else '.'}")
    kept: int | None = None
    if part.alias:
        alias = asked(lambda: function.get_alias(**named, Name=part.alias), doing, "lambda:GetAlias")
        status.rollouts = _shares(alias)
        config = asked(
            lambda: missing(lambda: function.get_provisioned_concurrency_config(**named, **qualifier), _NO_PROVISIONED),
            doing,
            "lambda:GetProvisionedConcurrencyConfig",
        )
        if config is not None:
            kept = config["RequestedProvisionedConcurrentExecutions"]
            if config["Status"] == "FAILED":
                status.problems.append(f"Provisioned concurrency failed: {config.get('StatusReason', '')}")
            else:
                ready = config.get("AvailableProvisionedConcurrentExecutions", 0)
                status.facts.append(f"{ready} of {kept} provisioned instances are ready")
    reserved = asked(lambda: function.get_function_concurrency(**named), doing, "lambda:GetFunctionConcurrency").get(
        "ReservedConcurrentExecutions"
    )
    if reserved == 0:
        status.problems.append("Its reserved concurrency is 0: every call is refused. `modeshift scale` changes that.")
    if kept is not None or reserved is not None:
        status.limits = (kept, reserved)
    _calls(status, clients)


def _shares(alias: Mapping[str, Any]) -> list[Rollout]:
    weights: Mapping[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    shares = {version: round(100 * weight) for version, weight in weights.items()}
    first = Rollout(alias["FunctionVersion"], "ACTIVE", share=100 - sum(shares.values()))
    return [first, *(Rollout(version, "ACTIVE", share=share) for version, share in shares.items())]


def _calls(status: PartStatus, clients: Clients) -> None:
    """Say what the function did in the last minutes."""
    dimensions = {"FunctionName": status.part.identity}
    wanted = {"Invocations": "Sum", "Errors": "Sum", "Throttles": "Sum", "ConcurrentExecutions": "Maximum"}
    found = _measured(clients, "AWS/Lambda", dimensions, wanted, status.part.name)
    sums = {name: round(sum(found[name])) for name in ("Invocations", "Errors", "Throttles")}
    status.running = int(max(found["ConcurrentExecutions"], default=0)) if found["ConcurrentExecutions"] else None
    status.facts.append(f"{noun(sums['Invocations'], 'call')} in {_MINUTES} minutes")
    if sums["Errors"]:
        status.problems.append(f"{noun(sums['Errors'], 'call')} failed in {_MINUTES} minutes.")
    if refused := sums["Throttles"]:
        were = "was" if refused == 1 else "were"
        status.problems.append(f"{noun(refused, 'call')} {were} refused in {_MINUTES} minutes, as too many.")


def _pods(status: PartStatus, clients: Clients) -> None:
    """Say what AWS's own API knows of pods; the rest is Kubernetes' to tell."""
    part = status.part
    dimensions = {"ClusterName": part.cluster, "Namespace": part.namespace}
    found = _measured(clients, "ContainerInsights", dimensions, {_PODS: "Average"}, part.name)[_PODS]
    if found:
        status.running = round(found[-1])
    status.limits = part.replicas
    if part.replicas and status.running is not None and status.running < part.replicas[0]:
        status.problems.append(f"{status.running} of at least {part.replicas[0]} pods run.")
    status.facts.append(f"more: kubectl -n {part.namespace} get deployments,pods,events")


def _targets(status: PartStatus, clients: Clients) -> None:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for group in status.part.groups:
        answer = asked(
            lambda group=group: clients["elbv2"].describe_target_health(TargetGroupArn=group),
            f"tell how the targets of {status.part.name} are",
            "elasticloadbalancing:DescribeTargetHealth",
        )
        for one in answer["TargetHealthDescriptions"]:
            health = one["TargetHealth"]
            counts[health["State"]] += 1
            if health["State"] in _UNHEALTHY and health.get("Reason") != _UNCHECKED:
                reasons[health.get("Description") or health.get("Reason", "no reason given")] += 1
    status.targets = dict(counts)
    status.problems += [f"{count} unhealthy: {reason}" for reason, count in reasons.most_common()]


def _alarms(status: PartStatus, clients: Clients) -> None:
    if not status.part.alarms:
        return
    answer = asked(
        lambda: clients["cloudwatch"].describe_alarms(AlarmNames=list(status.part.alarms), StateValue="ALARM"),
        f"tell which alarms of {status.part.name} rang",
        "cloudwatch:DescribeAlarms",
    )
    status.problems += [f"Alarm {one['AlarmName']}: {one['StateReason']}" for one in answer["MetricAlarms"]]


def _measured(
    clients: Clients, namespace: str, dimensions: Mapping[str, str], wanted: Mapping[str, str], name: str
) -> dict[str, list[float]]:
    """Return the values of each minute of the last ones, the oldest first."""
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": named},
                "Period": 60,
                "Stat": stat,
            },
        }
        for number, (metric, stat) in enumerate(wanted.items())
    ]
    now = datetime.now(UTC)
    answer = asked(
        lambda: clients["cloudwatch"].get_metric_data(
            MetricDataQueries=queries,
            StartTime=now - timedelta(minutes=_MINUTES),
            EndTime=now,
            ScanBy="TimestampAscending",
        ),
        f"tell what was measured of {name}",
        "cloudwatch:GetMetricData",
    )
    found = {one["Id"]: list(one["Values"]) for one in answer["MetricDataResults"]}
    return {metric: found.get(f"m{number}", []) for number, metric in enumerate(wanted)}


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
