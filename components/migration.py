"""What runs once before a release: a service's migrations, in every mode as a function that the engine waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.lambda_function import FunctionOptions, lambda_function, with_handler
from components.service import WorkloadArgs, ZipArtifact

if TYPE_CHECKING:
    from components.network import Network

_HANDLER = "app.migrate.lambda_handler"


class Migration(Component):
    """The migrations of a service, run when its code or what it is linked with has changed, before anything else has.

    Creates the log group `/aws/lambda/{name}`, a role, a function from the service's own artifact, zip or image, in the
    network where its links listen, and its invocation. What depends on the component waits until the function has
    returned; when it raises, the update stops there, and what ran goes on running as it was. So a migration has to
    leave the data such that the version before it still works.

    A change of mode changes the artifact, and the migrations run again: what is done already must be nothing to do.
    Destroying undoes nothing in the database.

    Cost in us-east-1: nothing worth a number; a run of a minute with 1 GB is 0.0008 USD on arm64 (AWS price list:
    AWSLambda).

    Sources: aws.lambda.Invocation of the provider; Lambda API reference (Invoke: `RequestResponse`).
    """

    def __init__(
        self,
        name: str,
        args: WorkloadArgs,
        *,
        network: Network | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the function and invoke it.

        Args:
            name: Logical name, `{service}-migration`; children are called after it.
            args: What the migrations need; `timeout` is how long all of them may take, at most 900 seconds.
            network: Where links listen; used when there is one that does.
            opts: Options of the component.

        """
        super().__init__("Migration", name, opts)
        made = lambda_function(
            self,
            replace(args, artifact=with_handler(args.artifact, _HANDLER)),
            FunctionOptions(),
            network=network,
            publish=False,
        )
        self.invocation = aws.lambda_.Invocation(
            self.child_name(),
            function_name=made.function.name,
            input="{}",
            triggers=_causes(args),
            # A rule that comes later than the invocation would keep the function out of the database.
            opts=self.opts(depends_on=[] if made.membership is None else made.membership.rules),
        )
        self.role: aws.iam.Role = made.role
        self.security_group_id: pulumi.Output[str] | None = made.security_group_id
        self.log_group_name: pulumi.Output[str] = made.log_group.name
        self.register_outputs({"result": self.invocation.result})


def _causes(args: WorkloadArgs) -> Mapping[str, pulumi.Input[str]]:
    """Return what the migrations run again for: other code, or another database to bring up to it."""
    artifact = args.artifact
    digest = artifact.sha256 if isinstance(artifact, ZipArtifact) else artifact.reference.rpartition("@")[2]
    linked = {name: value for link in args.links for name, value in link.environment.items()}
    return {**dict(sorted(linked.items())), "artifact": digest}
