"""RDS and Aurora: databases, their instances and parameters."""

from __future__ import annotations

from policy.checks import Test, at_least, is_in, is_not_true, is_set, is_true, must, when
from policy.model import Check, Level, NotKnown, Outcomes, Resource, Rule, Severity, Stack, Violation
from policy.relations import refers
from policy.values import UNKNOWN, find

CLUSTER = "aws:rds/cluster:Cluster"
CLUSTER_PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
INSTANCE = "aws:rds/instance:Instance"
MEMBER = "aws:rds/clusterInstance:ClusterInstance"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
PROXY = "aws:rds/proxy:Proxy"

_FEWEST_MEMBERS = 2
_FEWEST_BACKUPS = 7
_USUAL_NAMES = ("admin", "administrator", "awsuser", "mysql", "postgres", "root")
_USUAL_PORTS = {"mysql": 3306, "mariadb": 3306, "postgres": 5432, "oracle": 1521, "sqlserver": 1433}
_TLS_PARAMETERS = {
    "postgres": "rds.force_ssl",
    "mysql": "require_secure_transport",
    "mariadb": "require_secure_transport",
}
_ON = ("1", "ON", "on")


def _own_port(resource: Resource) -> Outcomes:
    engine, port = resource.properties.get("engine"), resource.properties.get("port")
    usual = next((held for name, held in _USUAL_PORTS.items() if name in str(engine)), None)
    if UNKNOWN in (engine, port):
        yield NotKnown("port")
    elif usual is not None and port in (None, usual):
        yield Violation("port", f"listens on the port everybody tries, {usual}")


def _parameter(names: dict[str, str], is_good: Test, says: str) -> Check:
    """Ask a parameter group of an engine that has the parameter for a good value of it."""

    def check(group: Resource) -> Outcomes:
        family = group.properties.get("family")
        wanted = next((held for name, held in names.items() if name in str(family)), None)
        if family is UNKNOWN:
            yield NotKnown("family")
        elif wanted is not None:
            yield from _set_to(group, wanted, is_good, says)

    return check


def _set_to(group: Resource, name: str, is_good: Test, says: str) -> Outcomes:
    for found in find(group.properties, "parameters[*]"):
        if found.value is UNKNOWN:
            yield NotKnown(found.path)
            return
        if isinstance(found.value, dict) and found.value.get("name") == name:
            value = found.value.get("value")
            if value is UNKNOWN:
                yield NotKnown(f"{found.path}.value")
            elif not is_good(value):
                yield Violation(f"{found.path}.value", says)
            return
    yield Violation("parameters", says)


def _members(cluster: Resource, stack: Stack) -> Outcomes:
    answers = [refers(member, "clusterIdentifier", cluster) for member in stack.of(MEMBER)]
    if answers.count(True) >= _FEWEST_MEMBERS:
        return
    possible = len(answers) - answers.count(False)
    yield NotKnown("") if possible >= _FEWEST_MEMBERS else Violation("", "has fewer than two instances")


RULES = (
    Rule(
        id="MS-RDS-001",
        title="Databases are not reachable from outside",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=("RDS.2", "CKV_AWS_17", "AWS-0180", "CIS 3.2.3"),
        types=(INSTANCE, MEMBER),
        remedy="Leave `publiclyAccessible` off.",
        check=must("publiclyAccessible", is_not_true, "is reachable from outside"),
    ),
    Rule(
        id="MS-RDS-002",
        title="Databases are encrypted",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("RDS.3", "RDS.27", "CKV_AWS_16", "AwsSolutions-RDS2", "AWS-0080", "CIS 3.2.1"),
        types=(INSTANCE, CLUSTER),
        remedy="Set `storageEncrypted`; on a database that exists it replaces it.",
        check=must("storageEncrypted", is_true, "is not encrypted"),
    ),
    Rule(
        id="MS-RDS-003",
        title="A database survives the loss of a zone",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("RDS.5", "CKV_AWS_157", "AwsSolutions-RDS3", "CIS 3.2.4"),
        types=(INSTANCE,),
        remedy="Set `multiAz`.",
        check=must("multiAz", is_true, "stands in one zone only"),
    ),
    Rule(
        id="MS-RDS-004",
        title="A database cluster survives the loss of a zone",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("RDS.15",),
        types=(CLUSTER,),
        remedy="Give the cluster two instances or more.",
        relation=_members,
    ),
    Rule(
        id="MS-RDS-005",
        title="Databases cannot be deleted by accident",
        severity=Severity.HIGH,
        level=Level.PROD,
        frameworks=("RDS.7", "RDS.8", "CKV_AWS_293", "AwsSolutions-RDS10", "AWS-0177"),
        types=(INSTANCE, CLUSTER),
        remedy="Set `deletionProtection`.",
        check=must("deletionProtection", is_true, "is not protected from deletion"),
    ),
    Rule(
        id="MS-RDS-006",
        title="A database that is deleted leaves a snapshot",
        severity=Severity.HIGH,
        level=Level.PROD,
        types=(INSTANCE, CLUSTER),
        remedy="Leave `skipFinalSnapshot` off and set `finalSnapshotIdentifier`.",
        check=must("skipFinalSnapshot", is_not_true, "leaves no snapshot when it is deleted"),
    ),
    Rule(
        id="MS-RDS-007",
        title="Databases write their logs to CloudWatch",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("RDS.9", "RDS.36", "CKV_AWS_129"),
        types=(INSTANCE, CLUSTER),
        remedy="List the engine's logs in `enabledCloudwatchLogsExports`.",
        check=must("enabledCloudwatchLogsExports", is_set, "keeps its logs to itself"),
    ),
    Rule(
        id="MS-RDS-008",
        title="PostgreSQL logs slow queries or kinds of them",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV2_AWS_30",),
        types=(PARAMETERS, CLUSTER_PARAMETERS),
        remedy="Set the parameter `log_min_duration_statement` to milliseconds.",
        check=_parameter({"postgres": "log_min_duration_statement"}, at_least(0), "logs no queries"),
    ),
    Rule(
        id="MS-RDS-009",
        title="Databases let IAM say who comes in",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("RDS.10", "CKV_AWS_161", "AwsSolutions-RDS6", "AWS-0176"),
        types=(INSTANCE, CLUSTER),
        remedy="Set `iamDatabaseAuthenticationEnabled`.",
        check=must("iamDatabaseAuthenticationEnabled", is_true, "takes passwords only"),
    ),
    Rule(
        id="MS-RDS-010",
        title=f"Databases keep backups for {_FEWEST_BACKUPS} days or more",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("RDS.11", "CKV_AWS_133", "AwsSolutions-RDS13", "AWS-0077"),
        types=(INSTANCE, CLUSTER),
        remedy=f"Set `backupRetentionPeriod` to {_FEWEST_BACKUPS} or more.",
        check=must("backupRetentionPeriod", at_least(_FEWEST_BACKUPS), "keeps backups for too short a time"),
    ),
    Rule(
        id="MS-RDS-011",
        title="Databases take minor upgrades by themselves",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("RDS.13", "CKV_AWS_226", "CIS 3.2.2"),
        types=(INSTANCE, MEMBER),
        remedy="Leave `autoMinorVersionUpgrade` on.",
        check=must("autoMinorVersionUpgrade", is_in(True, None), "takes no minor upgrades"),  # noqa: FBT003
    ),
    Rule(
        id="MS-RDS-012",
        title="Databases have enhanced monitoring",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("RDS.6", "CKV_AWS_118"),
        types=(INSTANCE, MEMBER),
        remedy="Set `monitoringInterval` to seconds, and `monitoringRoleArn`.",
        check=must("monitoringInterval", at_least(1), "has no enhanced monitoring"),
    ),
    Rule(
        id="MS-RDS-013",
        title="Databases have Performance Insights",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_353",),
        types=(INSTANCE, MEMBER),
        remedy="Set `performanceInsightsEnabled`.",
        check=must("performanceInsightsEnabled", is_true, "has no Performance Insights"),
    ),
    Rule(
        id="MS-RDS-014",
        title="Performance Insights are encrypted with a key of one's own",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("CKV_AWS_354",),
        types=(INSTANCE, MEMBER),
        remedy="Set `performanceInsightsKmsKeyId`.",
        check=when(
            "performanceInsightsEnabled",
            is_true,
            must("performanceInsightsKmsKeyId", is_set, "encrypts Performance Insights with AWS's key"),
        ),
    ),
    Rule(
        id="MS-RDS-015",
        title="Snapshots carry the tags of their database",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("RDS.17", "CKV2_AWS_60"),
        types=(INSTANCE, CLUSTER),
        remedy="Set `copyTagsToSnapshot`.",
        check=must("copyTagsToSnapshot", is_true, "does not tag its snapshots"),
    ),
    Rule(
        id="MS-RDS-016",
        title="Databases do not listen on the port everybody tries",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("RDS.23", "AwsSolutions-RDS11"),
        types=(INSTANCE, CLUSTER),
        remedy="Set `port` to another than the engine's own.",
        check=_own_port,
    ),
    Rule(
        id="MS-RDS-017",
        title="The administrator's name is not the one everybody tries",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("RDS.25",),
        types=(INSTANCE,),
        remedy="Set `username` to a name of your own.",
        check=must("username", lambda name: name not in _USUAL_NAMES, "has the usual administrator"),
    ),
    Rule(
        id="MS-RDS-018",
        title="Databases accept connections by TLS only",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("RDS.38", "CKV2_AWS_69"),
        types=(PARAMETERS, CLUSTER_PARAMETERS),
        remedy="Set `rds.force_ssl` (PostgreSQL) or `require_secure_transport` (MySQL, MariaDB) to 1.",
        check=_parameter(_TLS_PARAMETERS, is_in(*_ON), "accepts connections without TLS"),
    ),
    Rule(
        id="MS-RDS-019",
        title="Secrets Manager keeps the administrator's password",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        types=(INSTANCE, CLUSTER),
        remedy="Set `manageMasterUserPassword` in place of a password.",
        check=must("manageMasterUserPassword", is_true, "has a password that Secrets Manager does not manage"),
    ),
    Rule(
        id="MS-RDS-020",
        title="Proxies of databases accept connections by TLS only",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        types=(PROXY,),
        remedy="Set `requireTls`.",
        check=must("requireTls", is_true, "accepts connections without TLS"),
    ),
    Rule(
        id="MS-RDS-021",
        title="Proxies of databases do not log statements",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        types=(PROXY,),
        remedy="Leave `debugLogging` off: it writes whole statements with their values, for a day at a time.",
        check=must("debugLogging", is_not_true, "logs statements with their values"),
    ),
)
