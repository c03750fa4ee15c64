"""What is not known before a deployment is neither held against a stack nor counted as good."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.catalogue import RULES
from policy.judge import Report, Terms, judge
from policy.model import Resource, Rule
from policy.values import UNKNOWN, find, from_wire, holds_unknown
from tests.policy import stacks

COMPLIANT = stacks.deployed(stacks.compliant())
PLACES = [(resource.name, name) for resource in COMPLIANT for name in resource.properties]
BREAKS = stacks.breaks()
EDITS = [
    (rule, change)
    for rule, change in BREAKS
    if all(isinstance(edit, dict) and name in stacks.compliant() for name, edit in change.items())
]
SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
MARK = "4dabf18193072939515e22adb298388d"


def report(resources: list[Resource], rules: Sequence[Rule] = RULES) -> Report:
    return judge(resources, stacks.stack(resources), Terms(environment="prod", today=date(2026, 1, 1)), rules)


def hidden(resources: list[Resource], places: set[tuple[str, str]]) -> list[Resource]:
    """Return resources with some properties not known yet."""
    return [
        Resource(
            urn=resource.urn,
            type=resource.type,
            protect=resource.protect,
            properties={
                name: UNKNOWN if (resource.name, name) in places else value
                for name, value in resource.properties.items()
            },
        )
        for resource in resources
    ]


@settings(deadline=None, max_examples=100)
@given(st.sets(st.sampled_from(PLACES), max_size=40))
def test_what_is_not_known_is_never_a_violation(places: set[tuple[str, str]]) -> None:
    result = report(hidden(COMPLIANT, places))

    assert [finding.sentence for finding in result.findings] == []


@pytest.mark.parametrize(("rule", "change"), EDITS, ids=[f"{rule}-{'-'.join(change)}" for rule, change in EDITS])
def test_a_rule_is_not_called_kept_while_its_property_is_unknown(rule: str, change: Mapping[str, Any]) -> None:
    roots = {(name, re.split(r"[.\[]", path)[0]) for name, edit in change.items() for path in edit}
    broken = stacks.deployed(stacks.broken(change))
    present = {resource.name: resource.properties for resource in broken}
    for name, root in roots:
        present[name].setdefault(root, UNKNOWN)

    result = report(hidden(broken, roots))

    assert result.findings == []
    assert rule in {one.rule.id for one in result.pending}


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(BREAKS), st.data())
def test_no_unknown_property_anywhere_makes_a_broken_rule_look_kept(
    way: tuple[str, Mapping[str, Any]], data: st.DataObject
) -> None:
    rule, change = way
    broken = stacks.deployed(stacks.broken(change))
    rules = [one for one in RULES if one.id == rule]
    seen = {finding.resource.urn for finding in report(broken, rules).findings}
    # Nearby properties matter more often than others; both must be safe.
    near = [
        (one.name, name)
        for one in broken
        if one.type in rules[0].types or one.name in change
        for name in one.properties
    ]
    places = data.draw(st.sets(st.sampled_from(near) | st.sampled_from(PLACES), min_size=1, max_size=3))

    result = report(hidden(broken, places), rules)

    assert seen <= {one.resource.urn for one in (*result.findings, *result.pending)}


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (SENTINEL, UNKNOWN),
        ("[secret]", UNKNOWN),
        ({MARK: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "AAAA"}, UNKNOWN),
        ({MARK: "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"}, "hunter2"),
        ({MARK: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}, UNKNOWN),
        ({MARK: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": [SENTINEL]}, [UNKNOWN]),
        ({"__defaults": ["a"], "a": {"b": 1.0}}, {"a": {"b": 1.0}}),
    ],
)
def test_values_are_read_in_every_spelling_of_the_engine(wire: object, value: object) -> None:
    assert from_wire(wire) == value


def test_a_path_goes_into_json_and_stops_at_what_is_unknown() -> None:
    properties = {"policy": '{"Statement": {"Action": "s3:*"}}', "rules": [{"a": 1}, UNKNOWN], "none": []}

    assert [(one.path, one.value) for one in find(properties, "policy.Statement[*].Action")] == [
        ("policy.Statement[0].Action", "s3:*")
    ]
    assert [(one.path, one.value) for one in find(properties, "rules[*].a")] == [
        ("rules[0].a", 1),
        ("rules[1]", UNKNOWN),
    ]
    assert list(find(properties, "none[*].a")) == []
    assert [one.value for one in find(properties, "missing.deeper")] == [None]
    assert holds_unknown(properties["rules"])


def test_text_that_is_not_json_holds_nothing() -> None:
    assert [one.value for one in find({"policy": "not json"}, "policy.Statement")] == [None]
