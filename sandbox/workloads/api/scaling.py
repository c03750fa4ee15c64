"""Application Auto Scaling's calls about what is scaled, and between which bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.workloads.api.protocol import AwsError, Call
from sandbox.workloads.api.view import View, moment, present, regional, told, touch

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_TARGET = "aws:appautoscaling/target:Target"
_KEYS = ("serviceNamespace", "resourceId", "scalableDimension")


async def describe_scalable_targets(view: View, call: Call) -> dict[str, Any]:
    """Answer DescribeScalableTargets."""
    wanted = call.parameters.get("ResourceIds")
    found = [
        present(
            ServiceNamespace=one.outputs["serviceNamespace"],
            ResourceId=one.outputs["resourceId"],
            ScalableDimension=one.outputs["scalableDimension"],
            MinCapacity=one.outputs["minCapacity"],
            MaxCapacity=one.outputs["maxCapacity"],
            RoleARN=one.outputs.get("roleArn"),
            ScalableTargetARN=one.outputs.get("arn"),
        )
        for one in regional(view, _TARGET, call.region)
        if one.outputs["serviceNamespace"] == call.parameters["ServiceNamespace"]
        and (not wanted or one.outputs["resourceId"] in wanted)
    ]
    return {"ScalableTargets": found}


async def register_scalable_target(view: View, call: Call) -> dict[str, Any]:
    """Answer RegisterScalableTarget for a target that the stack has: other bounds, as by hand."""
    target = _target(view, call)
    if target is None:
        raise AwsError("ValidationException", "The sandbox scales only what a stack has a scalable target for.")
    fewest = int(call.parameters.get("MinCapacity", target.outputs["minCapacity"]))
    most = int(call.parameters.get("MaxCapacity", target.outputs["maxCapacity"]))
    if fewest > most:
        raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    await touch(view, target, {"minCapacity": fewest, "maxCapacity": most})
    return present(ScalableTargetARN=target.outputs.get("arn"))


async def describe_scaling_activities(view: View, call: Call) -> dict[str, Any]:
    """Answer DescribeScalingActivities, the newest first."""
    wanted = call.parameters.get("ResourceId")
    found: list[dict[str, Any]] = []
    for target in regional(view, _TARGET, call.region):
        resource, namespace = target.outputs["resourceId"], target.outputs["serviceNamespace"]
        if namespace != call.parameters["ServiceNamespace"] or wanted not in (None, resource):
            continue
        said = next((one for one in told(view, "scaling", "targets") if one.get("resource") == resource), {})
        found += [
            present(
                ActivityId=f"{resource}-{one['time']}",
                ServiceNamespace=namespace,
                ResourceId=resource,
                ScalableDimension=target.outputs["scalableDimension"],
                Description=one["description"],
                Cause=one["cause"],
                StartTime=moment(one["time"]),
                StatusCode=one.get("status", "Successful"),
            )
            for one in said.get("activities", ())
        ]
    return {"ScalingActivities": sorted(found, key=lambda one: one["StartTime"], reverse=True)}


def _target(view: View, call: Call) -> Resource | None:
    named = [call.parameters[f"{key[0].upper()}{key[1:]}"] for key in _KEYS]
    targets = regional(view, _TARGET, call.region)
    return next((one for one in targets if [one.outputs[key] for key in _KEYS] == named), None)


ANSWERS = {
    ("application-autoscaling", "DescribeScalableTargets"): describe_scalable_targets,
    ("application-autoscaling", "DescribeScalingActivities"): describe_scaling_activities,
    ("application-autoscaling", "RegisterScalableTarget"): register_scalable_target,
}
