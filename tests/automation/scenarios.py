"""What pull requests do to stacks; `python -m tests.automation.scenarios` writes the comment on each to `golden/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from automation.markdown import (
    Basis,
    CostDelta,
    CostLine,
    PolicyReport,
    Report,
    StackReport,
    Suppression,
    Violation,
    report,
)
from automation.plan import Plan, build
from tests.automation import events
from tests.automation.events import SECRET, UNKNOWN, step

GOLDEN = Path(__file__).parent / "golden"
_NOTICE = "Sandbox: nothing was created in AWS."
_MET = PolicyReport(checked=92)
_DATABASE = "aws:rds/instance:Instance"


def first_deploy() -> Report:
    cost = CostDelta(
        before=Decimal(0),
        after=Decimal("3.85"),
        lines=[CostLine("HTTP API requests", Decimal(0), Decimal(1)), CostLine("Lambda", Decimal(0), Decimal("2.85"))],
        assumptions=["1 million requests of 120 ms a month"],
        prices_of="2026-09-28",
    )
    return report([StackReport(events.plan_of("first"), cost=cost, policies=_MET)], notice=_NOTICE)


def no_change() -> Report:
    return report([StackReport(events.plan_of("same"), policies=_MET, drift=Plan("dev"))])


def mode_switch() -> Report:
    cost = CostDelta(
        before=Decimal("3.85"),
        after=Decimal("36.12"),
        lowest=Decimal("36.12"),
        highest=Decimal("76.98"),
        lines=[
            CostLine("Lambda", Decimal("2.85"), Decimal(0)),
            CostLine("Fargate tasks", Decimal(0), Decimal("14.42")),
            CostLine("Application load balancer", Decimal(0), Decimal("16.43")),
            CostLine("Public IPv4 addresses", Decimal(0), Decimal("3.65")),
        ],
        unknown=["data out of eu-central-1: no price for this region"],
        prices_of="2026-09-28",
    )
    return report([StackReport(events.plan_of("switch"), cost=cost, policies=_MET)], notice=_NOTICE)


def traffic_shift() -> Report:
    return report([StackReport(events.plan_of("shift"), policies=_MET)], notice=_NOTICE)


def database_replacement() -> Report:
    return report(
        [StackReport(build("prod", database_events()), policies=_MET, cost=CostDelta(Decimal(60), Decimal(60)))]
    )


def large_change() -> Report:
    return report([StackReport(build("prod", large_events(500)))])


def failing_preview() -> Report:
    return report([StackReport(events.plan_of("failing"), ok=False)], notice=_NOTICE)


def policy_failure() -> Report:
    policies = PolicyReport(
        checked=92,
        violations=[
            Violation(
                "ALB-01",
                "dev-front-door-http",
                "The listener takes plain HTTP from the internet",
                "give the stack a domain",
            ),
            Violation("LOG-03", "dev-front-door-logs", "Access logs are kept for 7 days", mandatory=False),
        ],
        suppressed=[
            Suppression("S3-04", "dev-front-door-logs", "Log delivery cannot write to a versioned bucket", "2027-03-31")
        ],
        undetermined=2,
    )
    return report([StackReport(events.plan_of("front-door"), policies=policies)], notice=_NOTICE)


def cost_threshold() -> Report:
    cost = CostDelta(
        before=Decimal("36.12"),
        after=Decimal("1204.50"),
        lowest=Decimal("401.50"),
        highest=Decimal("4015.00"),
        lines=[
            CostLine("Fargate tasks", Decimal("14.42"), Decimal("1182.80")),
            CostLine("Logs", Decimal(5), Decimal(5)),
        ],
        assumptions=["each task at 70 % of its CPU"],
        prices_of="2026-09-28",
        budget=Decimal(500),
    )
    return report([StackReport(events.plan_of("settings"), cost=cost, policies=_MET)], notice=_NOTICE)


def secret_rotation() -> Report:
    return report([StackReport(build("prod", rotation_events()))])


def three_stacks() -> Report:
    drift = build("staging", [_drifted()])
    stacks = [
        StackReport(events.plan_of("switch"), cost=CostDelta(Decimal("3.85"), Decimal("36.12")), policies=_MET),
        StackReport(
            events.plan_of("same", "staging"), cost=CostDelta(Decimal(80), Decimal(80)), policies=_MET, drift=drift
        ),
        StackReport(events.plan_of("network", "prod"), cost=CostDelta(None, None, unknown=["Redis"]), policies=_MET),
    ]
    return report(stacks, basis=Basis.PROGRAM, notice=_NOTICE)


def database_events() -> list[events.Event]:
    top = events.component("prod-database")
    parent = top["resourcePreEvent"]["metadata"]["urn"]
    database = {"instanceClass": "db.t4g.micro", "engineVersion": "16.4", "allocatedStorage": 20, "password": SECRET}
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::prod-reports/*"}
    wider = {**allowed, "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]}
    url = {"url": "https://api.example.com", "mode": "container", "services": {"users": {"compute": "fargate"}}}
    return [
        top,
        *events.replacement(
            _DATABASE,
            "prod-database",
            first="delete",
            parent=parent,
            old={**database, "storageEncrypted": False, "deletionProtection": True},
            new={**database, "storageEncrypted": True, "deletionProtection": True},
            detailed={"storageEncrypted": "update-replace"},
            keys=["storageEncrypted"],
            diffs=["storageEncrypted"],
        ),
        step(
            "update",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "prod-database-in",
            parent=parent,
            old={"cidrIpv4": "10.20.0.0/16", "fromPort": 5432, "toPort": 5432, "ipProtocol": "tcp"},
            new={"cidrIpv4": "0.0.0.0/0", "fromPort": 5432, "toPort": 5432, "ipProtocol": "tcp"},
            detailed={"cidrIpv4": "update"},
        ),
        step(
            "update",
            "aws:iam/rolePolicy:RolePolicy",
            "prod-users-task",
            old={"policy": events.json.dumps({"Statement": [allowed]})},
            new={"policy": events.json.dumps({"Statement": [wider]})},
            detailed={"policy": "update"},
        ),
        step(
            "update",
            "aws:ecs/service:Service",
            "prod-users",
            old={"taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/prod-users:7"},
            new={"taskDefinition": UNKNOWN},
            detailed={"taskDefinition": "update"},
        ),
        events.outputs(url, url),
        events.summary(),
    ]


def large_events(count: int) -> list[events.Event]:
    kinds = (
        "aws:sqs/queue:Queue",
        "aws:lambda/function:Function",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:dynamodb/table:Table",
    )
    found: list[events.Event] = []
    for number in range(count):
        if number % 25 == 0:
            top = events.component(f"prod-shard-{number // 25:02}", token="modeshift:components:Shard")
            found.append(top)
        parent, name, token = top["resourcePreEvent"]["metadata"]["urn"], f"prod-part-{number:03}", kinds[number % 4]
        old = {"name": name, "description": f"Part {number} of many", "tagsAll": {"Owner": "platform"}}
        if number % 10 == 0:
            found.append(step("delete", token, name, parent=parent, old=old))
        elif number % 10 == 1:
            new, detailed = {**old, "name": f"{name}-b"}, {"name": "update-replace"}
            found += events.replacement(token, name, parent=parent, old=old, new=new, detailed=detailed, keys=["name"])
        elif number % 10 < 5:
            new, detailed = {**old, "tagsAll": {"Owner": "apps"}}, {"tagsAll.Owner": "update"}
            found.append(step("update", token, name, parent=parent, old=old, new=new, detailed=detailed))
        elif number % 10 < 8:
            new, detailed = {**old, "description": f"Part {number} of {count}"}, {"description": "update"}
            found.append(step("update", token, name, parent=parent, old=old, new=new, detailed=detailed))
        else:
            found.append(step("create", token, name, parent=parent, new=old))
    return [*found, events.summary()]


def rotation_events() -> list[events.Event]:
    plain = {"environment": {"variables": {"STRIPE": "sk-in-clear-until-now", "LOG_LEVEL": "info"}}}
    hidden = {"environment": {"variables": {"STRIPE": SECRET, "LOG_LEVEL": "info"}}}
    version = {"secretId": "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod-users-db", "secretString": SECRET}
    return [
        step(
            "update",
            "aws:secretsmanager/secretVersion:SecretVersion",
            "prod-users-db",
            old=version,
            new=version,
            diffs=["secretString"],
        ),
        step(
            "update",
            _DATABASE,
            "prod-database",
            old={"password": SECRET, "instanceClass": "db.t4g.small"},
            new={"password": SECRET, "instanceClass": "db.t4g.small"},
            detailed={"password": "update"},
        ),
        step(
            "update",
            "aws:lambda/function:Function",
            "prod-billing",
            old=plain,
            new=hidden,
            detailed={"environment.variables.STRIPE": "update"},
        ),
        events.summary(),
    ]


def _drifted() -> events.Event:
    token = "aws:cloudwatch/logGroup:LogGroup"
    old, new = {"retentionInDays": 14}, {"retentionInDays": 3}
    return step("update", token, "staging-network-flow", old=old, new=new, detailed={"retentionInDays": "update"})


SCENARIOS: Mapping[str, Callable[[], Report]] = {
    "first-deploy": first_deploy,
    "no-change": no_change,
    "mode-switch": mode_switch,
    "traffic-shift": traffic_shift,
    "database-replacement": database_replacement,
    "500-resources": large_change,
    "failing-preview": failing_preview,
    "policy-failure": policy_failure,
    "cost-threshold": cost_threshold,
    "secret-rotation": secret_rotation,
    "three-stacks": three_stacks,
}


def main() -> None:
    """Write every comment to its file."""
    GOLDEN.mkdir(exist_ok=True)
    for name, scenario in SCENARIOS.items():
        (GOLDEN / f"{name}.md").write_text(scenario().comment)


if __name__ == "__main__":
    main()
