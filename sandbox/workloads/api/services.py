"""ECS's calls about services and their tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.workloads.api.protocol import AwsError, Call
from sandbox.workloads.api.view import View, moment, present, regional, told

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_SERVICE = "aws:ecs/service:Service"
_CLUSTER = "aws:ecs/cluster:Cluster"
_MOST_EVENTS = 100
_CHANGES = frozenset(["cluster", "service", "desiredCount", "forceNewDeployment"])

Json = dict[str, Any]


async def describe_services(view: View, call: Call) -> Json:
    """Answer DescribeServices."""
    cluster = cluster_of(view, call)
    found: list[Json] = []
    failures: list[Json] = []
    for name in call.parameters["services"]:
        resource = _service(view, call.region, cluster, name)
        if resource is None:
            failures.append({"arn": name, "reason": "MISSING"})
        else:
            found.append(_described(resource, said_of(view, str(resource.outputs["arn"]))))
    return {"services": found, "failures": failures}


async def list_tasks(view: View, call: Call) -> Json:
    """Answer ListTasks."""
    cluster = cluster_of(view, call)
    wanted = call.parameters.get("desiredStatus", "RUNNING")
    named = call.parameters.get("serviceName")
    if named and _service(view, call.region, cluster, named) is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    arns = [
        _task_arn(service, task)
        for service in regional(view, _SERVICE, call.region)
        if service.outputs.get("cluster") == cluster and (not named or _is(service, named))
        for task in said_of(view, str(service.outputs["arn"])).get("tasks", ())
        if _ends(task) == (wanted == "STOPPED")
    ]
    return {"taskArns": arns}


async def describe_tasks(view: View, call: Call) -> Json:
    """Answer DescribeTasks."""
    cluster = cluster_of(view, call)
    found: list[Json] = []
    failures: list[Json] = []
    for name in call.parameters["tasks"]:
        service, task = find_task(view, call.region, cluster, name)
        if service is None:
            failures.append({"arn": name, "reason": "MISSING"})
        else:
            found.append(_task(view, service, task))
    return {"tasks": found, "failures": failures}


async def update_service(view: View, call: Call) -> Json:
    """Answer UpdateService, as far as people count tasks or start them anew by it."""
    cluster = cluster_of(view, call)
    resource = _service(view, call.region, cluster, call.parameters["service"])
    if resource is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if other := sorted(set(call.parameters) - _CHANGES):
        raise AwsError(
            "InvalidParameterException", f"The sandbox does not change {', '.join(other)} of a service here."
        )
    arn = str(resource.outputs["arn"])
    manager = view.managers["ecs"]
    if (count := call.parameters.get("desiredCount")) is not None:
        manager.set_capacity(f"service/{cluster.rsplit('/', 1)[-1]}/{resource.outputs['name']}", count, "asked for")
    if call.parameters.get("forceNewDeployment"):
        try:
            manager.redeploy(arn)
        except LookupError as problem:
            raise AwsError("ServiceNotActiveException", str(problem)) from None
    return {"service": _described(resource, said_of(view, arn))}


def cluster_of(view: View, call: Call) -> str:
    """Return the ARN of the cluster that a call names.

    Raises:
        AwsError: There is no such cluster.

    """
    named = call.parameters.get("cluster", "default")
    for cluster in regional(view, _CLUSTER, call.region):
        if named in (cluster.outputs.get("arn"), cluster.outputs.get("name")):
            return str(cluster.outputs["arn"])
    raise AwsError("ClusterNotFoundException", "Cluster not found.")


def find_task(view: View, region: str, cluster: str, name: str) -> tuple[Resource | None, Json]:
    """Return a task by its id or ARN, and its service; None where there is no such task."""
    for service in regional(view, _SERVICE, region):
        if service.outputs.get("cluster") == cluster:
            for task in said_of(view, str(service.outputs["arn"])).get("tasks", ()):
                if name in {task["id"], _task_arn(service, task)}:
                    return service, task
    return None, {}


def said_of(view: View, arn: str) -> Json:
    """Return what is told of a service; nothing before anything of it runs."""
    return next((one for one in told(view, "ecs", "services") if one.get("arn") == arn), {})


def container_name(view: View, definition: str) -> str:
    """Return the name of the container of a task definition."""
    resource = view.snapshot.by_arn(definition)
    if resource is None:
        return ""
    return str(json.loads(str(resource.outputs["containerDefinitions"]))[0]["name"])


def _service(view: View, region: str, cluster: str, name: str) -> Resource | None:
    services = regional(view, _SERVICE, region)
    return next((one for one in services if one.outputs.get("cluster") == cluster and _is(one, name)), None)


def _is(service: Resource, name: str) -> bool:
    return name in (service.outputs.get("arn"), service.outputs.get("name"))


def _described(resource: Resource, said: Mapping[str, Any]) -> Json:
    outputs = resource.outputs
    return present(
        serviceArn=outputs["arn"],
        serviceName=outputs["name"],
        clusterArn=outputs.get("cluster"),
        status="ACTIVE",
        desiredCount=said.get("desired", outputs.get("desiredCount", 0)),
        runningCount=said.get("running", 0),
        pendingCount=said.get("pending", 0),
        taskDefinition=said.get("taskDefinition") or outputs.get("taskDefinition"),
        enableExecuteCommand=bool(outputs.get("enableExecuteCommand")),
        schedulingStrategy=outputs.get("schedulingStrategy"),
        loadBalancers=outputs.get("loadBalancers") or [],
        deployments=[_deployment(one) for one in said.get("deployments", ())],
        events=[
            present(id=str(one.get("id", "")), createdAt=moment(one.get("time")), message=one["message"])
            for one in list(said.get("events", ()))[:_MOST_EVENTS]
        ],
    )


def _deployment(said: Mapping[str, Any]) -> Json:
    return present(
        id=said["id"],
        status=said["status"],
        taskDefinition=said.get("taskDefinition"),
        desiredCount=said.get("desired", 0),
        runningCount=said.get("running", 0),
        pendingCount=said.get("pending", 0),
        failedTasks=said.get("failed", 0),
        rolloutState=said.get("rolloutState"),
        rolloutStateReason=said.get("reason"),
        createdAt=moment(said.get("created")),
        updatedAt=moment(said.get("updated")),
    )


def _task(view: View, service: Resource, said: Mapping[str, Any]) -> Json:
    arn, definition = _task_arn(service, said), str(said.get("taskDefinition") or service.outputs["taskDefinition"])
    name = container_name(view, definition)
    container = present(
        containerArn=f"{arn.replace(':task/', ':container/')}/{name}",
        taskArn=arn,
        name=name,
        lastStatus=said.get("lastStatus"),
        healthStatus=said.get("health"),
        exitCode=said.get("exitCode"),
        reason=said.get("reason"),
        runtimeId=f"{said['id']}-{name}",
    )
    return present(
        taskArn=arn,
        clusterArn=service.outputs["cluster"],
        taskDefinitionArn=definition,
        group=f"service:{service.outputs['name']}",
        lastStatus=said.get("lastStatus"),
        desiredStatus=said.get("desiredStatus"),
        healthStatus=said.get("health"),
        availabilityZone=said.get("zone"),
        enableExecuteCommand=bool(service.outputs.get("enableExecuteCommand")),
        createdAt=moment(said.get("created")),
        startedAt=moment(said.get("started")),
        stoppedAt=moment(said.get("stopped")),
        stopCode=said.get("stopCode"),
        stoppedReason=said.get("stoppedReason"),
        containers=[container],
    )


def _task_arn(service: Resource, task: Mapping[str, Any]) -> str:
    cluster = str(service.outputs["cluster"])
    return f"{cluster.replace(':cluster/', ':task/')}/{task['id']}"


def _ends(task: Mapping[str, Any]) -> bool:
    return task.get("desiredStatus") == "STOPPED" or task.get("lastStatus") == "STOPPED"


ANSWERS = {
    ("ecs", "DescribeServices"): describe_services,
    ("ecs", "DescribeTasks"): describe_tasks,
    ("ecs", "ListTasks"): list_tasks,
    ("ecs", "UpdateService"): update_service,
}
