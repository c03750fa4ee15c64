"""A service as a function: what it runs, what it may do, what callers see and what people hear."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.lambda_service import Canary, LambdaOptions, LambdaService
from components.network import Network
from components.service import ImageArtifact, Link, SecretRef, ServiceArgs, Size, Statement, Volume, ZipArtifact

Deploy = Callable[..., Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/users"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev/llm-AbCdEf"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dev-netprobe-dead-letter-1a2b3c4"
LOG = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/dev-netprobe"
ZIP = ZipArtifact(path=__file__, sha256="c2hhMjU2")
IMAGE = ImageArtifact(reference="123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift@sha256:1")


KEYS = Link(name="keys", secrets=[SecretRef(name="TOKEN", arn=SECRET, key="token")])


def cache(*, security_group_id: str | None = "sg-cache", port: int | None = 6379) -> Link:
    """Return a link as a data component offers it."""
    return Link(
        name="cache",
        environment={"CACHE_HOST": "cache.internal", "LOG_LEVEL": "DEBUG"},
        statements=[Statement(actions=["dynamodb:GetItem"], resources=[TABLE])],
        security_group_id=security_group_id,
        port=port,
    )


def files(name: str) -> Link:
    """Return a link to files, as `FileSystem` makes one."""
    volume = Volume(name=name, path=f"/mnt/{name}", access_point_arn="a", file_system_id="f")
    return Link(name=name, volumes=[volume], security_group_id="sg-files", port=2049)


def service(
    *, in_network: bool = False, options: LambdaOptions | None = None, canary: Canary | None = None, **args: Any
) -> LambdaService:
    """Declare a function; `args` are fields of `ServiceArgs`."""
    network = Network("dev-network", flow_logs=False) if in_network else None
    args.setdefault("artifact", ZIP)
    return LambdaService("dev-netprobe", ServiceArgs(**args), options=options, network=network, canary=canary)


@pytest.fixture
def function(deploy: Deploy) -> Deploy:
    """Deploy a function and return everything it registered."""
    return lambda **choices: deploy(lambda: service(**choices) and None)


def allowed(recorded: Any) -> dict[str, list[str]]:
    """Return the function's policy as resources by action."""
    statements = json.loads(recorded.one("RolePolicy", "dev-netprobe").inputs["policy"])["Statement"]
    return {action: statement["Resource"] for statement in statements for action in statement["Action"]}


def test_surface_is_that_of_every_compute(deploy: Deploy) -> None:
    def program() -> dict[str, Any]:
        found = service()
        return {
            "target": [found.target.function_name, found.target.alias_name, found.target.alias_arn],
            "invoke": found.target.invoke_arn,
            "role": found.role.name,
            "security_group": found.security_group_id,
            "log": found.log_group_name,
            "alarms": [alarm.name for alarm in found.alarms],
        }

    found = deploy(program).value
    alias = "arn:aws:lambda:us-east-1:123456789012:function:dev-netprobe-1a2b3c4:live"
    assert found["target"] == ["dev-netprobe-1a2b3c4", "live", alias]
    assert found["invoke"] == f"invoke/{alias}"
    assert found["role"] == "dev-netprobe-1a2b3c4"
    assert found["security_group"] is None
    assert found["log"] == "/aws/lambda/dev-netprobe"
    assert len(found["alarms"]) == 4


def test_log_group_stands_before_the_function_and_forgets(function: Deploy) -> None:
    recorded = function(log_retention_days=14, key_arn=KEY)
    group, made = recorded.one("LogGroup"), recorded.one("Function")
    assert group.inputs["name"] == "/aws/lambda/dev-netprobe"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (14, KEY)
    assert made.inputs["loggingConfig"]["logGroup"] == "/aws/lambda/dev-netprobe"
    assert "aws:cloudwatch/logGroup:LogGroup::dev-netprobe" in made.depends_on


def test_function_waits_until_it_is_allowed_to_write_and_to_give_up(function: Deploy) -> None:
    assert "aws:iam/rolePolicy:RolePolicy::dev-netprobe" in function().one("Function").depends_on


def test_zip_is_published_as_a_version_behind_the_alias(function: Deploy) -> None:
    recorded = function(size=Size(memory=512), timeout=20)
    made = recorded.one("Function").inputs
    assert isinstance(made["code"], pulumi.FileArchive)
    assert made["code"].path == __file__
    assert made["sourceCodeHash"] == "c2hhMjU2"
    assert (made["packageType"], made["handler"], made["runtime"]) == ("Zip", ZIP.handler, ZIP.runtime)
    assert (made["architectures"], made["memorySize"], made["timeout"]) == (["arm64"], 512, 20)
    assert made["publish"] is True
    alias = recorded.one("lambda/alias:Alias").inputs
    assert (alias["name"], alias["functionVersion"]) == ("live", "1")


def test_image_brings_its_own_command_and_no_runtime(function: Deploy) -> None:
    image = ImageArtifact(reference=IMAGE.reference, command=["app.handler.lambda_handler"])
    made = function(artifact=image, architecture="x86_64").one("Function").inputs
    assert (made["packageType"], made["imageUri"]) == ("Image", IMAGE.reference)
    assert made["imageConfig"] == {"commands": ["app.handler.lambda_handler"]}
    assert made["architectures"] == ["x86_64"]
    assert not {"code", "handler", "runtime", "sourceCodeHash"} & made.keys()


def test_role_may_run_and_nothing_else(function: Deploy) -> None:
    assert allowed(function()) == {
        "logs:CreateLogStream": [f"{LOG}:*"],
        "logs:PutLogEvents": [f"{LOG}:*"],
        "sqs:SendMessage": [QUEUE],
        "xray:PutTelemetryRecords": ["*"],
        "xray:PutTraceSegments": ["*"],
    }


def test_role_of_a_bare_function_may_write_its_log_alone(function: Deploy) -> None:
    bare = function(options=LambdaOptions(tracing=False, dead_letter=False))
    assert set(allowed(bare)) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert bare.one("Function").inputs["tracingConfig"] == {"mode": "PassThrough"}


def test_role_may_do_what_service_and_links_were_given(function: Deploy) -> None:
    given = Statement(actions=["s3:GetObject"], resources=["arn:aws:s3:::documents/*"])
    actions = allowed(function(permissions=[given], links=[cache(security_group_id=None)]))
    assert actions["s3:GetObject"] == ["arn:aws:s3:::documents/*"]
    assert actions["dynamodb:GetItem"] == [TABLE]


def test_customer_key_encrypts_environment_log_and_queue_and_may_be_used(function: Deploy) -> None:
    recorded = function(key_arn=KEY)
    assert recorded.one("Function").inputs["kmsKeyArn"] == KEY
    assert recorded.one("LogGroup").inputs["kmsKeyId"] == KEY
    queue = recorded.one("Queue").inputs
    assert queue["kmsMasterKeyId"] == KEY
    assert "sqsManagedSseEnabled" not in queue
    actions = allowed(recorded)
    assert actions["kms:Decrypt"] == actions["kms:GenerateDataKey"] == [KEY]


def test_environment_is_the_contract_over_the_service_over_its_links(function: Deploy) -> None:
    recorded = function(
        environment={"LOG_LEVEL": "INFO"}, health_path="/healthz", links=[cache(security_group_id=None)]
    )
    assert recorded.one("Function").inputs["environment"]["variables"] == {
        "CACHE_HOST": "cache.internal",
        "HEALTH_PATH": "/healthz",
        "LOG_LEVEL": "INFO",
    }


def test_secrets_are_references_that_only_their_reader_may_follow(function: Deploy) -> None:
    secrets = [SecretRef(name="TOKEN", arn=SECRET), SecretRef(name="GROQ", arn=SECRET, key="groq")]
    recorded = function(secrets=secrets)
    variables = recorded.one("Function").inputs["environment"]["variables"]
    assert json.loads(variables["MODESHIFT_SECRETS"]) == {"GROQ": f"{SECRET}:groq::", "TOKEN": SECRET}
    assert "GROQ" not in variables
    assert allowed(recorded)["secretsmanager:GetSecretValue"] == [SECRET]


def test_events_that_fail_are_kept_for_two_weeks_behind_tls(function: Deploy) -> None:
    recorded = function(options=LambdaOptions(retries=1, event_age=600))
    queue = recorded.one("Queue").inputs
    assert queue["messageRetentionSeconds"] == 14 * 24 * 3600
    assert queue["sqsManagedSseEnabled"] is True
    assert recorded.one("Function").inputs["deadLetterConfig"] == {"targetArn": QUEUE}
    (statement,) = json.loads(recorded.one("QueuePolicy").inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    retries = recorded.one("FunctionEventInvokeConfig").inputs
    assert (retries["qualifier"], retries["maximumRetryAttempts"], retries["maximumEventAgeInSeconds"]) == (
        "live",
        1,
        600,
    )


def test_alarms_have_the_required_thresholds(function: Deploy) -> None:
    recorded = function()
    found = {
        alarm.inputs["metricName"]: (alarm.inputs["threshold"], alarm.inputs["period"], alarm.inputs["dimensions"])
        for alarm in recorded.all("MetricAlarm")
    }
    name = {"FunctionName": "dev-netprobe-1a2b3c4"}
    assert found == {
        "Errors": (5, 300, name),
        "Throttles": (10, 300, name),
        "ApproximateNumberOfMessagesVisible": (0, 300, {"QueueName": "dev-netprobe-dead-letter-1a2b3c4"}),
        "dev-netprobe": (10, 300, {}),
    }
    counted = recorded.one("LogMetricFilter").inputs
    assert counted["logGroupName"] == "/aws/lambda/dev-netprobe"
    assert counted["metricTransformation"]["name"] == "dev-netprobe"
    assert {alarm.inputs["tags"]["Severity"] for alarm in recorded.all("MetricAlarm")} == {"critical", "warning"}


@pytest.mark.parametrize(
    ("canary", "shares"),
    [
        (Canary(keep=7, percent=10), {"7": 0.9}),
        (Canary(keep=7, percent=0), {"7": 1.0}),
        (Canary(keep=1, percent=10), None),
    ],
)
def test_a_version_that_is_kept_keeps_its_share_once_there_is_a_newer_one(
    function: Deploy, canary: Canary, shares: dict[str, float] | None
) -> None:
    alias = function(canary=canary).one("lambda/alias:Alias").inputs
    assert alias["functionVersion"] == "1"
    assert alias.get("routingConfig", {}).get("additionalVersionWeights") == shares


def test_capacity_is_held_at_the_alias_and_capped_at_the_function(function: Deploy) -> None:
    recorded = function(options=LambdaOptions(reserved_concurrency=5, provisioned_concurrency=2))
    held = recorded.one("ProvisionedConcurrencyConfig").inputs
    assert (held["qualifier"], held["provisionedConcurrentExecutions"]) == ("live", 2)
    assert recorded.one("Function").inputs["reservedConcurrentExecutions"] == 5
    plain = function()
    assert plain.all("ProvisionedConcurrencyConfig") == []
    assert "reservedConcurrentExecutions" not in plain.one("Function").inputs


def test_snapshots_are_of_published_versions(function: Deploy) -> None:
    assert function(options=LambdaOptions(snap_start=True)).one("Function").inputs["snapStart"] == {
        "applyOn": "PublishedVersions"
    }
    assert "snapStart" not in function().one("Function").inputs


def test_function_joins_the_network_only_for_a_link_that_listens_there(function: Deploy) -> None:
    outside = function(in_network=True, links=[cache(security_group_id=None, port=None)])
    assert "vpcConfig" not in outside.one("Function").inputs
    assert outside.all("ec2/securityGroup:SecurityGroup") == []

    inside = function(in_network=True, links=[cache()])
    assert inside.one("Function").inputs["vpcConfig"] == {
        "subnetIds": ["dev-network-private-1", "dev-network-private-2"],
        "securityGroupIds": ["dev-netprobe-id"],
    }
    entry = inside.one("SecurityGroupIngressRule", "dev-netprobe-to-cache").inputs
    assert (entry["securityGroupId"], entry["referencedSecurityGroupId"]) == ("sg-cache", "dev-netprobe-id")
    assert (entry["fromPort"], entry["toPort"]) == (6379, 6379)
    assert "ec2:CreateNetworkInterface" in allowed(inside)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"options": LambdaOptions(snap_start=True, provisioned_concurrency=1)}, "exclude each other"),
        ({"options": LambdaOptions(snap_start=True), "artifact": IMAGE}, "needs a zip"),
        ({"options": LambdaOptions(snap_start=True, storage=1024)}, "512 MiB"),
        ({"options": LambdaOptions(reserved_concurrency=1, provisioned_concurrency=2)}, "do not fit into 1 reserved"),
        ({"options": LambdaOptions(snap_start=True), "links": [files("files")]}, "SnapStart and a file system"),
        ({"in_network": True, "links": [files("one"), files("two")]}, "one file system, and links bring one, two"),
        ({"links": [cache()]}, "cache can be reached inside the network only"),
        ({"environment": {"TOKEN": "x"}, "secrets": [SecretRef(name="TOKEN", arn=SECRET)]}, "TOKEN: set as a plain"),
        ({"secrets": [SecretRef(name="TOKEN", arn=SECRET)], "links": [KEYS]}, "TOKEN: brought by two secrets"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(function: Deploy, choices: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        function(**choices)
