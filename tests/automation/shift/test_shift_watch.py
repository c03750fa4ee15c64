"""Watching with a clock that nobody has to wait for: what is measured where, and when a step is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from automation.errors import UserError
from automation.shift.judge import Health, Interval, Judgement, Limits, Sample, Verdict
from automation.shift.live import Group
from automation.shift.measure import Meter
from automation.shift.watch import Moment, Pair, wait_until_ready, watch
from sandbox.control import faults, signals
from sandbox.control.account import Account, Entry
from sandbox.control.endpoint import endpoint
from sandbox.control.wire import Values
from stacks.settings import Compute

START = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
TOKEN = "aws:lb/targetGroup:TargetGroup"
GOOD, BAD, COMING = (
    Health(healthy=1),
    Health(unhealthy=1, reason="Target.Timeout"),
    Health(waiting=1, reason="Elb.Soon"),
)
BUSY = Sample(requests=100, errors=0, p95=0.1)
FAILING = Sample(requests=100, errors=50, p95=0.1)


class FakeClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += timedelta(seconds=seconds)


@dataclass
class Script:
    """Health by look, and the same sample of the new compute in every full minute since the start."""

    health_of: Callable[[int], Health]
    new: Sample = BUSY
    looks: int = 0
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def health(self, group: Group) -> Health:
        self.looks += 1
        return self.health_of(self.looks - 1)

    def intervals(self, old: Group | None, new: Group, start: datetime, end: datetime) -> list[Interval]:
        self.asked.append((start, end))
        return [Interval(old=BUSY, new=self.new)] * int((end - start).total_seconds() // 60)


def group(name: str, *, is_function: bool = False) -> Group:
    arn = f"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/0123456789abcdef"
    return Group(arn=arn, name=f"targetgroup/{name}/0123456789abcdef", balancer="app/x/1", is_function=is_function)


PAIR = Pair(
    service="web",
    origin=Compute.LAMBDA,
    target=Compute.FARGATE,
    old=group("old", is_function=True),
    new=group("new"),
)


def watched(eyes: Script, seconds: float, pairs: tuple[Pair, ...] = (PAIR,)) -> tuple[Judgement, float]:
    clock, moments = FakeClock(), list[Moment]()
    judgement = watch(eyes, pairs, seconds, limits=Limits(), clock=clock, show=moments.append)
    assert moments[-1].judgement == judgement
    return judgement, (clock.now() - START).total_seconds()


def test_a_good_step_lasts_to_its_end() -> None:
    judgement, length = watched(Script(lambda _: GOOD), 300)
    assert (judgement.verdict, length) == (Verdict.SUCCESS, 300)
    assert judgement.reason == "500 requests, not worse than before"


def test_a_failure_ends_it_at_once() -> None:
    judgement, length = watched(Script(lambda _: GOOD, FAILING), 600)
    assert judgement.verdict is Verdict.FAILURE
    assert 120 <= length <= 140


def test_bad_targets_end_it_within_seconds() -> None:
    judgement, length = watched(Script(lambda look: GOOD if look < 4 else BAD), 600)
    assert (judgement.verdict, length) == (Verdict.FAILURE, 30)


def test_a_target_that_is_bad_in_the_last_look_is_looked_at_again() -> None:
    judgement, length = watched(Script(lambda look: BAD if look == 24 else GOOD), 120)
    assert (judgement.verdict, length) == (Verdict.SUCCESS, 125)


def test_too_little_traffic_is_unsure_at_the_end() -> None:
    judgement, length = watched(Script(lambda _: GOOD, Sample(requests=3)), 300)
    assert (judgement.verdict, length) == (Verdict.INCONCLUSIVE, 300)


@pytest.mark.parametrize(
    ("health", "verdict", "length"), [(GOOD, Verdict.SUCCESS, 0), (BAD, Verdict.FAILURE, 10)], ids=["good", "bad"]
)
def test_without_time_health_alone_decides_and_nothing_is_measured(
    health: Health, verdict: Verdict, length: float
) -> None:
    eyes = Script(lambda _: health, FAILING)
    judgement, took = watched(eyes, 0)
    assert (judgement.verdict, took) == (verdict, length)
    assert eyes.asked == []


def test_of_several_services_the_worst_counts_and_is_named() -> None:
    other = Pair(service="api", origin=PAIR.origin, target=PAIR.target, old=PAIR.old, new=group("api"))
    eyes = Script(lambda look: BAD if look % 2 else GOOD)
    judgement, _ = watched(eyes, 600, (PAIR, other))
    assert judgement.verdict is Verdict.FAILURE
    assert judgement.reason.startswith("api: 1 target is unhealthy")


def test_the_old_compute_is_known_from_the_hour_before() -> None:
    eyes = Script(lambda _: GOOD)
    watched(eyes, 60)
    assert eyes.asked[0] == (START - timedelta(hours=1), START)


def test_waiting_ends_when_all_are_ready_or_with_a_sentence() -> None:
    clock = FakeClock()
    wait_until_ready(Script(lambda look: COMING if look < 5 else GOOD), [PAIR], 60, clock)
    assert (clock.now() - START).total_seconds() == 25
    with pytest.raises(UserError) as refused:
        wait_until_ready(Script(lambda _: COMING), [PAIR], 60, FakeClock())
    assert "web on fargate did not become healthy within 60 s" in refused.value.message
    assert "Elb.Soon" in refused.value.message
    assert "lambda answers all requests as before" in refused.value.hint


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path)
    with account.transaction() as transaction:
        for one, kind in ((PAIR.old, "lambda"), (PAIR.new, "ip")):
            assert one is not None
            inputs: Values = {"targetType": kind}
            outputs: Values = {**inputs, "arn": one.arn, "arnSuffix": one.name}
            transaction.add(Entry(TOKEN, "us-east-1", one.arn, one.arn, f"urn::{one.name}", inputs, outputs, []))
    yield account
    account.close()


@pytest.fixture
def meter(account: Account) -> Iterator[Meter]:
    server = endpoint(account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    url = f"http://127.0.0.1:{server.server_port}"
    yield Meter(session.client("elbv2", endpoint_url=url), session.client("cloudwatch", endpoint_url=url))
    server.shutdown()
    server.server_close()


def test_the_meter_counts_targets_by_what_they_can_do(meter: Meter, account: Account) -> None:
    assert PAIR.old is not None
    assert meter.health(PAIR.old).ready, "functions are not checked, and are there when asked"
    assert meter.health(PAIR.new) == Health(healthy=1)
    for state, health in (
        ("unhealthy", Health(unhealthy=1, reason="Target.FailedHealthChecks")),
        ("initial", Health(waiting=1, reason="Elb.InitialHealthChecking")),
        ("unused", Health(waiting=1, reason="Target.NotRegistered")),
        ("draining", Health()),
    ):
        faults.clear(account)
        signals.say_health(account, "new", state)
        assert meter.health(PAIR.new) == health


def test_the_meter_reads_full_minutes_of_both_computes(meter: Meter, account: Account) -> None:
    signals.say_traffic(account, "lambda", signals.Traffic(540, 0, 0.08))
    signals.say_traffic(account, "new", signals.Traffic(60, 6, 0.2))
    found = meter.intervals(PAIR.old, PAIR.new, START, START + timedelta(minutes=3))
    expected = Interval(
        old=Sample(requests=540, errors=0, p95=0.08),
        new=Sample(requests=60, errors=6, p95=0.2),
    )
    assert found == [expected, expected], "the first and the last half of a minute are left out"
    assert meter.intervals(None, PAIR.new, START, START + timedelta(seconds=50)) == []


def test_what_aws_refuses_is_a_sentence(meter: Meter) -> None:
    with pytest.raises(UserError) as refused:
        meter.health(group("nobody"))
    assert refused.value.message == "AWS does not say how the computes are doing."
    assert "TargetGroupNotFound" in refused.value.hint
    assert "cloudwatch:GetMetricData" in refused.value.hint
