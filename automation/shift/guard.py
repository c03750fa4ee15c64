"""What a step may take away, nothing but what it is about, and what must wait while a service moves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from automation import render
from automation.errors import UserError
from automation.plan import Change, Op, Plan
from automation.shift.steps import Move
from stacks.settings import StackSettings

_COMPUTES = ("LambdaService", "FargateService", "EksService")
_WORKERS = ("LambdaWorker", "FargateWorker", "EksWorker")
_CLUSTERS = ("Cluster", "EksCluster", "TaskEvents")
# What lets an API reach a load balancer; a public load balancer is the entry itself, and stays.
_LINKS = ("PrivateLink", "LoadBalancer")
_APIS = ("HttpApi", "RestApi")
_PROVIDER = "pulumi:providers:"
_KEY = "aws:kms/key:Key"
# How requests get to a compute, which is another way through a load balancer than to a function alone.
_WAYS = frozenset(
    {
        "aws:apigatewayv2/integration:Integration",
        "aws:lambda/permission:Permission",
        "aws:lb/targetGroup:TargetGroup",
        "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    }
)
# A REST API's deployment is a picture of it, made anew with every change.
_PICTURES = frozenset({"aws:apigateway/deployment:Deployment"})


class Stage(StrEnum):
    """What a step is about."""

    BESIDE = "make the new compute beside the old"
    MOVE = "move traffic"
    REMOVE = "remove the compute that nobody is sent to any more"


def refuse_moving(stack: str, settings: StackSettings, what: str) -> None:
    """Refuse to go on while a service of a stack is on its way to another compute; `what` would be changed by it.

    Raises:
        UserError: one is.
    """
    for name, service in settings.services.items():
        if service.shift is not None:
            shares = ", ".join(f"{compute} {share}" for compute, share in settings.computes_of(name).items())
            raise UserError(
                f"{name} of {stack} is moving between computes (step {service.shift.step}: {shares}), "
                f"and {what} only when nothing moves.",
                hint=f"Finish it or take it back first: modeshift shift --stack {stack} --resume, or --back.",
            )


def refuse_more(plan: Plan, stage: Stage, move: Move) -> None:
    """Refuse a plan that deletes or replaces something that its step is not about.

    Raises:
        UserError: it does; nothing was done.
    """
    if strangers := taken_away(plan, stage, move):
        names = ", ".join(f"{render.kind(change.type)} {change.name} ({change.op})" for change in strangers)
        raise UserError(
            f"This step is to {stage}, and would take away more: {names}. Nothing was done.",
            hint=(
                "The file or the code says something else too. See what with "
                f"modeshift preview --stack {move.stack}, and bring that up or undo it first."
            ),
        )


def taken_away(plan: Plan, stage: Stage, move: Move) -> list[Change]:
    """Return what a plan deletes or replaces beyond what its step is about."""
    behind_api = any(_within(change, _APIS) for change in plan.changes.values())
    return [
        change
        for change in plan.changed()
        if change.op in {Op.DELETE, Op.REPLACE}
        and change.custom
        and not _is_about(plan, change, stage, move, behind_api=behind_api)
    ]


def _is_about(plan: Plan, change: Change, stage: Stage, move: Move, *, behind_api: bool) -> bool:
    if change.type.startswith(_PROVIDER) or change.type in _PICTURES:
        return True
    if change.destructive:
        # The key of a cluster encrypts what is in that cluster, and nothing else.
        return stage is Stage.REMOVE and change.type == _KEY and _within(change, _CLUSTERS)
    component = plan.changes.get(plan.component_of(change.urn))
    owner = "" if component is None else component.name
    names = tuple(f"{move.stack}-{name}" for name in move.origins)
    own = owner in names
    works = owner in {f"{name}-worker" for name in names}
    if owner in {f"{name}-migration" for name in names} and _within(change, ("Migration",)):
        # It is a function of the package that the release runs, zip or image, and holds nothing.
        return True
    # A REST API is made as a whole, with what lets it call functions.
    is_way = (own and _within(change, ("Route",))) or (_within(change, ("RestApi",)) and change.name.endswith(names))
    match stage:
        case Stage.BESIDE:
            return is_way and change.type in _WAYS
        case Stage.MOVE:
            return False
        case Stage.REMOVE:
            return (
                is_way
                or (own and _within(change, _COMPUTES))
                or (works and _within(change, _WORKERS))
                or _within(change, _CLUSTERS)
                or (behind_api and _within(change, _LINKS))
            )


def _within(change: Change, components: Sequence[str]) -> bool:
    return any(
        f":components:{name}$" in change.urn or change.type.endswith(f":components:{name}") for name in components
    )
