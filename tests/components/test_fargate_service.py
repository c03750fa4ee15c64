"""A service on Fargate: its roles, its network, its target group and how ECS rolls it out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.fargate_rollout import Rollout
from components.fargate_service import FargateService
from components.fargate_traffic import PROBE_PRIORITIES, HealthCheck, probe_priority
from components.service import IpTarget, Link, Scaling, SecretRef, ServiceArgs, Statement, ZipArtifact
from components.task_roles import repository_arn

Deploy = Callable[..., Any]

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/llm-AbCdEf"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/users"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
LOG = "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/dev-netprobe"


DATABASE = Link(
    name="users-db",
    environment={"DATABASE_HOST": "db.internal"},
    statements=[Statement(actions=["dynamodb:GetItem"], resources=[TABLE])],
    security_group_id="sg-db",
    port=5432,
)


def allowed(recorded: Any, role: str) -> dict[str, list[str]]:
    """Return the policy of a role as resources by action."""
    policies = [p for p in recorded.all("RolePolicy") if p.name == f"dev-netprobe-{role}"]
    statements = [s for p in policies for s in json.loads(p.inputs["policy"])["Statement"]]
    return {action: statement["Resource"] for statement in statements for action in statement["Action"]}


def test_surface_is_that_of_every_compute(deploy: Deploy, make_fargate: Callable[..., FargateService]) -> None:
    def program() -> dict[str, Any]:
        service = make_fargate()
        assert isinstance(service.target, IpTarget)
        return {
            "target": service.target.target_group_arn,
            "role": service.role.name,
            "security_group": service.security_group_id,
            "log": service.log_group_name,
            "alarms": [alarm.name for alarm in service.alarms],
        }

    found = deploy(program).value
    assert ":targetgroup/dev-netprobe-1a2b3c4/" in found["target"]
    assert found["role"] == "dev-netprobe-task-1a2b3c4"
    assert found["security_group"] == "dev-netprobe-id"
    assert found["log"] == "/ecs/dev-netprobe"
    assert len(found["alarms"]) == 4


def test_log_group_is_kept_as_long_as_the_service_says(deploy_fargate: Deploy) -> None:
    group = deploy_fargate({"log_retention_days": 30, "key_arn": KEY}).one("LogGroup", "dev-netprobe")
    assert group.inputs["name"] == "/ecs/dev-netprobe"
    assert group.inputs["retentionInDays"] == 30
    assert group.inputs["kmsKeyId"] == KEY


def test_task_starts_with_one_role_and_runs_with_another(deploy_fargate: Deploy) -> None:
    definition = deploy_fargate().one("TaskDefinition").inputs
    assert definition["executionRoleArn"] == "arn:aws:iam::123456789012:role/dev-netprobe-execution-1a2b3c4"
    assert definition["taskRoleArn"] == "arn:aws:iam::123456789012:role/dev-netprobe-task-1a2b3c4"


def test_starting_takes_this_image_this_log_and_these_secrets_and_nothing_else(deploy_fargate: Deploy) -> None:
    secrets = [SecretRef(name="GROQ", arn=SECRET, key="groq"), SecretRef(name="GOOGLE", arn=SECRET, key="google")]
    repository = "arn:aws:ecr:us-east-1:123456789012:repository/modeshift"
    assert allowed(deploy_fargate({"secrets": secrets, "key_arn": KEY}), "execution") == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": [repository],
        "ecr:BatchGetImage": [repository],
        "ecr:GetDownloadUrlForLayer": [repository],
        "logs:CreateLogStream": [f"{LOG}:*"],
        "logs:PutLogEvents": [f"{LOG}:*"],
        "secretsmanager:GetSecretValue": [SECRET],
        "kms:Decrypt": [KEY],
    }


def test_service_without_secrets_may_read_none_and_decrypt_nothing(deploy_fargate: Deploy) -> None:
    actions = allowed(deploy_fargate({"key_arn": KEY}), "execution")
    assert "secretsmanager:GetSecretValue" not in actions
    assert "kms:Decrypt" not in actions


def test_code_may_do_what_it_and_its_links_were_given(deploy_fargate: Deploy) -> None:
    given_ = Statement(actions=["s3:GetObject"], resources=["arn:aws:s3:::documents/*"])
    assert allowed(deploy_fargate({"permissions": [given_], "links": [DATABASE]}), "task") == {
        "s3:GetObject": ["arn:aws:s3:::documents/*"],
        "dynamodb:GetItem": [TABLE],
    }


def test_code_that_was_given_nothing_may_do_nothing(deploy_fargate: Deploy) -> None:
    recorded = deploy_fargate()
    assert recorded.one("Role", "dev-netprobe-task")
    assert allowed(recorded, "task") == {}


def test_session_in_a_task_is_recorded_and_decrypted_and_needs_a_writable_root(deploy_fargate: Deploy) -> None:
    recorded = deploy_fargate(exec_enabled=True, cluster_key=KEY)
    actions = allowed(recorded, "task")
    assert actions["ssmmessages:OpenDataChannel"] == ["*"]
    assert actions["logs:PutLogEvents"] == ["arn:aws:logs:us-east-1:123456789012:log-group:dev-exec-1a2b3c4:*"]
    assert actions["kms:Decrypt"] == [KEY]
    assert recorded.one("ecs/service:Service").inputs["enableExecuteCommand"]
    (container,) = json.loads(recorded.one("TaskDefinition").inputs["containerDefinitions"])
    assert container["readonlyRootFilesystem"] is False


def test_tasks_take_requests_from_the_load_balancer_alone(deploy_fargate: Deploy) -> None:
    recorded = deploy_fargate({"port": 9000})
    (ingress,) = [
        r for r in recorded.all("SecurityGroupIngressRule") if r.inputs["securityGroupId"] == "dev-netprobe-id"
    ]
    assert ingress.inputs["referencedSecurityGroupId"] == "dev-door-id"
    assert (ingress.inputs["fromPort"], ingress.inputs["toPort"]) == (9000, 9000)
    (egress,) = [r for r in recorded.all("SecurityGroupEgressRule") if r.inputs["securityGroupId"] == "dev-door-id"]
    assert egress.inputs["referencedSecurityGroupId"] == "dev-netprobe-id"
    assert (egress.inputs["fromPort"], egress.inputs["toPort"]) == (9000, 9000)


def test_link_lets_the_tasks_in_at_its_port(deploy_fargate: Deploy) -> None:
    rule = deploy_fargate({"links": [DATABASE]}).one("SecurityGroupIngressRule", "dev-netprobe-to-users-db")
    assert rule.inputs["securityGroupId"] == "sg-db"
    assert rule.inputs["referencedSecurityGroupId"] == "dev-netprobe-id"
    assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (5432, 5432)


@pytest.mark.parametrize(("placement", "public"), [("private", False), ("public", True)])
def test_tasks_have_public_addresses_in_public_subnets_only(
    deploy_fargate: Deploy, placement: str, public: bool
) -> None:
    network = deploy_fargate(placement=placement).one("ecs/service:Service").inputs["networkConfiguration"]
    assert network == {
        "subnets": [f"dev-net-{placement}-1", f"dev-net-{placement}-2"],
        "securityGroups": ["dev-netprobe-id"],
        "assignPublicIp": public,
    }


def test_target_group_takes_addresses_and_checks_health(deploy_fargate: Deploy) -> None:
    group = deploy_fargate({"port": 9000, "health_path": "/healthy"}).one("TargetGroup").inputs
    assert (group["targetType"], group["protocol"], group["port"]) == ("ip", "HTTP", 9000)
    assert group["deregistrationDelay"] == 300
    check = group["healthCheck"]
    assert check["path"] == "/healthy"
    assert (check["interval"], check["timeout"]) == (30, 5)
    assert (check["healthyThreshold"], check["unhealthyThreshold"]) == (2, 2)


def test_target_group_can_be_told_otherwise(deploy_fargate: Deploy) -> None:
    check = HealthCheck(interval=10, timeout=3, healthy=3, unhealthy=4)
    group = deploy_fargate(health_check=check, deregistration_delay=30).one("TargetGroup").inputs
    assert group["deregistrationDelay"] == 30
    found = group["healthCheck"]
    assert (found["interval"], found["timeout"], found["healthyThreshold"], found["unhealthyThreshold"]) == (
        10,
        3,
        3,
        4,
    )


def test_nothing_that_aws_keeps_names_of_is_named_by_hand_but_log_and_family(deploy_fargate: Deploy) -> None:
    named = {r.type for r in deploy_fargate() if r.custom and "name" in r.inputs}
    assert named == {"aws:cloudwatch/logGroup:LogGroup"}


def test_target_group_is_attached_by_the_probe_rule_before_the_service_starts(deploy_fargate: Deploy) -> None:
    recorded = deploy_fargate()
    rule = recorded.one("ListenerRule")
    assert rule.inputs["conditions"] == [
        {"httpHeader": {"httpHeaderName": "x-modeshift-probe", "values": ["dev-netprobe"]}}
    ]
    (action,) = rule.inputs["actions"]
    assert action["type"] == "forward"
    assert ":targetgroup/dev-netprobe-" in action["targetGroupArn"]
    assert rule.inputs["priority"] == probe_priority("dev-netprobe")
    service = recorded.one("ecs/service:Service")
    assert {
        "aws:lb/listenerRule:ListenerRule::dev-netprobe-probe",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders::dev",
        "aws:iam/rolePolicy:RolePolicy::dev-netprobe-execution",
    } <= set(service.depends_on)
    (balancer,) = service.inputs["loadBalancers"]
    assert balancer["targetGroupArn"] == action["targetGroupArn"]
    assert (balancer["containerName"], balancer["containerPort"]) == ("app", 8080)


@given(st.text(min_size=1))
def test_probe_priority_is_one_that_listeners_take_and_routes_do_not(name: str) -> None:
    assert probe_priority(name) in PROBE_PRIORITIES
    assert probe_priority(name) == probe_priority(name)


def test_rollout_keeps_all_tasks_and_goes_back_by_itself(deploy_fargate: Deploy) -> None:
    service = deploy_fargate().one("ecs/service:Service").inputs
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["healthCheckGracePeriodSeconds"] == 60
    assert service["waitForSteadyState"]
    assert service["propagateTags"] == "SERVICE"


def test_rollout_can_be_told_otherwise(deploy_fargate: Deploy) -> None:
    rollout = Rollout(min_percent=50, max_percent=150, grace_seconds=120)
    service = deploy_fargate(rollout=rollout).one("ecs/service:Service").inputs
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (50, 150)
    assert service["healthCheckGracePeriodSeconds"] == 120


def test_count_belongs_to_autoscaling_after_the_first_start(deploy_fargate: Deploy) -> None:
    service = deploy_fargate({"scaling": Scaling(min=2, max=10)}).one("ecs/service:Service")
    assert service.inputs["desiredCount"] == 2
    assert service.ignore_changes == ("desiredCount",)


@pytest.mark.parametrize(
    ("share", "strategy"),
    [
        (0, [("FARGATE", 2, 100)]),
        (70, [("FARGATE", 2, 30), ("FARGATE_SPOT", 0, 70)]),
        (100, [("FARGATE", 2, 0), ("FARGATE_SPOT", 0, 100)]),
    ],
)
def test_share_of_spot_is_placed_beyond_the_first_tasks(
    deploy_fargate: Deploy, share: int, strategy: list[tuple[str, int, int]]
) -> None:
    scaling = Scaling(min=2, max=10, spot_percent=share)
    service = deploy_fargate({"scaling": scaling}).one("ecs/service:Service").inputs
    found = [(s["capacityProvider"], s["base"], s["weight"]) for s in service["capacityProviderStrategies"]]
    assert found == strategy
    assert service["forceNewDeployment"]
    assert "launchType" not in service


def test_alarms_watch_this_service(deploy_fargate: Deploy) -> None:
    alarms = {alarm.name: alarm.inputs for alarm in deploy_fargate().all("MetricAlarm")}
    assert set(alarms) == {f"dev-netprobe-{what}" for what in ("unhealthy", "errors", "busy", "short")}
    targets = {
        "LoadBalancer": "app/dev-door-1a2b3c4/50dc6c495c0c9188",
        "TargetGroup": "targetgroup/dev-netprobe-1a2b3c4/73e2d6bc24d8a067",
    }
    assert alarms["dev-netprobe-unhealthy"]["dimensions"] == targets
    assert alarms["dev-netprobe-errors"]["dimensions"] == targets
    tasks = {"ClusterName": "dev-1a2b3c4", "ServiceName": "dev-netprobe-1a2b3c4"}
    assert alarms["dev-netprobe-busy"]["dimensions"] == tasks
    gap, *metrics = alarms["dev-netprobe-short"]["metricQueries"]
    assert (gap["expression"], gap["returnData"]) == ("wanted - there", True)
    assert {query["id"]: query["metric"]["metricName"] for query in metrics} == {
        "there": "RunningTaskCount",
        "wanted": "DesiredTaskCount",
    }
    assert all(query["metric"]["dimensions"] == tasks for query in metrics)


def test_tasks_are_counted_only_where_container_insights_does(deploy_fargate: Deploy) -> None:
    counted = {alarm.name for alarm in deploy_fargate(insights="disabled").all("MetricAlarm")}
    assert "dev-netprobe-short" not in counted


def test_zip_is_refused_with_what_to_give_instead(deploy_fargate: Deploy) -> None:
    with pytest.raises(ValueError, match=r"dev-netprobe: .*build/app\.zip.* image by digest"):
        deploy_fargate({"artifact": ZipArtifact(path="build/app.zip", sha256="x")})


@pytest.mark.parametrize(
    ("reference", "arn"),
    [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b@sha256:1",
            "arn:aws:ecr:eu-west-1:123456789012:repository/a/b",
        ),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1", "arn:aws:ecr:eu-west-1:123456789012:repository/a"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/a@sha256:1", "arn:aws:ecr:eu-west-1:123456789012:repository/a"),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a@sha256:1",
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/a",
        ),
        (
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a@sha256:1",
            "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/a",
        ),
        ("public.ecr.aws/lambda/python@sha256:1", None),
        ("ghcr.io/acme/app@sha256:1", None),
    ],
)
def test_repository_is_read_from_the_reference(reference: str, arn: str | None) -> None:
    assert repository_arn(reference) == arn


def test_same_arguments_make_the_same_service(deploy_fargate: Deploy) -> None:
    forward = {"B": "2", "A": "1"}
    one = deploy_fargate({"environment": forward}).one("TaskDefinition").inputs
    other = deploy_fargate({"environment": dict(reversed(forward.items()))}).one("TaskDefinition").inputs
    assert one == other


def test_arguments_after_the_service_are_by_keyword() -> None:
    with pytest.raises(TypeError):
        FargateService("dev-netprobe", ServiceArgs(artifact=ZipArtifact(path="", sha256="")), object())  # pyright: ignore[reportCallIssue]
