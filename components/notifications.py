"""Whom a stack tells when something is wrong: a topic for each severity, and those who listen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi_aws as aws

from components.alarms import SEVERITY_TAG, Severity
from components.base import Component
from components.dashboard import Watched
from components.iam import assume_role_policy
from components.topic import Topic

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


@dataclass(frozen=True, kw_only=True)
class Slack:
    """A channel of Slack: its id, and that of the workspace, which AWS must have been let into once, in the console."""

    workspace: str
    channel: str


class Notifications(Component):
    """The topics `{name}-critical` and `{name}-warning`, and who is told of what.

    | who         | critical                        | warning                 |
    |-------------|---------------------------------|-------------------------|
    | `email`     | each letter confirmed once      | no                      |
    | `pagerduty` | opens and closes incidents      | no                      |
    | `slack`     | Amazon Q Developer in chat apps | the same                |

    Alarms learn whom to tell by `attach`, whatever component made them. Without a key of one's own the topics are not
    encrypted: CloudWatch may not use the key that SNS has.

    Cost: nothing when idle; e-mails 2.00 USD per 100,000, HTTPS 0.60 per million (AWS price list: AmazonSNS).

    Example:
        >>> told = Notifications("dev-alarms", email=["team@example.com"])
        >>> opts = pulumi.ResourceOptions(transformations=[told.attach])

    """

    def __init__(
        self,
        name: str,
        *,
        email: Sequence[str] = (),
        pagerduty: pulumi.Input[str] | None = None,
        slack: Slack | None = None,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the topics.

        Args:
            name: Logical name; children are called after it.
            email: Addresses that hear of what is critical.
            pagerduty: ARN of the secret whose text is the integration URL of a PagerDuty service: whoever has that can
                open incidents.
            slack: Channel that hears of everything.
            key_arn: KMS key of the topics; its policy must let CloudWatch and EventBridge use it.
            opts: Options of the component.

        """
        super().__init__("Notifications", name, opts)
        self.watched: list[Watched] = []
        """What alarms are about, of those that were attached."""
        self.topics: Mapping[Severity, pulumi.Output[str]] = {
            severity: Topic(
                self.child_name(severity),
                email=email if severity is Severity.CRITICAL else (),
                publishers=_PUBLISHERS,
                key_arn=key_arn,
                opts=self.opts(),
            ).arn
            for severity in Severity
        }
        if pagerduty is not None:
            aws.sns.TopicSubscription(
                self.child_name("pagerduty"),
                topic=self.topics[Severity.CRITICAL],
                protocol="https",
                endpoint=self._text_of(pagerduty),
                endpoint_auto_confirms=True,
                opts=self.opts(),
            )
        if slack is not None:
            self._slack(slack)
        self.register_outputs({"topics": {severity.value: arn for severity, arn in self.topics.items()}})

    def attach(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Let an alarm tell the topic of its severity, when it goes off and when all is well again."""
        if args.type_ != _ALARM or not isinstance(args.resource, aws.cloudwatch.MetricAlarm):
            return None
        tags = cast("Mapping[str, str]", args.props["tags"])
        if SEVERITY_TAG not in tags:
            # It scales a service, and tells nobody.
            return None
        self.watched.append(_watched(args.resource, args.opts.parent, args.props))
        told = [self.topics[Severity(tags[SEVERITY_TAG])]]
        return pulumi.ResourceTransformationResult(
            props={**args.props, "alarm_actions": told, "ok_actions": told}, opts=args.opts
        )

    def _text_of(self, secret_arn: pulumi.Input[str]) -> pulumi.Output[str]:
        found = aws.secretsmanager.get_secret_version_output(
            secret_id=secret_arn, opts=pulumi.InvokeOptions(parent=self)
        )
        return pulumi.Output.secret(found.secret_string)

    def _slack(self, slack: Slack) -> None:
        role = aws.iam.Role(
            self.child_name("slack"),
            # It may do nothing: messages are only shown.
            assume_role_policy=assume_role_policy("chatbot.amazonaws.com"),
            description="Shows notifications in Slack.",
            tags=self.tags("slack"),
            opts=self.opts(),
        )
        aws.chatbot.SlackChannelConfiguration(
            self.child_name("slack"),
            configuration_name=self.name,
            iam_role_arn=role.arn,
            slack_team_id=slack.workspace,
            slack_channel_id=slack.channel,
            sns_topic_arns=[self.topics[severity] for severity in Severity],
            logging_level="ERROR",
            tags=self.tags("slack"),
            opts=self.opts(),
        )


def _watched(alarm: aws.cloudwatch.MetricAlarm, parent: pulumi.Resource | None, props: Mapping[str, Any]) -> Watched:
    # An alarm on two metrics that are compared has them in its queries.
    metrics: list[Any] = [query.metric for query in props.get("metric_queries") or [] if query.metric is not None]
    namespace, dimensions = (
        (metrics[0].namespace, metrics[0].dimensions) if metrics else (props["namespace"], props["dimensions"])
    )
    about = parent.name if isinstance(parent, Component) else ""
    return Watched(about=about, alarm=alarm, namespace=namespace, dimensions=dimensions)
