"""`modeshift scale`: how much of a part runs, until the stack file is applied again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from automation.errors import UserError
from automation.operate.asking import asked
from automation.operate.clients import Clients
from automation.operate.deployed import Part
from stacks.settings import Compute

SERVICES: Final = ("ecs", "application-autoscaling", "lambda")
"""What is asked, as boto3 names it."""

_DIMENSION: Final = "ecs:service:DesiredCount"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person asks for; what is None stays as it is."""

    count: int | None = None
    """Tasks, or instances of a function that are reserved."""
    fewest: int | None = None
    most: int | None = None
    provisioned: int | None = None
    """Instances of a function that are kept ready."""
    unreserved: bool = False
    """Let a function share the account's instances again."""

    @property
    def stops(self) -> bool:
        """Whether nothing runs any more afterwards."""
        return 0 in {self.count, self.most}


@dataclass(frozen=True)
class Scaled:
    """What was changed, and the setting that makes it stay."""

    done: str
    keep: str


def scale(clients: Clients, part: Part, wish: Wish, stack: str) -> Scaled:
    """Change how much of a part runs.

    Raises:
        UserError: the part cannot be scaled like this, or AWS does not do it.
    """
    bounds = wish.fewest is not None or wish.most is not None
    chosen = [wish.count is not None, bounds, wish.provisioned is not None, wish.unreserved]
    if sum(chosen) != 1:
        raise UserError(
            "Say one thing: how many, or between which bounds.",
            hint=f"As in: modeshift scale {part.service} 3, or modeshift scale {part.service} --min 2 --max 6",
        )
    if part.compute is Compute.EKS:
        raise _in_kubernetes(part, wish)
    if part.compute is Compute.LAMBDA:
        return _function(clients["lambda"], part, wish, stack)
    if wish.provisioned is not None or wish.unreserved:
        raise UserError(f"{part.name} runs as tasks; only functions have concurrency.", hint="Say how many tasks.")
    return _tasks(clients, part, wish, stack)


def _tasks(clients: Clients, part: Part, wish: Wish, stack: str) -> Scaled:
    now = _bounds(clients, part)
    setting = f"modeshift:services.{part.service}.{'worker.' if part.kind == 'worker' else ''}scaling"
    if wish.count is None:
        if now is None:
            raise UserError(f"Nothing scales {part.name}: it has a number and no bounds.", hint="Say how many tasks.")
        fewest, most = (
            wish.fewest if wish.fewest is not None else now[0],
            wish.most if wish.most is not None else now[1],
        )
        if fewest > most:
            raise UserError(f"At least {fewest} and at most {most} tasks cannot be.", hint="Name both --min and --max.")
        asked(
            lambda: clients["application-autoscaling"].register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=part.scalable,
                ScalableDimension=_DIMENSION,
                MinCapacity=fewest,
                MaxCapacity=most,
            ),
            f"scale {part.name}",
            "application-autoscaling:RegisterScalableTarget",
        )
        return Scaled(
            f"{part.name} is scaled between {fewest} and {most} tasks; it was {now[0]} to {now[1]}.",
            _stays(f"{setting}.min: {fewest} and {setting}.max: {most}", stack),
        )
    count = wish.count
    if now is not None and not now[0] <= count <= now[1]:
        raise UserError(
            f"Autoscaling keeps {part.name} between {now[0]} and {now[1]} tasks, and would take {count} back.",
            hint=(
                "Change the bounds: "
                f"modeshift scale {part.service}{' --worker' if part.kind == 'worker' else ''} "
                f"--min {min(count, now[0])} --max {max(count, now[1])}"
            ),
        )
    asked(
        lambda: clients["ecs"].update_service(cluster=part.cluster, service=part.identity, desiredCount=count),
        f"scale {part.name}",
        "ecs:UpdateService",
    )
    if now is None:
        return Scaled(f"{part.name} shall run {count} tasks.", _stays(f"{setting}.min: {count}", stack))
    return Scaled(
        f"{part.name} shall run {count} tasks, until autoscaling finds another number (between {now[0]} and {now[1]}).",
        _stays(f"{setting}.min: {count}", stack),
    )


def _bounds(clients: Clients, part: Part) -> tuple[int, int] | None:
    if not part.scaled:
        return None
    found = asked(
        lambda: clients["application-autoscaling"].describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[part.scalable]
        )["ScalableTargets"],
        f"tell between which bounds {part.name} is scaled",
        "application-autoscaling:DescribeScalableTargets",
    )
    return (found[0]["MinCapacity"], found[0]["MaxCapacity"]) if found else None


def _function(client: Any, part: Part, wish: Wish, stack: str) -> Scaled:  # noqa: ANN401 boto3 has no types of its own
    named = {"FunctionName": part.identity}
    if wish.fewest is not None or wish.most is not None:
        raise UserError(
            f"{part.name} is a function: AWS runs as many instances as there are calls.",
            hint=f"modeshift scale {part.service} N caps them; --provisioned N keeps some ready.",
        )
    if wish.unreserved:
        asked(
            lambda: client.delete_function_concurrency(**named),
            f"scale {part.name}",
            "lambda:DeleteFunctionConcurrency",
        )
        return Scaled(
            f"{part.name} shares the account's instances.",
            _stays("modeshift:serverless.reservedConcurrency left out", stack),
        )
    if wish.provisioned is not None:
        return _provisioned(client, part, wish.provisioned, stack)
    asked(
        lambda: client.put_function_concurrency(**named, ReservedConcurrentExecutions=wish.count),
        f"scale {part.name}",
        "lambda:PutFunctionConcurrency",
    )
    return Scaled(
        f"{part.name} has {wish.count} instances reserved, and never more.",
        _stays(f"modeshift:serverless.reservedConcurrency: {wish.count} (of all functions)", stack),
    )


def _provisioned(client: Any, part: Part, count: int, stack: str) -> Scaled:  # noqa: ANN401
    if not part.alias:
        raise UserError(f"{part.name} has no alias to keep instances for.", hint="Only what answers requests has one.")
    named = {"FunctionName": part.identity, "Qualifier": part.alias}
    if count:
        asked(
            lambda: client.put_provisioned_concurrency_config(**named, ProvisionedConcurrentExecutions=count),
            f"scale {part.name}",
            "lambda:PutProvisionedConcurrencyConfig",
        )
    else:
        asked(
            lambda: client.delete_provisioned_concurrency_config(**named),
            f"scale {part.name}",
            "lambda:DeleteProvisionedConcurrencyConfig",
        )
    return Scaled(
        f"{count} instances of {part.name} are kept ready, and billed while they are. AWS needs some minutes.",
        _stays(f"modeshift:serverless.provisionedConcurrency: {count} (of all functions)", stack),
    )


def _in_kubernetes(part: Part, wish: Wish) -> UserError:
    namespace = f"kubectl -n {part.namespace}"
    if part.replicas is None:
        command = (
            f"{namespace} scale deployment/{part.identity} --replicas={wish.count if wish.count is not None else 'N'}"
        )
    else:
        fewest = wish.fewest if wish.fewest is not None else wish.count if wish.count is not None else part.replicas[0]
        most = max(fewest, wish.most if wish.most is not None else part.replicas[1])
        patch = f'{{"spec":{{"minReplicas":{fewest},"maxReplicas":{most}}}}}'
        command = f"{namespace} patch hpa {part.identity} --patch '{patch}'"
    worker = "worker." if part.kind == "worker" else ""
    return UserError(
        f"{part.name} runs as pods, which Kubernetes scales and not AWS.",
        hint=f"{command}. To keep it: modeshift:services.{part.service}.{worker}scaling, and modeshift up.",
    )


def _stays(setting: str, stack: str) -> str:
    return (
        f"The stack file still says otherwise: `up --refresh`, or the next change there, puts it back. To keep it, put "
        f"{setting} into Pulumi.{stack}.yaml."
    )
