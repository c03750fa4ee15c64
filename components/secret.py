"""A secret whose value people set."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.service import Link, SecretRef

_GENERATED = 7
"""Length of what Secrets Manager appends to a name in the ARN: a hyphen and six characters."""


class Secret(Component):
    """A secret without a value: no value passes through a stack, its settings or its state.

    Deleted, it can be had back for `recovery_days`. Protected from deletion, and kept in AWS when it leaves the stack,
    unless `guarded` is off.

    Cost: 0.40 USD a month, and 0.05 per 10,000 reads (AWS price list: AWSSecretsManager).

    Example:
        >>> Secret("dev-contracts-keys").link("keys", keys=["OPENAI_API_KEY"])

    """

    def __init__(
        self,
        name: str,
        *,
        recovery_days: int = 30,
        key_arn: pulumi.Input[str] | None = None,
        guarded: bool = True,
        import_id: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the secret, or take over an existing one.

        Args:
            name: Logical name; the secret's own name is made from it.
            recovery_days: Days between asking for the deletion and losing the secret, 7 to 30.
            key_arn: KMS key that encrypts values; the account's key for Secrets Manager when unset.
            guarded: Refuse to delete the secret, and keep it in AWS when it leaves the stack.
            import_id: ARN of an existing secret to take over.
            opts: Options of the component.

        """
        super().__init__("Secret", name, opts)
        secret = aws.secretsmanager.Secret(
            self.child_name(),
            name=None if import_id is None else _name(import_id),
            description=f"What {name} holds is set by people, as JSON.",
            recovery_window_in_days=recovery_days,
            kms_key_id=key_arn,
            tags=self.tags(),
            opts=self.opts(protect=guarded, retain=guarded, import_id=import_id),
        )
        self.arn: pulumi.Output[str] = secret.arn
        self.register_outputs({"arn": self.arn})

    def link(self, name: str, *, keys: Sequence[str]) -> Link:
        """Return what a service gets that reads the secret: a variable for each of these keys of its JSON."""
        return Link(name=name, secrets=[SecretRef(name=key, arn=self.arn, key=key) for key in keys])


def _name(arn: str) -> str:
    """Return the name in the ARN of a secret, `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-a1b2c3`."""
    return arn.rpartition(":")[2][:-_GENERATED]
