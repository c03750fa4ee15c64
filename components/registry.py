"""Where images live: one repository that every stack of an account pulls from."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component

RELEASE_TAGS = "release-*"
"""Tags of images that a production stack has run; no image with one ever expires."""

# Lifecycle rules have to name a number; this one is more releases than anyone makes.
_ALL = 9_999


class ImageRegistry(Component):
    """An ECR repository: scanned on push, tags that never move, old images cleaned up.

    An image is pushed under the SHA of its commit and promoted by digest. Of those the last `keep` stay; an image that
    also has a `release-…` tag stays for good. What lost its last tag goes after a day; ECR itself keeps the images
    that a multi-architecture index still points to.

    Changing `key_arn` replaces the repository and with it every image, so it is protected, and kept in AWS when it
    leaves the stack, unless `guarded` is off. `replicate_to` writes the replication settings of the whole account and
    region, of which there is one: set it in one stack only.

    Cost in us-east-1: 0.10 USD a month per GB stored, once more in each region replicated to, 0.02 per GB copied there
    (AWS price list: AmazonECR).
    """

    def __init__(
        self,
        name: str,
        *,
        keep: int = 10,
        key_arn: pulumi.Input[str] | None = None,
        replicate_to: Sequence[str] = (),
        lambda_pull: bool = False,
        guarded: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the repository.

        Args:
            name: Logical name, lower case; children are called after it.
            keep: How many unreleased images stay.
            key_arn: KMS key of the images; unset, ECR uses its own.
            replicate_to: Regions that get a copy of every image.
            lambda_pull: Let Lambda functions of this account and region run the images.
            guarded: Refuse to delete the repository, and keep it in AWS when it leaves the stack.
            opts: Options of the component.

        """
        super().__init__("ImageRegistry", name, opts)
        if name != name.lower():
            msg = f"{name}: ECR takes lower case only; call the registry {name.lower()}."
            raise ValueError(msg)

        repository = aws.ecr.Repository(
            self.child_name(),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=_encryption(key_arn),
            tags=self.tags(),
            opts=self.opts(protect=guarded, retain=guarded),
        )
        aws.ecr.LifecyclePolicy(
            self.child_name(), repository=repository.name, policy=lifecycle_policy(keep), opts=self.opts()
        )
        if lambda_pull:
            aws.ecr.RepositoryPolicy(
                self.child_name(),
                repository=repository.name,
                policy=repository.arn.apply(lambda_pull_policy),
                opts=self.opts(),
            )
        if replicate_to:
            self._replicate(repository, replicate_to)
        self.arn: pulumi.Output[str] = repository.arn
        self.repository_name: pulumi.Output[str] = repository.name
        self.url: pulumi.Output[str] = repository.repository_url
        self.register_outputs({"url": self.url})

    def _replicate(self, repository: aws.ecr.Repository, regions: Sequence[str]) -> None:
        rule = aws.ecr.ReplicationConfigurationReplicationConfigurationRuleArgs(
            destinations=[
                aws.ecr.ReplicationConfigurationReplicationConfigurationRuleDestinationArgs(
                    region=region, registry_id=repository.registry_id
                )
                for region in sorted(regions)
            ],
            repository_filters=[
                aws.ecr.ReplicationConfigurationReplicationConfigurationRuleRepositoryFilterArgs(
                    filter=repository.name, filter_type="PREFIX_MATCH"
                )
            ],
        )
        aws.ecr.ReplicationConfiguration(
            self.child_name(),
            replication_configuration=aws.ecr.ReplicationConfigurationReplicationConfigurationArgs(rules=[rule]),
            opts=self.opts(),
        )


def _encryption(
    key_arn: pulumi.Input[str] | None,
) -> list[aws.ecr.RepositoryEncryptionConfigurationArgs] | None:
    if key_arn is None:
        return None
    return [aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key_arn)]


def lifecycle_policy(keep: int) -> str:
    """Return the rules that expire images.

    An image is claimed by the first rule that its tags match, and no later rule can expire it: the first one takes the
    released images out of the reach of the second.
    """
    return json.dumps(
        {
            "rules": [
                _rule(1, "released images stay", tagStatus="tagged", tagPatternList=[RELEASE_TAGS], **_more_than(_ALL)),
                _rule(2, f"the last {keep} stay", tagStatus="tagged", tagPatternList=["*"], **_more_than(keep)),
                _rule(
                    3,
                    "untagged images go after a day",
                    tagStatus="untagged",
                    countType="sinceImagePushed",
                    countUnit="days",
                    countNumber=1,
                ),
            ]
        },
        sort_keys=True,
    )


def _rule(priority: int, description: str, **selection: object) -> dict[str, object]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }


def _more_than(number: int) -> dict[str, object]:
    return {"countType": "imageCountMoreThan", "countNumber": number}


def lambda_pull_policy(repository_arn: str) -> str:
    """Return the repository policy under which Lambda functions beside the repository run its images."""
    _, partition, _, region, account, _ = repository_arn.split(":", 5)
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FunctionsOfThisAccountPull",
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    "Condition": {
                        "ArnLike": {"aws:SourceArn": f"arn:{partition}:lambda:{region}:{account}:function:*"}
                    },
                }
            ],
        },
        sort_keys=True,
    )
