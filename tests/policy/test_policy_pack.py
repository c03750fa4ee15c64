"""The pack's own server, driven as the engine drives it, says what the rules say in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as wire
from pulumi.runtime.proto import analyzer_pb2_grpc

from policy.catalogue import RULES
from policy.judge import Report, Terms, judge
from policy.model import Resource
from policy.suppressions import load
from policy.values import UNKNOWN
from tests.policy import stacks

pytestmark = pytest.mark.e2e

PACK = Path(__file__).resolve().parents[2] / "policy"
SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
LEVELS = {True: wire.MANDATORY, False: wire.ADVISORY}


@dataclass
class Said:
    """What the analyzer answered about a whole stack."""

    broken: set[tuple[str, str, str, int]] = field(default_factory=set)
    aside: set[tuple[str, str]] = field(default_factory=set)

    def add(self, answer: wire.AnalyzeResponse) -> None:
        self.broken |= {(one.policyName, one.urn, one.message, one.enforcementLevel) for one in answer.diagnostics}
        self.aside |= {
            (one.policy_name, reason)
            for one in answer.not_applicable
            for reason in one.reason.split("; ")
            if reason != "not about this kind of resource"
        }


@contextmanager
def served(stack: str, **config: str) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """Start the pack as the official launcher does, and connect to it."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:0", "."],
        cwd=PACK,
        env={
            **os.environ,
            "PULUMI_PROJECT": "modeshift",
            "PULUMI_STACK": stack,
            "PULUMI_DRY_RUN": "true",
            "PULUMI_CONFIG": json.dumps({f"modeshift:{key}": value for key, value in config.items()}),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), "the pack did not start"
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def prod() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    with served("prod") as analyzer:
        yield analyzer


def sent(value: Any) -> Any:
    """Return a value in the engine's spelling."""
    if isinstance(value, dict):
        return {key: sent(item) for key, item in value.items()}
    if isinstance(value, list):
        return [sent(item) for item in value]
    return SENTINEL if value is UNKNOWN else value


def properties(resource: Resource) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(sent(resource.properties))
    return struct


def analyzed(analyzer: analyzer_pb2_grpc.AnalyzerStub, resources: Sequence[Resource]) -> Said:
    """Hand over a stack: each resource when it is registered, and all of them at the end."""
    said = Said()
    for one in resources:
        options = wire.AnalyzerResourceOptions(protect=one.protect)
        said.add(
            analyzer.Analyze(
                wire.AnalyzeRequest(
                    type=one.type, urn=one.urn, name=one.name, properties=properties(one), options=options
                )
            )
        )
    everything = [
        wire.AnalyzerResource(
            type=one.type,
            urn=one.urn,
            name=one.name,
            properties=properties(one),
            options=wire.AnalyzerResourceOptions(protect=one.protect),
            propertyDependencies={
                name: wire.AnalyzerPropertyDependencies(urns=sorted(urns))
                for name, urns in (one.dependencies or {}).items()
            },
        )
        for one in resources
    ]
    said.add(analyzer.AnalyzeStack(wire.AnalyzeStackRequest(resources=everything)))
    return said


def expected(report: Report) -> Said:
    """Return what the report of this process means in the analyzer's words."""
    return Said(
        broken={
            (one.rule.id, one.resource.urn, f"{one.rule.title}\n{one.sentence}", LEVELS[one.stops])
            for one in report.findings
            if not one.excepted
        },
        aside={
            (one.rule.id, f"{one.resource.name}: {one.path or 'what belongs to it'} is not known yet")
            for one in report.pending
        },
    )


def in_process(resources: Sequence[Resource], environment: str = "prod") -> Report:
    terms = Terms(environment=environment, today=date(2026, 1, 1), suppressions=load(rules=RULES))
    return judge(resources, stacks.stack(list(resources)), terms)


def with_sources(resources: Sequence[Resource]) -> list[Resource]:
    """Return resources of which the engine says where values come from; here: from nowhere."""
    return [
        Resource(urn=one.urn, type=one.type, properties=one.properties, protect=one.protect, dependencies={})
        for one in resources
    ]


STACKS = {
    "compliant": with_sources(stacks.deployed(stacks.compliant())),
    "first-preview": stacks.previewed(stacks.compliant()),
    "worst": with_sources(stacks.deployed(stacks.worst())),
    "worst-first-preview": stacks.previewed(stacks.worst()),
}


@pytest.mark.parametrize("name", STACKS)
def test_the_server_says_what_this_process_says(prod: analyzer_pb2_grpc.AnalyzerStub, name: str) -> None:
    report = in_process(STACKS[name])

    said = analyzed(prod, STACKS[name])

    assert said == expected(report)
    assert bool(report.findings) == name.startswith("worst")


def test_the_worst_stack_breaks_most_rules() -> None:
    assert len({one.rule.id for one in in_process(STACKS["worst"]).findings}) > len(RULES) * 0.7


def test_the_pack_describes_its_rules(prod: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = prod.GetAnalyzerInfo(empty_pb2.Empty())

    assert info.name == "modeshift"
    described = {one.name: one for one in info.policies}
    assert list(described) == [rule.id for rule in RULES]
    for rule in RULES:
        one = described[rule.id]
        assert (one.description, one.remediation_steps) == (rule.title, rule.remedy)
        assert wire.PolicySeverity.Name(one.severity) == f"POLICY_SEVERITY_{rule.severity.upper()}"
        assert one.enforcementLevel == LEVELS[rule.level.stops("prod")]
        assert one.framework.reference == ", ".join(rule.frameworks)


@pytest.mark.parametrize(
    ("stack", "config", "level"),
    [
        ("dev", {}, wire.ADVISORY),
        ("shop-eu", {"environment": "prod"}, wire.MANDATORY),
        ("prod", {"environment": "staging"}, wire.ADVISORY),
    ],
)
def test_settings_say_where_a_stack_belongs_else_its_name(stack: str, config: dict[str, str], level: int) -> None:
    with served(stack, **config) as analyzer:
        info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())

    assert {one.name: one.enforcementLevel for one in info.policies}["MS-LOG-003"] == level


def test_a_rule_can_be_configured_away(prod: analyzer_pb2_grpc.AnalyzerStub) -> None:
    resources = with_sources(stacks.deployed(stacks.broken({"key": {"enableKeyRotation": False}})))
    off = wire.ConfigureAnalyzerRequest(policyConfig={"MS-KMS-001": wire.PolicyConfig(enforcementLevel=wire.DISABLED)})

    prod.Configure(off)
    try:
        assert analyzed(prod, resources).broken == set()
    finally:
        prod.Configure(wire.ConfigureAnalyzerRequest())
    assert {one[0] for one in analyzed(prod, resources).broken} == {"MS-KMS-001"}
