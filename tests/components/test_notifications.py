"""Whom a stack tells: alarms by severity, tasks and deployments as it happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.notifications import Notifications, Slack
from components.task_events import TaskEvents

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/dev-1a2b3c4"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:pagerduty-AbCdEf"
Deploy = Callable[..., Any]


def watch(severity: Severity) -> Watch:
    return Watch(suffix=severity, says="bad.", namespace="N", metric="M", above=1, severity=severity)


def test_an_alarm_tells_the_topic_of_its_severity_that_it_began_and_ended(deploy: Deploy) -> None:
    def program() -> None:
        told = Notifications("dev-alarms")
        thing = Component("Thing", "dev-thing", pulumi.ResourceOptions(transformations=[told.attach]))
        for severity in Severity:
            alarm(thing, watch(severity), {})

    recorded = deploy(program)
    for severity in Severity:
        made = recorded.one("MetricAlarm", f"dev-thing-{severity}").inputs
        topic = f"arn:aws:sns:us-east-1:123456789012:dev-alarms-{severity}-1a2b3c4"
        assert (made["alarmActions"], made["okActions"]) == ([topic], [topic])


def test_an_alarm_that_scales_a_service_goes_on_doing_that(deploy: Deploy) -> None:
    def program() -> None:
        told = Notifications("dev-alarms")
        thing = Component("Thing", "dev-thing", pulumi.ResourceOptions(transformations=[told.attach]))
        aws.cloudwatch.MetricAlarm(
            "dev-thing-steps",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            alarm_actions=["arn:of:a:policy"],
            tags=thing.tags("steps"),
            opts=thing.opts(),
        )

    made = deploy(program).one("MetricAlarm").inputs
    assert (made["alarmActions"], "okActions" in made) == (["arn:of:a:policy"], False)


def test_only_services_of_this_account_and_by_tls(deploy: Deploy) -> None:
    for policy in deploy(lambda: Notifications("dev-alarms") and None).all("TopicPolicy"):
        deny, allow = json.loads(policy.inputs["policy"])["Statement"]
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert allow["Principal"] == {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}
        assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_letters_and_pages_are_for_what_is_critical_and_the_channel_hears_all(deploy: Deploy) -> None:
    slack = Slack(workspace="T0123456789", channel="C0123456789")
    recorded = deploy(
        lambda: Notifications("dev-alarms", email=["a@example.com"], pagerduty=SECRET, slack=slack) and None
    )
    told = {(each.inputs["protocol"], each.inputs["topic"]) for each in recorded.all("TopicSubscription")}
    critical = "arn:aws:sns:us-east-1:123456789012:dev-alarms-critical-1a2b3c4"
    assert told == {("email", critical), ("https", critical)}
    assert len(recorded.one("SlackChannelConfiguration").inputs["snsTopicArns"]) == len(Severity)
    assert recorded.all("RolePolicy") == [], "messages are only shown"


def test_a_failed_container_wakes_people_and_a_deployment_is_told(deploy: Deploy) -> None:
    topics = {severity: f"arn:aws:sns:us-east-1:123456789012:{severity}" for severity in Severity}
    recorded = deploy(lambda: TaskEvents("dev-tasks", cluster_arn=CLUSTER, topics=topics) and None)
    patterns = {rule.name: json.loads(rule.inputs["eventPattern"]) for rule in recorded.all("EventRule")}
    failed = patterns["dev-tasks-task-failed"]["detail"]
    assert failed["clusterArn"] == [CLUSTER]
    assert failed["containers"] == {"exitCode": [{"anything-but": [0]}]}
    begun = patterns["dev-tasks-deployment-started"]
    assert begun["resources"] == [{"prefix": "arn:aws:ecs:us-east-1:123456789012:service/dev-1a2b3c4/"}]
    assert {target.name: target.inputs["arn"].rpartition(":")[2] for target in recorded.all("EventTarget")} == {
        "dev-tasks-deployment-failed": "critical",
        "dev-tasks-deployment-started": "warning",
        "dev-tasks-task-failed": "critical",
    }
