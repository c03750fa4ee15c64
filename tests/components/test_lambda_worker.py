"""A worker as a function: what feeds it, what it may do, and that AWS's own model takes its mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import botocore.session
import pulumi
import pytest
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from components.lambda_worker import LambdaWorker
from components.network import Network
from components.service import ZipArtifact
from components.worker import visibility_seconds
from tests.components.workers import (
    CACHE,
    SENDS,
    allowed,
    assert_takes_and_parks_and_no_more,
    assert_told,
    queue_arns,
    worker,
)

Deploy = Callable[..., Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
NAME = "dev-contracts-worker"
ALIAS = "arn:aws:lambda:us-east-1:123456789012:function:dev-contracts-worker-1a2b3c4:live"


def declared(*triggers: str, network: bool = False, **choices: Any) -> LambdaWorker:
    args = worker(*(triggers or ("jobs",)), **choices)
    return LambdaWorker(NAME, args, network=Network("dev-network", flow_logs=False) if network else None)


@pytest.fixture
def function(deploy: Deploy) -> Deploy:
    """Deploy a worker and return everything it registered."""
    return lambda *triggers, **choices: deploy(lambda: declared(*triggers, **choices) and None)


@cache
def operation(name: str) -> OperationModel:
    return botocore.session.get_session().get_service_model("lambda").operation_model(name)


def test_each_queue_feeds_the_live_version(function: Deploy) -> None:
    recorded = function("uploaded", "jobs", batch=7, concurrency=3)
    found = {one.name: one.inputs for one in recorded.all("EventSourceMapping")}
    assert set(found) == {f"{NAME}-jobs", f"{NAME}-uploaded"}
    assert found[f"{NAME}-jobs"] == {
        "eventSourceArn": f"{SENDS}:dev-contracts-jobs-1a2b3c4",
        "functionName": ALIAS,
        "batchSize": 7,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "scalingConfig": {"maximumConcurrency": 3},
        "tags": {"Name": f"{NAME}-jobs"},
    }


def test_aws_takes_the_mapping(function: Deploy) -> None:
    inputs = function().one("EventSourceMapping").inputs
    request = {
        "EventSourceArn": inputs["eventSourceArn"],
        "FunctionName": inputs["functionName"],
        "BatchSize": int(inputs["batchSize"]),
        "FunctionResponseTypes": inputs["functionResponseTypes"],
        "ScalingConfig": {"MaximumConcurrency": int(inputs["scalingConfig"]["maximumConcurrency"])},
    }
    shape = operation("CreateEventSourceMapping").input_shape
    assert ParamValidator().validate(request, shape).generate_report() == ""


def test_function_has_time_to_report_what_it_could_not_do(function: Deploy) -> None:
    recorded = function(timeout=200)
    made = recorded.one("Function").inputs
    assert made["timeout"] == 210
    assert made["environment"]["variables"]["WORKER_TIMEOUT"] == "200"
    queue = recorded.one("sqs/queue:Queue", "dev-contracts-jobs").inputs
    assert queue["visibilityTimeoutSeconds"] == visibility_seconds(200) == 6 * 210


def test_zip_and_image_are_entered_where_messages_are(function: Deploy) -> None:
    package = ZipArtifact(path=__file__, sha256="c2hhMjU2")
    made = function(artifact=package).one("Function").inputs
    assert (made["handler"], made["sourceCodeHash"]) == ("app.worker.lambda_handler", "c2hhMjU2")
    assert isinstance(made["code"], pulumi.FileArchive)
    assert package.handler == "app.handler.lambda_handler"
    assert function().one("Function").inputs["imageConfig"] == {"commands": ["app.worker.lambda_handler"]}


def test_role_may_take_messages_and_park_them_and_no_more(function: Deploy) -> None:
    actions = allowed(function("jobs", "uploaded"), NAME)
    assert_takes_and_parks_and_no_more(actions, "jobs", "uploaded")
    assert {name.split(":")[0] for name in actions} == {"sqs", "dynamodb", "logs", "xray"}


def test_customer_key_may_be_used_for_queues_and_table(function: Deploy) -> None:
    actions = allowed(function(key_arn=KEY), NAME)
    assert {name for name, on in actions.items() if on == {KEY}} >= {"kms:Decrypt", "kms:GenerateDataKey"}


def test_worker_is_told_its_queues(function: Deploy) -> None:
    variables = function("uploaded", "jobs").one("Function").inputs["environment"]["variables"]
    assert_told(variables, "jobs", "uploaded")
    assert not {"HEALTH_PATH", "PORT", "HEARTBEAT_PATH"} & variables.keys()


def test_what_is_given_up_is_parked_with_the_rest(function: Deploy) -> None:
    recorded = function()
    (target,) = queue_arns(["jobs"], "-dead-letter")
    assert recorded.one("Function").inputs["deadLetterConfig"] == {"targetArn": target}
    # The queue's own, and none beside it.
    assert {one.name for one in recorded.all("sqs/queue:Queue")} == {
        "dev-contracts-jobs",
        "dev-contracts-jobs-dead-letter",
    }


def test_function_waits_until_it_is_allowed_to_take_messages(function: Deploy) -> None:
    # AWS refuses a mapping whose function may not receive.
    assert f"aws:iam/rolePolicy:RolePolicy::{NAME}" in function().one("Function").depends_on


def test_function_joins_the_network_where_a_link_listens(function: Deploy) -> None:
    recorded = function(links=[CACHE], network=True)
    assert recorded.one("Function").inputs["vpcConfig"]["securityGroupIds"] == [f"{NAME}-id"]
    (way,) = recorded.all("SecurityGroupIngressRule")
    assert (way.inputs["securityGroupId"], way.inputs["fromPort"]) == ("sg-cache", 6379)
    assert "vpcConfig" not in function().one("Function").inputs


def test_surface_is_that_of_a_compute_without_a_target(deploy: Deploy) -> None:
    def program() -> dict[str, Any]:
        made = declared()
        return {"role": made.role.name, "log": made.log_group_name, "alarms": [one.name for one in made.alarms]}

    found = deploy(program).value
    assert (found["role"], found["log"]) == (f"{NAME}-1a2b3c4", f"/aws/lambda/{NAME}")
    assert [name.removesuffix("-1a2b3c4") for name in found["alarms"]] == [f"{NAME}-errors", f"{NAME}-throttles"]


def test_worker_without_queues_or_memory_is_refused(deploy: Deploy) -> None:
    def program(**changes: Any) -> None:
        LambdaWorker(NAME, replace(worker("jobs"), **changes))

    with pytest.raises(ValueError, match="without queues has nothing to do"):
        deploy(lambda: program(queues={}))
    with pytest.raises(ValueError, match="brings no IDEMPOTENCY_TABLE"):
        deploy(lambda: program(idempotency=CACHE))
