"""Secrets that people fill, topics and who hears them, and the names that links use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

import botocore.session
import pytest

from components import linking, naming
from components.bucket import Bucket
from components.queue import Queue
from components.schedule import Schedule
from components.secret import Secret
from components.service import Link
from components.table import Table
from components.table_stream import TableStream
from components.topic import Topic

Deploy = Callable[[Callable[[], Any]], Any]
Linked = Callable[[Callable[[], Link]], dict[str, Any]]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dev-contracts-keys-1a2b3c4-a1b2c3"
TOPIC = "arn:aws:sns:us-east-1:123456789012:dev-contracts-notices-1a2b3c4"


def secret(**choices: Any) -> Secret:
    return Secret("dev-contracts-keys", **choices)


def topic(**choices: Any) -> Topic:
    return Topic("dev-contracts-notices", **choices)


def test_a_secret_is_made_without_a_value(deploy: Deploy) -> None:
    recorded = deploy(lambda: secret(key_arn=KEY, recovery_days=7))
    made = recorded.one("secretsmanager/secret:Secret").inputs
    assert (made["kmsKeyId"], made["recoveryWindowInDays"]) == (KEY, 7)
    assert recorded.all("SecretVersion") == []


def test_each_key_of_a_secret_is_a_variable_that_refers_to_it(linked: Linked) -> None:
    link = linked(lambda: secret().link("keys", keys=["OPENAI_API_KEY", "GEMINI_API_KEY"]))
    assert link["secrets"] == {name: f"{SECRET}:{name}::" for name in ("OPENAI_API_KEY", "GEMINI_API_KEY")}
    assert link["statements"] == [], "who reads them depends on the compute"


def test_a_secret_is_protected_and_kept_unless_it_is_for_a_try(deploy: Deploy) -> None:
    found = [deploy(lambda on=on: secret(guarded=on)).one("secretsmanager/secret:Secret") for on in (True, False)]
    assert [(one.protect, one.retain) for one in found] == [(True, True), (False, False)]


def test_an_existing_secret_is_taken_over_by_its_arn(deploy: Deploy) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:team/llm-keys-AbCdEf"
    taken = deploy(lambda: secret(import_id=arn)).one("secretsmanager/secret:Secret")
    assert (taken.import_id, taken.inputs["name"]) == (arn, "team/llm-keys")


def test_a_topic_is_encrypted_and_takes_tls_only(deploy: Deploy) -> None:
    assert deploy(topic).one("sns/topic:Topic").inputs["kmsMasterKeyId"] == "alias/aws/sns"
    recorded = deploy(lambda: topic(key_arn=KEY))
    assert recorded.one("sns/topic:Topic").inputs["kmsMasterKeyId"] == KEY
    (statement,) = json.loads(recorded.one("TopicPolicy").inputs["policy"])["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", TOPIC)
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_who_leaves_a_topic_takes_no_others_place(deploy: Deploy) -> None:
    def subscriptions(*email: str, **others: Any) -> dict[str, tuple[str, str]]:
        found = deploy(lambda: topic(email=email, **others)).all("TopicSubscription")
        return {one.name: (one.inputs["protocol"], one.inputs["endpoint"]) for one in found}

    both = subscriptions("a@example.com", "b@example.com", https=["https://example.com/hook"])
    assert sorted(both.values()) == [
        ("email", "a@example.com"),
        ("email", "b@example.com"),
        ("https", "https://example.com/hook"),
    ]
    assert subscriptions("b@example.com").items() <= both.items()


def test_who_publishes_knows_the_topic_and_may_publish(linked: Linked) -> None:
    link = linked(lambda: topic().link("notices"))
    assert link["environment"] == {"NOTICES_TOPIC": TOPIC}
    assert link["statements"] == [{"actions": ["sns:Publish"], "resources": [TOPIC], "conditions": {}}]
    _, key = linked(lambda: topic(key_arn=KEY).link("notices"))["statements"]
    assert key["actions"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["conditions"] == {"StringEquals": {"kms:ViaService": "sns.us-east-1.amazonaws.com"}}


@pytest.mark.parametrize(("link", "name"), [("results", "RESULTS_TABLE"), ("by-day", "BY_DAY_TABLE")])
def test_variables_are_called_after_their_link(link: str, name: str) -> None:
    assert linking.variable(link, "TABLE") == name


# Actions of IAM that no call is named after (service authorization reference).
ONLY_IN_IAM = {
    "ConditionCheckItem",
    "DeleteObjectVersion",
    "GetObjectVersion",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "ListMultipartUploadParts",
}
SERVICES = {"table": "dynamodb", "bucket": "s3", "queue": "sqs", "topic": "sns"}


def calls(service: str) -> set[str]:
    """Return the calls that a service has, as botocore's model of it says."""
    model = botocore.session.Session().get_service_model(service)
    return set(cast("list[str]", model.operation_names))


@pytest.mark.parametrize(("kind", "service"), SERVICES.items())
def test_actions_are_calls_of_their_service_or_known_to_iam_alone(kind: str, service: str) -> None:
    assert linking.LINK_ACTIONS[kind] - ONLY_IN_IAM <= calls(service)


def test_a_call_that_is_no_action_is_answered_with_actions_of_iam() -> None:
    known = {action for actions in linking.LINK_ACTIONS.values() for action in actions}
    every = {call for service in SERVICES.values() for call in calls(service)}
    answers = {call: says for call in every if " write " in (says := linking.action_problem("bucket", call) or "")}
    assert {"HeadObject", "ListObjectsV2", "TransactWriteItems", "SendMessageBatch"} <= answers.keys()
    for answer in answers.values():
        assert set(re.split(", | and | or ", answer.partition(" write ")[2])) <= known, answer


def longest(kind: str) -> str:
    return "dev-" + "x" * (naming.link_name_budget(kind) - 4)


def everything(deploy: Deploy) -> Any:
    """Deploy all that may be called after a link or a trigger, each with the longest name that settings allow."""

    def program() -> None:
        table = Table(longest("table"), key=["id"], attributes={"id": "S"}, stream=True)
        Bucket(longest("bucket"), access_log_days=1)
        Secret(longest("secret"))
        Topic(longest("topic"))
        queue = Queue(longest("queue"))
        Schedule(longest("queue"), queue=queue, expression="rate(1 hour)")
        TableStream(longest("queue"), table=table, queue=queue)

    return deploy(program)


def test_the_longest_name_that_settings_allow_fits_every_child(deploy: Deploy) -> None:
    assert [(r.type, r.name) for r in everything(deploy) if r.custom and not naming.fits(r.type, r.name)] == []
