"""A change is found where it is, and replaces only what the facts say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import paths
from sandbox.control.diff import Difference, diff
from sandbox.control.facts import ResourceType
from sandbox.control.scope import Scope
from sandbox.control.wire import DEFAULTS, SIGNATURE, UNKNOWN, Values

SCOPE = Scope("us-east-1")
INPUTS = dict.fromkeys(("name", "port", "region", "rules", "set", "doc", "code", "block", "kept"), "any")
FACTS: dict[str, object] = {
    "name": {"property": "name"},
    "replace": ["name", "port", "rules[].id", "block.fixed"],
    "sets": ["set"],
    "json": ["doc"],
    "unset": {"kept": "aws"},
}


def compare(old: Values, new: Values, state: Values | None = None, ignore: str = "", **facts: object) -> Difference:
    kind = ResourceType("aws:a/b:C", INPUTS, INPUTS, {}, (), {**FACTS, **facts})
    ignored = (paths.parse_ignored(ignore),) if ignore else ()
    return diff(kind, SCOPE, old, new, state=state if state is not None else old, ignored=ignored)


def shown(difference: Difference) -> dict[str, str]:
    return {
        paths.show(path): change + ("!" if path in difference.replaces else "")
        for path, change in difference.changes.items()
    }


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"port": 80}, {"port": 80}, {}),
        ({"port": 80}, {"port": 81}, {"port": "update!"}),
        ({"port": 80}, {}, {"port": "delete!"}),
        ({}, {"port": 80}, {"port": "add!"}),
        ({"port": 80}, {"port": UNKNOWN}, {"port": "update!"}),
        ({"doc": '{"a": 1, "b": 2}'}, {"doc": '{"b":2,"a":1}'}, {}),
        ({"doc": '{"a": 1}'}, {"doc": '{"a": 2}'}, {"doc": "update"}),
        ({"doc": '{"a": 1}'}, {"doc": UNKNOWN}, {"doc": "update"}),
        ({"set": ["a", "b"]}, {"set": ["b", "a"]}, {}),
        ({"set": ["a", "b"]}, {"set": ["b", "c"]}, {"set[0]": "delete", "set[1]": "add"}),
        ({"set": ["a"]}, {"set": [UNKNOWN]}, {"set[0]": "update"}),
        ({"rules": [{"id": 1, "x": 1}]}, {"rules": [{"id": 1, "x": 2}]}, {"rules[0].x": "update"}),
        ({"rules": [{"id": 1}]}, {"rules": [{"id": 2}]}, {"rules[0].id": "update!"}),
        ({"rules": [{"id": 1}]}, {"rules": [{"id": 1}, {"id": 2}]}, {"rules[1]": "add!"}),
        ({"rules": [{"id": 1}]}, {"rules": [{"id": 1}, {"x": 2}]}, {"rules[1]": "add"}),
        ({"block": {"free": 1}}, {"block": {"free": 2}}, {"block.free": "update"}),
        ({"block": {"free": 1}}, {}, {"block": "delete"}),
        ({"block": {"fixed": 1}}, {}, {"block": "delete!"}),
        ({"block": {"free": 1}}, {"block": UNKNOWN}, {"block": "update!"}),
        ({"kept": "mine"}, {}, {}),
        ({DEFAULTS: ["port"], "port": 80}, {DEFAULTS: [], "port": 80}, {}),
    ],
)
def test_a_change_is_found_where_it_is(old: Values, new: Values, changes: dict[str, str]) -> None:
    assert shown(compare(old, new)) == changes


def test_an_input_that_says_what_is_already_so_changes_nothing() -> None:
    assert not compare({}, {"kept": "aws"}, {"kept": "aws"}).changes
    assert compare({}, {"kept": "mine"}, {"kept": "aws"}).changes


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ({}, {"region": "us-east-1"}, False),
        ({"region": "us-east-1"}, {}, False),
        ({}, {"region": "eu-west-1"}, True),
        ({"region": "eu-west-1"}, {}, True),
    ],
)
def test_a_region_replaces_unless_it_is_the_providers(old: Values, new: Values, replaces: bool) -> None:
    difference = compare(old, new)
    assert bool(difference.changes) == bool(difference.replaces) == replaces


@pytest.mark.parametrize("kind", ["asset", "archive"])
def test_assets_are_compared_by_what_is_in_them(kind: str) -> None:
    signature = {"asset": "c44067f5952c0a294b673a41bacd8c17", "archive": "0def7320c3a5731c473e5ecbe6d01bc7"}[kind]
    old: Values = {"code": {SIGNATURE: signature, "hash": "a", "path": "one"}}
    moved: Values = {"code": {SIGNATURE: signature, "hash": "a", "path": "two"}}
    changed: Values = {"code": {SIGNATURE: signature, "hash": "b", "path": "one"}}
    assert not compare(old, moved).changes
    assert shown(compare(old, changed)) == {"code": "update"}


@pytest.mark.parametrize("ignore", ["block", "block.free", 'block["free"]', "block.*"[:-2]])
def test_ignored_changes_are_none(ignore: str) -> None:
    assert not compare({"block": {"free": 1}}, {"block": {"free": 2}}, ignore=ignore).changes
    assert compare({"port": 1}, {"port": 2}, ignore=ignore).changes


def test_any_element_of_a_list_may_be_ignored() -> None:
    old: Values = {"rules": [{"x": 1}, {"x": 1}]}
    new: Values = {"rules": [{"x": 2}, {"x": 2}]}
    assert not compare(old, new, ignore="rules[*].x").changes
    assert shown(compare(old, new, ignore="rules[0].x")) == {"rules[1].x": "update"}


@pytest.mark.parametrize(
    ("new", "facts", "first"),
    [
        ({"name": "b", DEFAULTS: []}, {}, True),
        ({"name": "a-1", "port": 2, DEFAULTS: ["name"]}, {}, False),
        ({"name": "b", DEFAULTS: []}, {"framework": True}, False),
        ({"name": "a-1", "port": 2, DEFAULTS: ["name"]}, {"delete_first": True}, True),
        ({"name": "a", "doc": "x", DEFAULTS: []}, {}, False),
    ],
)
def test_the_order_of_a_replacement_follows_the_bridge(new: Values, facts: dict[str, object], first: bool) -> None:
    old: Values = (
        {"name": "a-1" if "name" in str(new[DEFAULTS]) else "a", "port": 1} if "port" in new else {"name": "a"}
    )
    assert compare(old, new, **facts).delete_first == first


_scalars = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"]), st.booleans())
_shapes = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)),
    max_leaves=6,
)
_inputs = st.dictionaries(st.sampled_from(sorted(INPUTS)), _shapes, max_size=5)


@given(_inputs)
def test_nothing_differs_from_itself(values: Values) -> None:
    assert not compare(values, values).changes


@given(_inputs, _inputs)
def test_every_change_stands_where_a_side_has_something(old: Values, new: Values) -> None:
    for path, change in compare(old, new, state={}).changes.items():
        if path == ("region",):
            continue
        before, after = paths.first(old, path), paths.first(new, path)
        assert (before is None, after is None) in {
            "add": {(True, False), (False, False)},
            "delete": {(False, True), (False, False)},
            "update": {(False, False)},
        }[change]
