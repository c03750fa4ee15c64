"""A topic that a service publishes to, and whom it tells."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import use_key
from components.linking import checked_actions, variable
from components.service import Link, Statement

_AWS_KEY = "alias/aws/sns"


class Topic(Component):
    """An encrypted topic that takes messages by TLS only, with those who subscribed by e-mail or HTTPS.

    An address by e-mail gets a letter first, and nothing else until somebody follows the link in it.

    Cost in us-east-1: nothing when idle. 0.50 USD per million messages published, the first million of a month free;
    2.00 per 100,000 e-mails and 0.60 per million to HTTPS, the first 1,000 and 100,000 free (AWS price list:
    AmazonSNS).

    Example:
        >>> Topic("dev-contracts-notices", email=["team@example.com"])

    """

    def __init__(
        self,
        name: str,
        *,
        email: Sequence[str] = (),
        https: Sequence[str] = (),
        publishers: Sequence[str] = (),
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the topic.

        Args:
            name: Logical name; the topic's own name is made from it.
            email: Addresses that get each message as a letter.
            https: URLs that each message is posted to; each confirms its subscription itself.
            publishers: AWS services that may publish for this account, as in `cloudwatch.amazonaws.com`.
            key_arn: KMS key that encrypts messages; unset, the account's key for SNS, which no service of AWS may use:
                with `publishers`, none.
            opts: Options of the component.

        """
        super().__init__("Topic", name, opts)
        self._key_arn = key_arn
        topic = aws.sns.Topic(
            self.child_name(),
            kms_master_key_id=key_arn or (None if publishers else _AWS_KEY),
            tags=self.tags(),
            opts=self.opts(),
        )
        self.arn: pulumi.Output[str] = topic.arn
        aws.sns.TopicPolicy(
            self.child_name(),
            arn=self.arn,
            policy=pulumi.Output.json_dumps(self._policy(publishers), sort_keys=True),
            opts=self.opts(),
        )
        for protocol, endpoints in (("email", email), ("https", https)):
            for endpoint in endpoints:
                aws.sns.TopicSubscription(
                    # By what it is, not by its place in the list: whoever leaves takes no other's place.
                    self.child_name(f"{protocol}-{hashlib.sha256(endpoint.encode()).hexdigest()[:8]}"),
                    topic=self.arn,
                    protocol=protocol,
                    endpoint=endpoint,
                    opts=self.opts(),
                )
        self.register_outputs({"arn": self.arn})

    def link(self, name: str, *, actions: Sequence[str] = ("Publish",)) -> Link:
        """Return what a service gets that publishes to the topic: its ARN in `{NAME}_TOPIC`, and these actions.

        Raises:
            ValueError: An action is none of a topic's.

        """
        wanted = checked_actions("topic", name, actions)
        return Link(
            name=name,
            environment={variable(name, "TOPIC"): self.arn},
            statements=[
                Statement(actions=[f"sns:{action}" for action in wanted], resources=[self.arn]),
                *use_key(self._key_arn, "Decrypt", "GenerateDataKey", service="sns"),
            ],
        )

    def _policy(self, publishers: Sequence[str]) -> dict[str, object]:
        statements: list[dict[str, object]] = [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "sns:Publish",
                "Resource": self.arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
        if publishers:
            account = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
            statements.append(
                {
                    "Sid": "ServicesOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": sorted(publishers)},
                    "Action": "sns:Publish",
                    "Resource": self.arn,
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                }
            )
        return {"Version": "2012-10-17", "Statement": statements}
