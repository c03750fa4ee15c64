"""An account with one stack on two computes in the middle of a shift, and what managers tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.control.account import Resource
from sandbox.workloads.context import Context
from sandbox.workloads.snapshot import Snapshot

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
ALB = ARN.format("elasticloadbalancing", "loadbalancer/app/dev-front-door-1/aaaa")
LISTENER = ARN.format("elasticloadbalancing", "listener/app/dev-front-door-1/aaaa/bbbb")
TASKS = ARN.format("elasticloadbalancing", "targetgroup/dev-web-tasks/cccc")
CALLS = ARN.format("elasticloadbalancing", "targetgroup/dev-web-calls/dddd")
FUNCTION = ARN.format("lambda", "function:dev-web-1")
SERVICE = ARN.format("ecs", "service/dev-cluster-1/dev-web-1")
HOSTILE = "<img src=x onerror=document.title='owned'>"


@dataclass
class Sample:
    """A supervisor as the page sees it."""

    context: Context
    snapshot: Snapshot
    told: dict[str, Any] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        return self.told


def resource(kind: str, name: str, number: int, identity: str = "", /, **outputs: Any) -> Resource:
    urn = f"urn:pulumi:dev::modeshift::{kind}::{name}"
    return Resource(number, kind, "us-east-1", identity or name, urn, {}, outputs)


def account() -> list[Resource]:
    forward = {"targetGroups": [{"arn": CALLS, "weight": 90}, {"arn": TASKS, "weight": 10}]}
    return [
        resource(
            "aws:apigatewayv2/api:Api", "dev-front-door", 1, "api1", arn="arn:aws:apigateway:us-east-1::/apis/api1"
        ),
        resource(
            "aws:apigatewayv2/integration:Integration", "dev-web-link", 2, "int1", apiId="api1", integrationUri=LISTENER
        ),
        resource(
            "aws:apigatewayv2/route:Route",
            "dev-web",
            3,
            "route1",
            apiId="api1",
            routeKey="$default",
            target="integrations/int1",
        ),
        resource(
            "aws:lb/loadBalancer:LoadBalancer",
            "dev-front-door",
            4,
            arn=ALB,
            arnSuffix="app/dev-front-door-1/aaaa",
            internal=True,
        ),
        resource(
            "aws:lb/listener:Listener",
            "dev-front-door-http",
            5,
            arn=LISTENER,
            loadBalancerArn=ALB,
            port=80,
            defaultActions=[{"type": "fixed-response", "fixedResponse": {"statusCode": "404"}}],
        ),
        resource(
            "aws:lb/listenerRule:ListenerRule",
            "dev-web",
            6,
            listenerArn=LISTENER,
            priority=50000,
            conditions=[{"pathPattern": {"values": ["/*"]}}],
            actions=[{"type": "forward", "forward": forward}],
        ),
        resource(
            "aws:lb/listenerRule:ListenerRule",
            "dev-web-probe",
            7,
            listenerArn=LISTENER,
            priority=5910,
            conditions=[{"httpHeader": {"httpHeaderName": "x-modeshift-probe", "values": ["dev-web"]}}],
            actions=[{"type": "forward", "targetGroupArn": TASKS}],
        ),
        resource(
            "aws:lb/targetGroup:TargetGroup",
            "dev-web",
            8,
            arn=TASKS,
            arnSuffix="targetgroup/dev-web-tasks/cccc",
            targetType="ip",
        ),
        resource(
            "aws:lb/targetGroup:TargetGroup",
            "dev-web-function",
            9,
            arn=CALLS,
            arnSuffix="targetgroup/dev-web-calls/dddd",
            targetType="lambda",
        ),
        resource(
            "aws:lb/targetGroupAttachment:TargetGroupAttachment",
            "dev-web-function",
            10,
            targetGroupArn=CALLS,
            targetId=f"{FUNCTION}:live",
        ),
        resource("aws:lambda/function:Function", "dev-web", 11, arn=FUNCTION, name="dev-web-1"),
        resource(
            "aws:ecs/service:Service",
            "dev-web",
            12,
            arn=SERVICE,
            name="dev-web-1",
            cluster=ARN.format("ecs", "cluster/dev-cluster-1"),
            loadBalancers=[{"targetGroupArn": TASKS}],
        ),
        resource("aws:ecs/service:Service", "dev-unseen", 13, arn=f"{SERVICE}-other", name="dev-unseen-1", cluster=""),
    ]


def told() -> dict[str, Any]:
    """Return what managers tell, each in its own way."""
    task = {
        "id": "0123456789abcdef",
        "pid": 4242,
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "health": "HEALTHY",
        "zone": "us-east-1a",
        "cpu": 0.25,
        "memory": 96.5,
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/dev-web:3",
    }
    return {
        "fronts": [
            {
                "subject": "dev-front-door",
                "id": "api1",
                "arn": "arn:aws:apigateway:us-east-1::/apis/api1",
                "kind": "http-api",
                "url": "http://127.0.0.1:41000",
                "state": "open",
                "not_simulated": ["mutual TLS"],
            }
        ],
        "balancers": {
            "balancers": [
                {"subject": "dev-front-door", "arn": ALB, "url": "http://127.0.0.1:41001", "state": "active"}
            ],
            "groups": [
                {
                    "arn": TASKS,
                    "targets": [
                        {"id": "10.0.1.17", "zone": "us-east-1a", "subject": "dev-web", "state": "healthy"},
                        {
                            "id": "10.0.2.9",
                            "zone": "us-east-1b",
                            "subject": "dev-web",
                            "state": "unhealthy",
                            "reason": "Target.Timeout",
                            "description": f"Request timed out {HOSTILE}",
                        },
                    ],
                }
            ],
        },
        "functions": [{"arn": FUNCTION, "workers": [{"id": "w1", "pid": 77, "state": "idle", "version": "7"}]}],
        "ecs": {
            "services": [
                {
                    "arn": SERVICE,
                    "desired": 2,
                    "running": 1,
                    "pending": 1,
                    "deployments": [
                        {
                            "id": "ecs-svc/1",
                            "status": "PRIMARY",
                            "rolloutState": "IN_PROGRESS",
                            "desired": 2,
                            "running": 1,
                            "failed": 1,
                            "reason": "ECS deployment ecs-svc/1 in progress.",
                        }
                    ],
                    "tasks": [task, {**task, "id": "gone", "lastStatus": "STOPPED"}],
                }
            ]
        },
        "scaling": {
            "targets": [
                {"resource": "service/dev-cluster-1/dev-web-1", "min": 2, "max": 10, "capacity": 2, "last": None}
            ]
        },
    }


def sample(folder: Path, speed: float = 10) -> Sample:
    """Return a supervisor of the account, in a folder."""
    seen = Sample(Context.of(folder, folder, speed), Snapshot(account()), told())
    seen.context.events.add("dev-web", "deployment", f"a deployment began {HOSTILE}")
    return seen


def count(seen: Sample, requests: int) -> None:
    """Let requests have been counted by the front door and on their way."""
    for name, dimensions in (
        ("RequestCount", {"LoadBalancer": "app/dev-front-door-1/aaaa"}),
        (
            "RequestCount",
            {"LoadBalancer": "app/dev-front-door-1/aaaa", "TargetGroup": "targetgroup/dev-web-tasks/cccc"},
        ),
    ):
        seen.context.metrics.add("AWS/ApplicationELB", name, dimensions, requests)
    seen.context.metrics.add("AWS/ApiGateway", "Count", {"ApiId": "api1"}, requests)
