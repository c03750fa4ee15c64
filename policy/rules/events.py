"""EventBridge: pipes and schedules, whose messages must not be lost on the way."""

from __future__ import annotations

from policy.checks import every, is_set, must, when
from policy.model import Check, Level, Rule, Severity

PIPE = "aws:pipes/pipe:Pipe"
SCHEDULE = "aws:scheduler/schedule:Schedule"


def _kept(stream: str) -> Check:
    place = f"sourceParameters.{stream}"
    return when(place, is_set, must(f"{place}.deadLetterConfig.arn", is_set, "loses records that failed"))


RULES = (
    Rule(
        id="MS-EVT-001",
        title="Records of a stream that a pipe failed to hand on are kept",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(PIPE,),
        remedy="Set `deadLetterConfig.arn` of the stream in `sourceParameters`.",
        check=every(_kept("dynamodbStreamParameters"), _kept("kinesisStreamParameters")),
    ),
    Rule(
        id="MS-EVT-002",
        title="What a schedule failed to send is kept",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        types=(SCHEDULE,),
        remedy="Set `target.deadLetterConfig.arn`.",
        check=must("target.deadLetterConfig.arn", is_set, "forgets what it failed to send"),
    ),
)
