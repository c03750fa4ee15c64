"""`modeshift scale`: how much of a part runs, until the stack file is applied again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from automation.errors import UserError
from automation.operate.asking import asked
from automation.operate.clients import Clients
from automation.operate.deployed import Part
from automation.operate.settings import advice
from automation.plan.remarks import noun
from stacks.settings import Compute

SERVICES: Final = ("ecs", "application-autoscaling", "lambda")
"""What is asked, as boto3 names it."""

_DIMENSION: Final = "ecs:service:DesiredCount"
_SERVERLESS: Final = ("serverless",)
_ALL: Final = "; it holds for all functions of the stack"


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
    """What was changed, and the setting that makes it stay; empty where the stack file has it already."""

    done: str
    keep: str


@dataclass(frozen=True)
class Declared:
    """A stack's file: its name, and what it says with all defaults."""

    name: str
    says: Mapping[str, Any]

    def value(self, path: Sequence[str]) -> Any:  # noqa: ANN401 as many kinds as there are settings
        """Return a setting; None where there is none."""
        said: Any = self.says
        for key in path:
            said = None if said is None else said.get(key)
        return said

    def keep(self, path: Sequence[str], values: Mapping[str, int | None], of: str = "") -> str:
        """Return what makes values stay; None is what the file shall not say, and `of` whom else it concerns."""
        if all(self.value((*path, key)) == value for key, value in values.items()):
            return ""
        there = {key: value for key, value in values.items() if value is not None}
        gone = f"take {', '.join(values)} out of modeshift:{'.'.join(path)} in {self.name}"
        here = f"put {advice(path, there, self.name)}" if there else gone
        puts_back = "`up --refresh`, or the next change there, puts it back"
        return f"The stack file still says otherwise: {puts_back}. To keep it, {here}{of}."


def scale(clients: Clients, part: Part, wish: Wish, file: Declared) -> Scaled:
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
        raise _in_kubernetes(part, wish, file)
    if part.compute is Compute.LAMBDA:
        return _function(clients["lambda"], part, wish, file)
    if wish.provisioned is not None or wish.unreserved:
        raise UserError(f"{part.name} runs as tasks; only functions have concurrency.", hint="Say how many tasks.")
    return _tasks(clients, part, wish, file)


def _tasks(clients: Clients, part: Part, wish: Wish, file: Declared) -> Scaled:
    now = _bounds(clients, part)
    if wish.count is None:
        if now is None:
            raise UserError(f"Nothing scales {part.name}: it has a number and no bounds.", hint="Say how many tasks.")
        fewest, most = (
            wish.fewest if wish.fewest is not None else now[0],
            wish.most if wish.most is not None else now[1],
        )
        if fewest > most:
            both = wish.fewest is not None and wish.most is not None
            raise UserError(
                f"At least {fewest} and at most {most} tasks cannot be.",
                hint="--min must not be above --max." if both else "Name both --min and --max.",
            )
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
            file.keep(_setting(part), {"min": fewest, "max": most}),
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
        keep = file.keep(_setting(part), {"min": count, "max": max(count, 1)})
        return Scaled(f"{part.name} shall run {noun(count, 'task')}.", keep)
    between = f"until autoscaling finds another number (between {now[0]} and {now[1]})"
    return Scaled(
        f"{part.name} shall run {noun(count, 'task')}, {between}.",
        file.keep(_setting(part), {"min": count, "max": now[1]}),
    )


def _setting(part: Part) -> tuple[str, ...]:
    return ("services", part.service, *(("worker",) if part.kind == "worker" else ()), "scaling")


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


def _function(client: Any, part: Part, wish: Wish, file: Declared) -> Scaled:  # noqa: ANN401 boto3 has no types of its own
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
            file.keep(_SERVERLESS, {"reservedConcurrency": None}, _ALL),
        )
    if wish.provisioned is not None:
        return _provisioned(client, part, wish.provisioned, file)
    asked(
        lambda: client.put_function_concurrency(**named, ReservedConcurrentExecutions=wish.count),
        f"scale {part.name}",
        "lambda:PutFunctionConcurrency",
    )
    return Scaled(
        f"{part.name} has {noun(wish.count or 0, 'instance')} reserved, and never more.",
        file.keep(_SERVERLESS, {"reservedConcurrency": wish.count}, _ALL),
    )


def _provisioned(client: Any, part: Part, count: int, file: Declared) -> Scaled:  # noqa: ANN401
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
    done = f"Of {part.name} no instance is kept ready any more."
    if count:
        kept = f"{noun(count, 'instance')} of {part.name}"
        done = f"{kept} will be kept ready, and billed from now on. AWS needs some minutes to start what is missing."
    keep = file.keep(_SERVERLESS, {"provisionedConcurrency": count}, _ALL)
    if keep and not file.value((*_SERVERLESS, "provisionedConcurrency")):
        # The stack has no such resource that it could put back.
        setting = advice(_SERVERLESS, {"provisionedConcurrency": count}, file.name)
        ends = f"modeshift scale {part.service} --provisioned 0"
        keep = f"It stays until `{ends}`. For the stack to have it, put {setting}{_ALL}."
    return Scaled(done, keep)


def _in_kubernetes(part: Part, wish: Wish, file: Declared) -> UserError:
    namespace = f"kubectl -n {part.namespace}"
    if part.replicas is None:
        command = (
            f"{namespace} scale deployment/{part.identity} --replicas={wish.count if wish.count is not None else 'N'}"
        )
        bounds: dict[str, object] = {"min": "N" if wish.count is None else wish.count}
    else:
        fewest = wish.fewest if wish.fewest is not None else wish.count if wish.count is not None else part.replicas[0]
        most = max(fewest, wish.most if wish.most is not None else part.replicas[1])
        patch = f'{{"spec":{{"minReplicas":{fewest},"maxReplicas":{most}}}}}'
        command = f"{namespace} patch hpa {part.identity} --patch '{patch}'"
        bounds = {"min": fewest, "max": most}
    return UserError(
        f"{part.name} runs as pods, which Kubernetes scales and not AWS.",
        hint=f"{command}. To keep it, put {advice(_setting(part), bounds, file.name)}, and modeshift up.",
    )
