"""Load balancing's calls about the targets of a group."""

from __future__ import annotations

from typing import Any

from sandbox.workloads.api.protocol import Call
from sandbox.workloads.api.view import View, present, required

_ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"


async def describe_target_health(view: View, call: Call) -> dict[str, Any]:
    """Answer DescribeTargetHealth; functions are targets whose health nobody checks."""
    arn = call.parameters["TargetGroupArn"]
    group = required(view.snapshot.by_arn(arn), "TargetGroupNotFound", "One or more target groups not found")
    if group.outputs.get("targetType") == "lambda":
        attached = [one for one in view.snapshot.of(_ATTACHMENT) if one.outputs.get("targetGroupArn") == arn]
        unchecked = {
            "State": "unavailable",
            "Reason": "Target.HealthCheckDisabled",
            "Description": "Health checks are not enabled for this target group",
        }
        targets = [{"Target": {"Id": one.outputs["targetId"]}, "TargetHealth": unchecked} for one in attached]
        return {"TargetHealthDescriptions": targets}
    port = group.outputs.get("port")
    return {
        "TargetHealthDescriptions": [
            {
                # What AWS says is the port of the container, wherever it listens on this machine.
                "Target": present(Id=one.target.id, Port=port, AvailabilityZone=one.target.zone),
                "HealthCheckPort": str(port),
                "TargetHealth": present(State=one.state, Reason=one.reason, Description=one.description),
            }
            for one in view.managers["balancers"].health(arn)
        ]
    }


ANSWERS = {("elbv2", "DescribeTargetHealth"): describe_target_health}
