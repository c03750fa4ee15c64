"""What the facts allow, AWS allows: judged by the service models that botocore brings along."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypedDict, cast

import botocore.session
import pytest
import yaml
from botocore.model import ServiceModel

from sandbox.control.facts import Catalog
from sandbox.control.rules import compile_rule
from sandbox.control.wire import Value

CATALOG = Catalog()

SHAPES: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
    Path(__file__).with_name("botocore_shapes.yaml").read_text("utf-8")
)
# Values that the provider takes and the service does not know.
PROVIDER_ONLY: dict[str, set[str]] = {
    # Removed by the provider before the call: "" means unset, Disabled that versioning was never on.
    "loggingConfig.applicationLogLevel": {""},
    "loggingConfig.systemLogLevel": {""},
    "versioningConfiguration.status": {"Disabled"},
    "streamViewType": {""},
    # Canned ACLs of S3's older documentation, which the model leaves out.
    "acl": {"aws-exec-read", "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write"},
}
# Texts of a form that is short by itself.
PATTERN_LIMITS = {"functionVersion", "sourceAccount", "action", "fileSystemConfig.localMountPath"}
CASES = [
    (token, path, service, shape)
    for service, types in SHAPES.items()
    for token, properties in types.items()
    for path, shape in properties.items()
]


class Limits(TypedDict, total=False):
    """What a service's model says of a value, its length or its number of elements."""

    enum: list[str]
    pattern: str
    min: float
    max: float


@cache
def model(service: str) -> ServiceModel:
    return botocore.session.Session().get_service_model(service)


def limits_of(service: str, shape: str) -> Limits:
    return cast("Limits", model(service).shape_for(shape).metadata)


def rules(token: str, path: str) -> list[str | list[Value]]:
    """Return the rules on a property, those at preview and those at apply."""
    kind = CATALOG.get(token)
    assert kind is not None, token
    return [kind.facts[section][path] for section in ("check", "apply_check") if path in kind.facts.get(section, {})]


def parts(token: str, path: str) -> list[str]:
    return [part for rule in rules(token, path) if isinstance(rule, str) for part in rule.split("; ")]


def bounds(token: str, path: str) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest values, lengths or numbers of elements that the rules name."""
    found = [re.fullmatch(r"(?:len |items )?(-?[\d.]*?\d)?\.\.(-?\d[\d.]*)?", part) for part in parts(token, path)]
    low, high = ([float(match[side]) for match in found if match and match[side]] for side in (1, 2))
    return low, high


@pytest.mark.parametrize(("token", "path", "service", "shape"), CASES, ids=str)
def test_a_rule_allows_no_more_than_the_service(token: str, path: str, service: str, shape: str) -> None:
    limits = limits_of(service, shape)
    assert rules(token, path), "nothing is checked, so there is nothing to compare"
    listed = {str(item) for rule in rules(token, path) if isinstance(rule, list) for item in rule}
    if "enum" in limits:
        assert listed, "AWS has an enumeration, the facts have none"
        assert listed - PROVIDER_ONLY.get(path, set()) <= set(limits["enum"])
    elif listed:
        assert all(re.fullmatch(limits.get("pattern", ""), item) for item in listed)
    low, high = bounds(token, path)
    if "min" in limits and low:
        assert max(low) >= limits["min"]
    if "max" in limits and not listed:
        assert high or path in PATTERN_LIMITS, f"AWS has a limit of {limits['max']}, the facts have none"
        assert min(high, default=0) <= limits["max"]


# A name that everybody would take, for each shape whose pattern the facts restate.
EXAMPLES = {
    "Action": "lambda:InvokeFunction",
    "Alias": "live",
    "AliasNameType": "alias/main",
    "EventSourceToken": "amzn1.token",
    "FixedResponseActionStatusCode": "404",
    "Handler": "handler.lambda_handler",
    "IndexName": "by-day",
    "ImageTagMutabilityExclusionFilterValue": "v1.*",
    "LocalMountPath": "/mnt/data",
    "LogGroupName": "/aws/ecs/api",
    "Name": "hourly-1a2b3c4",
    "PipeName": "written-1a2b3c4",
    "Qualifier": "live",
    "RegistryId": "123456789012",
    "RepositoryName": "team/web_api",
    "SourceOwner": "123456789012",
    "ScheduleGroupName": "default",
    "StatementId": "allow-api",
    "TableName": "results-1a2b3c4",
    "Version": "$LATEST",
    "policyNameType": "api-1a2b3c4",
    "roleNameType": "api-1a2b3c4",
}
PATTERNS = [case for case in CASES if case[3] in EXAMPLES]


def variants(example: str) -> Iterator[str]:
    """Yield a text with every character of the keyboard at its start, in its middle and at its end."""
    middle = len(example) // 2
    for character in [*map(chr, range(32, 127)), "é", ""]:
        yield character
        yield character + example
        yield example[:middle] + character + example[middle:]
        yield example + character
        yield example + character * 2 + "0"


@pytest.mark.parametrize(("token", "path", "service", "shape"), PATTERNS, ids=str)
def test_a_text_that_the_rules_accept_matches_the_services_pattern(
    token: str, path: str, service: str, shape: str
) -> None:
    pattern = limits_of(service, shape).get("pattern", "")
    compiled = [compile_rule(rule) for rule in rules(token, path)]
    accepted = [text for text in variants(EXAMPLES[shape]) if not any(rule(path, text, text) for rule in compiled)]
    assert EXAMPLES[shape] in accepted
    assert [text for text in accepted if not re.fullmatch(pattern, text)] == []
