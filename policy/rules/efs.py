"""EFS: file systems and the points by which they are entered."""

from __future__ import annotations

from policy.checks import is_in, is_set, is_true, must
from policy.documents import denied, is_public, tls_only
from policy.model import Level, Rule, Severity
from policy.relations import companion
from policy.values import Value

FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"
ACCESS_POINT = "aws:efs/accessPoint:AccessPoint"
POLICY = "aws:efs/fileSystemPolicy:FileSystemPolicy"


def _is_below_root(path: Value) -> bool:
    return path not in (None, "", "/")


RULES = (
    Rule(
        id="MS-EFS-001",
        title="File systems are encrypted",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("EFS.1", "CKV_AWS_42", "AwsSolutions-EFS1", "AWS-0037"),
        types=(FILE_SYSTEM,),
        remedy="Set `encrypted`; a file system that is not must be made anew.",
        check=must("encrypted", is_true, "is not encrypted"),
    ),
    Rule(
        id="MS-EFS-002",
        title="File systems are encrypted with a key of one's own",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_184",),
        types=(FILE_SYSTEM,),
        remedy="Set `kmsKeyId`.",
        check=must("kmsKeyId", is_set, "is encrypted with AWS's key"),
    ),
    Rule(
        id="MS-EFS-003",
        title="File systems are mounted by TLS only",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(FILE_SYSTEM,),
        remedy="Deny everything where `aws:SecureTransport` is false in an `aws.efs.FileSystemPolicy`.",
        relation=companion(POLICY, "fileSystemId", "is mounted without TLS", meets=tls_only("policy")),
    ),
    Rule(
        id="MS-EFS-004",
        title="File systems are not open to everybody",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("CIS 2.21",),
        types=(POLICY,),
        remedy="Name who may mount, or narrow `*` with a condition such as aws:SourceAccount.",
        check=denied(["policy"], is_public, "opens the file system to everybody"),
    ),
    Rule(
        id="MS-EFS-005",
        title="File systems have backups",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("EFS.2", "EFS.7"),
        types=(FILE_SYSTEM,),
        remedy="Add an `aws.efs.BackupPolicy` whose `status` is ENABLED.",
        relation=companion(
            "aws:efs/backupPolicy:BackupPolicy",
            "fileSystemId",
            "has no backups",
            meets=must("backupPolicy.status", is_in("ENABLED"), "is not backed up"),
        ),
    ),
    Rule(
        id="MS-EFS-006",
        title="Access points show a folder, not all of a file system",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("EFS.3", "CKV_AWS_329"),
        types=(ACCESS_POINT,),
        remedy="Set `rootDirectory.path` to a folder.",
        check=must("rootDirectory.path", _is_below_root, "shows all of the file system"),
    ),
    Rule(
        id="MS-EFS-007",
        title="Access points say as whom files are read and written",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("EFS.4", "CKV_AWS_330"),
        types=(ACCESS_POINT,),
        remedy="Set `posixUser`, to another than root.",
        check=must("posixUser.uid", lambda uid: uid not in (None, 0, "0"), "lets clients be anybody, or root"),
    ),
)
