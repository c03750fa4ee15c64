"""What the control plane asks of what really runs when something in the account has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.control.errors import Refusal, Unsettled
from sandbox.data import client
from sandbox.data.errors import DataError
from sandbox.workloads import client as workloads

if TYPE_CHECKING:
    from sandbox.control.account import Account, Resource

_INSTANCE = "aws:rds/instance:Instance"
_INVOCATION = "aws:lambda/invocation:Invocation"
_FUNCTION = "aws:lambda/function:Function"
_RELEASE = "kubernetes:helm.sh/v3:Release"
_PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
_SERVICE = "aws:ecs/service:Service"
_MODULES = {"dynamodb", "pipes", "rds", "s3", "scheduler", "secretsmanager", "sns", "sqs"}


class Works:
    """Makes real what needs more than a row in the account.

    Only a database or a call of a function starts the data services; what else they hold is brought about when they
    run. What runs the workloads follows the account by itself; here is waited for what AWS and Helm would wait for.
    """

    def __init__(self, account: Account, checkout: Path) -> None:
        self._account = account
        self._folder = account.store.path.parent
        self._checkout = checkout

    def changed(self, resource: Resource) -> Mapping[str, Any]:
        """Make a resource real that was created or changed; return what this adds to its outputs.

        Raises:
            Refusal: It did not work; the message says why.
            Unsettled: It is there, and did not become steady.

        """
        try:
            if _is_waited_for(resource):
                return self._settle(resource)
            if resource.type == _INVOCATION:
                return {"result": self._invoke(resource)}
            if resource.type == _INSTANCE:
                services: Mapping[str, Any] | None = client.start(self._folder)
            else:
                services = self._told(resource.type)
        except DataError as problem:
            raise Refusal(str(problem)) from None
        problem = services["problems"].get(resource.id) if services else None
        if problem:
            raise Refusal(problem)
        return {}

    def deleted(self, kind: str) -> None:
        """Take away what a resource of a type was that is gone."""
        try:
            self._told(kind)
        except DataError as problem:
            raise Refusal(str(problem)) from None

    def _settle(self, resource: Resource) -> Mapping[str, Any]:
        outcome = workloads.settled(self._folder, resource.urn)
        if outcome is None:
            return {}
        if not outcome.ok:
            stack = resource.urn.split("::", 1)[0].rpartition(":")[2]
            message = f"{outcome.reason.rstrip('.')}. What it wrote: modeshift logs --stack {stack}"
            raise Unsettled(message, outcome.outputs)
        return outcome.outputs

    def _told(self, kind: str) -> Mapping[str, Any] | None:
        package, _, rest = kind.partition(":")
        if package != "aws" or rest.split("/", 1)[0] not in _MODULES:
            return None
        return client.sync(self._folder)

    def _invoke(self, invocation: Resource) -> str:
        from sandbox.data.invocation import invoke  # noqa: PLC0415 - few stacks have one

        name = str(invocation.outputs["functionName"])
        if invocation.outputs.get("lifecycleScope") == "CRUD":
            message = "The sandbox calls a function when the invocation is made; lifecycleScope CRUD is not simulated."
            raise DataError(message)
        with self._account.transaction() as account:
            function = account.named((_FUNCTION,), invocation.region, name)
        if function is None:
            message = f"Function not found: {name}"
            raise DataError(message)
        logs = self._folder / "data" / "functions"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{function.outputs['name']}.log"
        outcome = invoke(self._folder, function, str(invocation.outputs["input"]), log, self._checkout)
        if outcome.failed:
            message = f"Lambda function ({name}) returned error: ({outcome.payload}). Its log: {log}"
            raise DataError(message)
        return outcome.payload


def _is_waited_for(resource: Resource) -> bool:
    if resource.type == _SERVICE:
        return bool(resource.outputs.get("waitForSteadyState"))
    if resource.type == _RELEASE:
        return not resource.outputs.get("skipAwait")
    return resource.type == _PROVISIONED
