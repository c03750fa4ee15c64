"""What feeds a function and what calls it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.control.errors import Refusal
from sandbox.control.wire import Value, Values

if TYPE_CHECKING:
    from sandbox.control.account import Account
    from tests.sandbox.conftest import Cloud, Made

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
INVOCATION = "aws:lambda/invocation:Invocation"


@pytest.fixture
def role(cloud: Cloud) -> Made:
    return cloud.create("aws:iam/role:Role", "role", assumeRolePolicy='{"Version": "2012-10-17"}')


class TestEventSourceMappings:
    @pytest.fixture
    def function(self, cloud: Cloud, role: Made) -> Made:
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:1"
        given: Values = {"role": role.outputs["arn"], "packageType": "Image", "imageUri": image, "publish": True}
        return cloud.create(FUNCTION, "worker", timeout=60, **given)

    def queue(self, cloud: Cloud, seconds: int) -> Made:
        return cloud.create("aws:sqs/queue:Queue", f"jobs-{seconds}", visibilityTimeoutSeconds=seconds)

    def make(self, cloud: Cloud, queue: Made, called: Value, **inputs: Value) -> Made:
        return cloud.create(MAPPING, "jobs", eventSourceArn=queue.outputs["arn"], functionName=called, **inputs)

    def test_a_mapping_is_known_by_its_uuid(self, cloud: Cloud, function: Made) -> None:
        made = self.make(cloud, self.queue(cloud, 60), function.outputs["arn"])
        assert made.outputs["uuid"] == made.id
        assert str(made.outputs["arn"]).endswith(f":event-source-mapping:{made.id}")
        assert (made.outputs["functionArn"], made.outputs["batchSize"]) == (function.outputs["arn"], 10)
        assert made.outputs["state"] == "Enabled"
        assert cloud.update(made, enabled=False).outputs["state"] == "Disabled"

    def test_a_queue_must_not_show_a_message_that_is_still_worked_on(self, cloud: Cloud, function: Made) -> None:
        words = "Queue visibility timeout: 59 seconds is less than Function timeout: 60 seconds"
        with pytest.raises(Refusal, match=f"InvalidParameterValueException: {words}"):
            self.make(cloud, self.queue(cloud, 59), function.outputs["name"])

    def test_a_mapping_knows_the_function_behind_an_alias(self, cloud: Cloud, function: Made) -> None:
        alias = cloud.create(ALIAS, "live", name="live", functionName=function.outputs["name"], functionVersion="1")
        with pytest.raises(Refusal, match="is less than Function timeout: 60 seconds"):
            self.make(cloud, self.queue(cloud, 59), alias.outputs["arn"])
        made = self.make(cloud, self.queue(cloud, 60), alias.outputs["arn"])
        assert made.outputs["functionArn"] == alias.outputs["arn"]

    def test_a_large_batch_is_waited_for(self, cloud: Cloud, function: Made) -> None:
        queue = self.queue(cloud, 60)
        with pytest.raises(Refusal, match="batch window in seconds must be greater than 0"):
            self.make(cloud, queue, function.outputs["arn"], batchSize=11)
        self.make(cloud, queue, function.outputs["arn"], batchSize=11, maximumBatchingWindowInSeconds=1)

    def test_a_queue_feeds_a_function_once(self, cloud: Cloud, function: Made) -> None:
        queue = self.queue(cloud, 60)
        self.make(cloud, queue, function.outputs["arn"])
        with pytest.raises(Refusal, match="ConflictException"):
            cloud.create(MAPPING, "again", eventSourceArn=queue.outputs["arn"], functionName=function.outputs["arn"])


class TestInvocations:
    def test_what_caused_a_call_replaces_it_and_so_calls_again(self, cloud: Cloud, role: Made) -> None:
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:1"
        function = cloud.create(FUNCTION, "migration", role=role.outputs["arn"], packageType="Image", imageUri=image)
        name = function.outputs["name"]
        made = cloud.create(INVOCATION, "once", functionName=name, input="{}", triggers={"artifact": "one"})
        assert str(made.id).startswith(f"{name}_$LATEST_")
        assert cloud.diff(made, triggers={"artifact": "two"}).replaces
        assert not cloud.diff(made, triggers={"artifact": "one"}).changes

    def test_a_call_takes_json_and_a_function_that_is_there(self, cloud: Cloud) -> None:
        _, problems = cloud.check(INVOCATION, "once", {"functionName": "none", "input": "{"})
        assert "input" in problems[0]
        with pytest.raises(Refusal, match="none"):
            cloud.create(INVOCATION, "once", functionName="none", input="{}")


class TestProvisionedConcurrency:
    KIND = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"

    @pytest.fixture
    def function(self, cloud: Cloud, role: Made) -> Made:
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:1"
        given: Values = {"role": role.outputs["arn"], "packageType": "Image", "imageUri": image, "publish": True}
        return cloud.create(FUNCTION, "probe", **given)

    def make(self, cloud: Cloud, name: str, function: Made, count: int) -> Made:
        called = function.outputs["name"]
        return cloud.create(self.KIND, name, functionName=called, qualifier="1", provisionedConcurrentExecutions=count)

    def test_a_stack_takes_over_what_was_set_by_hand(self, cloud: Cloud, account: Account, function: Made) -> None:
        self.make(cloud, "by-hand", function, 1)
        made = self.make(cloud, "probe", function, 2)
        [kept] = [one for one in account.list_resources() if one.type == self.KIND]
        assert (kept.urn, kept.outputs["provisionedConcurrentExecutions"]) == (made.urn, 2)

    def test_it_ends_with_its_function(self, cloud: Cloud, account: Account, function: Made) -> None:
        self.make(cloud, "by-hand", function, 1)
        cloud.delete(function)
        assert self.KIND not in account.summary()
