"""ECR: image repositories."""

from __future__ import annotations

from policy.checks import is_in, is_true, must, some
from policy.documents import denied, is_public
from policy.model import Level, Rule, Severity
from policy.relations import companion

REPOSITORY = "aws:ecr/repository:Repository"

RULES = (
    Rule(
        id="MS-ECR-001",
        title="Images are scanned when they are pushed",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("ECR.1", "CKV_AWS_163", "AWS-0030"),
        types=(REPOSITORY,),
        remedy="Set `imageScanningConfiguration.scanOnPush`.",
        check=must("imageScanningConfiguration.scanOnPush", is_true, "does not scan images"),
    ),
    Rule(
        id="MS-ECR-002",
        title="A tag means one image for ever",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("ECR.2", "CKV_AWS_51", "AWS-0031"),
        types=(REPOSITORY,),
        remedy="Set `imageTagMutability` to IMMUTABLE.",
        check=must("imageTagMutability", is_in("IMMUTABLE"), "lets tags move"),
    ),
    Rule(
        id="MS-ECR-003",
        title="Old images are deleted",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("ECR.3",),
        types=(REPOSITORY,),
        remedy="Add an `aws.ecr.LifecyclePolicy` for the repository.",
        relation=companion("aws:ecr/lifecyclePolicy:LifecyclePolicy", "repository", "keeps every image for ever"),
    ),
    Rule(
        id="MS-ECR-004",
        title="Images are encrypted with a KMS key",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_136", "AWS-0033"),
        types=(REPOSITORY,),
        remedy="Set an entry of `encryptionConfigurations` with `encryptionType` KMS.",
        check=some("encryptionConfigurations[*].encryptionType", is_in("KMS"), "does not encrypt images with KMS"),
    ),
    Rule(
        id="MS-ECR-005",
        title="Repositories are not open to everybody",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("AwsSolutions-ECR1", "AWS-0032"),
        types=("aws:ecr/repositoryPolicy:RepositoryPolicy",),
        remedy="Name the accounts and roles that may pull; a `*` principal is the whole world.",
        check=denied(["policy"], is_public, "opens the repository to everybody"),
    ),
)
