"""AWS, as far as operator commands ask it: answers by call, held to botocore's models, and a stack that is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.validate import ParamValidator

from automation.operate.clients import Clients
from automation.operate.deployed import Deployed, deployed_in

Answer = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]] | str
REGION = "us-east-1"
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/dev-cluster"
TASKS = "arn:aws:ecs:us-east-1:123456789012:task-definition/dev-users"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-users/0123456789abcdef"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev-users-keys-1a2b3c4-AbCdEf"
_SERVER, _WORKER = "modeshift:components:FargateService", "modeshift:components:FargateWorker"
_PODS, _FUNCTION = "modeshift:components:EksService", "modeshift:components:LambdaService"


class Aws:
    """Answers calls by name, as in `ecs.DescribeServices`; a text is the code of an error."""

    def __init__(self, **services: Mapping[str, Answer]) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        for service, answers in services.items():
            self.answers |= {f"{service.replace('_', '-')}.{call}": answer for call, answer in answers.items()}

    def client(self, service: str) -> Any:
        client = boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )
        given: dict[str, Mapping[str, Any]] = {}

        def remember(params: Mapping[str, Any], model: Any, **_: object) -> None:
            given[model.name] = params

        def answer(model: Any, **_: object) -> tuple[object, object]:
            call = f"{service}.{model.name}"
            self.asked.append((call, given[model.name]))
            found = self.answers[call]
            if isinstance(found, str):
                error = {"Error": {"Code": found, "Message": f"{found} it is"}}
                return SimpleNamespace(status_code=400), error
            said = dict(found(given[model.name]) if callable(found) else found)
            if model.output_shape is not None:
                report = ParamValidator().validate(said, model.output_shape)
                assert not report.has_errors(), report.generate_report()
                unknown = set(said) - set(model.output_shape.members)
                assert not unknown, f"{call} answers no {unknown}"
            return SimpleNamespace(status_code=200), said

        client.meta.events.register("provide-client-params.*.*", remember)
        client.meta.events.register("before-call.*.*", answer)
        return client

    def clients(self, *services: str) -> Clients:
        return Clients(cast("Any", SimpleNamespace(aws_client=self.client)), services)

    def calls(self, name: str) -> list[Mapping[str, Any]]:
        return [parameters for call, parameters in self.asked if call == name]


def resource(kind: str, name: str, parent: str = "", /, **outputs: object) -> dict[str, Any]:
    return {"urn": urn(kind, name), "type": kind, "parent": parent, "outputs": outputs}


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::modeshift::{kind}::{name}"


def state(*, exec_enabled: bool = True) -> list[dict[str, Any]]:
    """Return the resources of a stack with a function, tasks with a worker, and pods."""
    users, worker = urn(_SERVER, "dev-users"), urn(_WORKER, "dev-users-worker")
    probe, pods = urn(_FUNCTION, "dev-probe"), urn(_PODS, "dev-pages")
    keys = urn("modeshift:components:Secret", "dev-users-keys")
    service, logs = "aws:ecs/service:Service", "aws:cloudwatch/logGroup:LogGroup"
    scaling = {"enabled": True, "minReplicas": 2, "maxReplicas": 5}
    return [
        resource(
            "pulumi:pulumi:Stack",
            "modeshift-dev",
            region=REGION,
            url="https://dev.example.com",
            cluster="dev-eks",
            logGroups={"access": "/apis/dev"},
            services={
                "users": {"compute": "fargate", "url": "https://dev.example.com/users", "traffic": {"fargate": 100}},
                "probe": {"compute": "lambda", "url": "https://dev.example.com", "traffic": {"lambda": 100}},
                "pages": {"compute": "eks", "url": "https://dev.example.com/pages", "traffic": {"eks": 100}},
            },
        ),
        resource(_SERVER, "dev-users"),
        resource(
            service,
            "dev-users",
            users,
            name="dev-users-1",
            cluster=CLUSTER,
            taskDefinition=f"{TASKS}:2",
            enableExecuteCommand=exec_enabled,
        ),
        resource(logs, "dev-users", users, name="/ecs/dev-users"),
        resource("aws:lb/targetGroup:TargetGroup", "dev-users", users, arn=GROUP),
        resource("aws:cloudwatch/metricAlarm:MetricAlarm", "dev-users-busy", users, name="dev-users-busy"),
        resource("aws:appautoscaling/target:Target", "dev-users", users, minCapacity=1, maxCapacity=3),
        resource(_WORKER, "dev-users-worker"),
        resource(service, "dev-users-worker", worker, name="dev-users-worker-1", cluster=CLUSTER),
        resource(logs, "dev-users-worker", worker, name="/ecs/dev-users-worker"),
        resource(_FUNCTION, "dev-probe"),
        resource("aws:lambda/function:Function", "dev-probe", probe, name="dev-probe-1"),
        resource("aws:lambda/alias:Alias", "dev-probe", probe, name="live"),
        resource(logs, "dev-probe", probe, name="/aws/lambda/dev-probe"),
        resource(_PODS, "dev-pages"),
        resource(
            "kubernetes:helm.sh/v3:Release",
            "dev-pages",
            pods,
            name="dev-pages",
            namespace="dev-pages",
            values={"autoscaling": scaling},
        ),
        resource("modeshift:components:Secret", "dev-users-keys"),
        resource("aws:secretsmanager/secret:Secret", "dev-users-keys", keys, arn=SECRET),
        # What a replaced service leaves until it is deleted.
        {**resource(service, "dev-users", users, name="old"), "delete": True},
    ]


def stack(*, exec_enabled: bool = True) -> Deployed:
    return deployed_in("dev", state(exec_enabled=exec_enabled))
