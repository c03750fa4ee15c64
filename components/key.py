"""A stack's own KMS key, for those who must be able to take the key away."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.base import Component


class CustomerKey(Component):
    """A symmetric key that rotates every year, with an alias and a policy that lets CloudWatch Logs and S3 use it.

    Who else may use it is said in their own roles: the policy hands the decision to IAM. These two have none here, so
    it stands in the policy: log groups of this account and region, and what its buckets tell queues.

    Replacing the key leaves all that it encrypted unreadable; it is protected, and kept in AWS when it leaves the
    stack, unless `guarded` is off.

    Cost: 1 USD a month for each key version in use and 0.03 for 10,000 requests (AWS price list: awskms).
    """

    def __init__(
        self, name: str, *, guarded: bool = True, deletion_days: int = 30, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Create the key.

        Args:
            name: Logical name; children are called after it.
            guarded: Refuse to delete the key, and keep it in AWS when it leaves the stack.
            deletion_days: Days between asking for the deletion and losing the key, 7 to 30.
            opts: Options of the component.

        """
        super().__init__("CustomerKey", name, opts)
        key = aws.kms.Key(
            self.child_name(),
            description=f"Data of {name}.",
            enable_key_rotation=True,
            deletion_window_in_days=deletion_days,
            policy=self._policy(),
            tags=self.tags(),
            opts=self.opts(protect=guarded, retain=guarded),
        )
        alias = aws.kms.Alias(
            self.child_name(), target_key_id=key.key_id, opts=self.opts(protect=guarded, retain=guarded)
        )
        self.arn: pulumi.Output[str] = key.arn
        self.alias_name: pulumi.Output[str] = alias.name
        self.register_outputs({"arn": self.arn, "aliasName": self.alias_name})

    def _policy(self) -> pulumi.Output[str]:
        invoke = pulumi.InvokeOptions(parent=self)
        place = pulumi.Output.all(
            partition=aws.get_partition_output(opts=invoke).partition,
            region=aws.get_region_output(opts=invoke).region,
            account=aws.get_caller_identity_output(opts=invoke).account_id,
        )
        return place.apply(lambda place: key_policy(**place))


def key_policy(*, partition: str, region: str, account: str) -> str:
    """Return the policy of a key: IAM of the account decides, and some services of AWS use it for this account."""
    logs = f"arn:{partition}:logs:{region}:{account}:*"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "IamOfThisAccountDecides",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                },
                {
                    "Sid": "LogGroupsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": f"logs.{region}.amazonaws.com"},
                    "Action": [
                        "kms:Decrypt*",
                        "kms:Describe*",
                        "kms:Encrypt*",
                        "kms:GenerateDataKey*",
                        "kms:ReEncrypt*",
                    ],
                    "Resource": "*",
                    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
                },
                {
                    "Sid": "ServicesOfThisAccountTellQueuesAndTopics",
                    "Effect": "Allow",
                    "Principal": {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"]},
                    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                },
            ],
        },
        sort_keys=True,
    )
