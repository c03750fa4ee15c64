"""Inputs are judged and completed as the real provider does it at preview."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.control import check as checking
from sandbox.control import wire
from sandbox.control.check import check
from sandbox.control.facts import ObjectType, ResourceType
from sandbox.control.names import Autonaming
from sandbox.control.scope import Scope
from sandbox.control.wire import DEFAULTS, UNKNOWN, Bag, Value, Values

SCOPE = Scope("us-east-1", {"Owner": "platform", "Name": "default"})
OBJECTS = {"t": ObjectType({"path": "string", "interval": "integer", "on": "boolean"}, ("path",))}
INPUTS = {
    "name": "string",
    "namePrefix": "string",
    "port": "integer",
    "policy": "json",
    "probe": "#t",
    "probes": "[]#t",
    "subnets": "[]string",
    "bucket": "string",
    "key": "string",
    "region": "string",
    "tags": "{}string",
    "tagsAll": "{}string",
}


def kind(**facts: object) -> ResourceType:
    return ResourceType("aws:lb/thing:Thing", INPUTS, {**INPUTS, "arn": "string"}, OBJECTS, (), facts)


NAMED = {"name": {"property": "name", "max": 12}, "exclusive": [{"kind": "conflicts", "props": ["name", "namePrefix"]}]}


def judge(
    facts: dict[str, object],
    inputs: Values,
    olds: Values | None = None,
    autonaming: Autonaming | None = None,
    secrets: set[wire.Path] | None = None,
) -> tuple[Values, list[str]]:
    request = checking.Request(kind(**facts), SCOPE, "web", Bag(inputs, secrets or set()), olds or {}, b"x", autonaming)
    bag, problems = check(request)
    return bag.values, problems


@pytest.mark.parametrize(
    ("facts", "inputs", "problem"),
    [
        ({}, {"prot": 80}, """An argument named "prot" is not expected here. Did you mean "port"?"""),
        ({}, {"port": "http"}, """expected integer type, got "http" of type string"""),
        ({}, {"port": 80.5}, "expected integer type, got 80.5 of type number"),
        ({}, {"subnets": "a"}, 'expected list type, got "a" of type string'),
        ({}, {"probe": ["a"]}, "expected object type, got of type list"),
        ({}, {"tags": 1}, "expected map type, got 1 of type number"),
        ({}, {"probe": {"interval": 1}}, "Missing required property 'path'. Examine values at 'web.probe.path'."),
        (
            {},
            {"probes": [{"path": "/"}, {"path": "/", "ova": 1}]},
            "Examine values at 'web.probes[1].ova'.",
        ),
        ({"check": {"port": "1..65535"}}, {"port": 0}, "expected port to be in the range (1 - 65535), got 0"),
        ({"check": {"probes[].interval": "5..300"}}, {"probes": [{"path": "/", "interval": 1}]}, "probes.0.interval"),
        (NAMED, {"name": "a", "namePrefix": "b"}, 'arguments. "name_prefix": conflicts with name. Examine values at'),
        (NAMED, {}, None),
        ({"requires": {"bucket": ["key"]}}, {"bucket": "b"}, '"bucket": all of `bucket,key` must be specified'),
        (
            {"exclusive": [{"kind": "exactly_one_of", "props": ["bucket", "key"]}]},
            {},
            '"bucket": one of `bucket,key` must be specified',
        ),
        (
            {"exclusive": [{"kind": "exactly_one_of", "props": ["bucket", "key"]}]},
            {"bucket": "b", "key": "k"},
            "only one of `bucket,key` can be specified, but `bucket,key` were specified",
        ),
        (
            {"exclusive": [{"kind": "at_least_one_of", "props": ["probes[].on", "probes[].interval"]}]},
            {"probes": [{"path": "/"}]},
            "Examine values at 'web.probes[0].on'.",
        ),
        ({}, {"region": "us-weast-1"}, "invalid AWS Region: us-weast-1"),
    ],
)
def test_a_mistake_is_refused_with_its_place(facts: dict[str, object], inputs: Values, problem: str | None) -> None:
    _, problems = judge(facts, inputs)
    assert any(problem in found for found in problems) if problem else not problems


def test_a_missing_required_input_is_named_as_the_provider_names_it() -> None:
    required = ResourceType("aws:a/b:C", INPUTS, INPUTS, OBJECTS, ("port",), {})
    _, problems = check(checking.Request(required, SCOPE, "web", Bag()))
    assert problems == ["Missing required property 'port'"]


@pytest.mark.parametrize("unknown", [UNKNOWN, [UNKNOWN], {"path": UNKNOWN}])
def test_what_is_not_known_yet_is_not_judged(unknown: Value) -> None:
    facts: dict[str, object] = {
        "check": {"name": "len 1..3", "subnets": "items 2..3", "probe": "^x$", "subnets[]": "^x$"},
        "exclusive": [{"kind": "exactly_one_of", "props": ["bucket", "key"]}, *NAMED["exclusive"]],
    }
    name = {str: "name", list: "subnets", dict: "probe"}[type(unknown)]
    values, problems = judge(facts, {name: unknown, "bucket": UNKNOWN, "key": "k"})
    assert not problems
    assert values[name] == unknown


def test_defaults_are_put_and_remembered() -> None:
    facts: dict[str, object] = {"defaults": {"port": 80, "probe.interval": 30, "probes[].on": True}}
    values, _ = judge(facts, {"probes": [{"path": "/a"}, {"path": "/b", "on": False}]})
    assert values["port"] == 80
    assert "probe" not in values
    assert values["probes"] == [{"path": "/a", "on": True}, {"path": "/b", "on": False}]
    assert values[DEFAULTS] == ["port"]


def test_a_default_gives_way_to_what_excludes_it() -> None:
    facts: dict[str, object] = {
        "defaults": {"key": "k"},
        "exclusive": [{"kind": "conflicts", "props": ["bucket", "key"]}],
    }
    assert "key" not in judge(facts, {"bucket": "b"})[0]


class TestNames:
    def test_a_name_is_generated_the_same_way_for_the_same_seed(self) -> None:
        first, second = judge(NAMED, {})[0], judge(NAMED, {})[0]
        assert first == second
        assert str(first["name"]).startswith("web-")
        assert len(str(first["name"])) == len("web-") + 7
        assert first[DEFAULTS] == ["name"]

    def test_a_generated_name_is_kept(self) -> None:
        assert judge(NAMED, {}, {"name": "web-old", DEFAULTS: ["name"]})[0]["name"] == "web-old"

    def test_a_given_name_that_is_no_longer_given_is_generated(self) -> None:
        assert judge(NAMED, {}, {"name": "mine", DEFAULTS: []})[0]["name"] != "mine"

    def test_a_given_name_is_not_a_default(self) -> None:
        values, _ = judge(NAMED, {"name": "mine"})
        assert (values["name"], values[DEFAULTS]) == ("mine", [])

    def test_a_prefix_stops_the_generation(self) -> None:
        assert "name" not in judge(NAMED, {"namePrefix": "w"})[0]

    def test_a_name_that_would_be_too_long_is_refused(self) -> None:
        _, problems = judge({"name": {"property": "name", "max": 10}}, {})
        assert problems == [
            "name 'web-' plus 7 random chars is longer than maximum length 10. Examine values at 'web.name'."
        ]

    @pytest.mark.parametrize(
        ("setting", "name"),
        [(Autonaming("propose", "web-1"), "web-1"), (Autonaming("enforce", "w"), "w"), (Autonaming("disable"), None)],
    )
    def test_the_engines_naming_setting_is_obeyed(self, setting: Autonaming, name: str | None) -> None:
        assert judge(NAMED, {}, autonaming=setting)[0].get("name") == name

    def test_a_suffix_and_lower_case_follow_the_facts(self) -> None:
        naming = {"property": "name", "lower": True, "prefix": "p/", "suffix": {"when": "key", "text": ".fifo"}}
        request = checking.Request(kind(name=naming), SCOPE, "Web", Bag({"port": 1}))
        assert str(check(request)[0].values["name"]).startswith("p/web-")


def test_tags_are_merged_with_the_providers() -> None:
    values, _ = judge({"tags": True}, {"tags": {"Name": "own"}})
    assert values["tagsAll"] == {"Name": "own", "Owner": "platform"}
    assert "tagsAll" not in judge({}, {"tags": {"Name": "own"}})[0]


def test_secrets_stay_secret_and_are_never_told() -> None:
    request = checking.Request(
        kind(check={"policy": ["open"]}, tags=True),
        SCOPE,
        "web",
        Bag({"policy": "hunter2", "port": "hunter3", "tags": {"k": "v"}}, {("policy",), ("port",), ("tags", "k")}),
    )
    bag, problems = check(request)
    assert bag.secrets == {("policy",), ("port",), ("tags", "k"), ("tagsAll", "k")}
    assert len(problems) == 2
    assert not any("hunter" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("port", "80", 80),
        ("name", 80, "80"),
        ("name", True, "true"),
        ("policy", {"a": [1]}, '{"a": [1]}'),
        ("probe", {"path": "/", "on": "true"}, {"path": "/", "on": True}),
    ],
)
def test_scalars_are_taken_as_their_type_wants_them(name: str, given: Value, taken: Value) -> None:
    values, problems = judge({}, {name: given})
    assert not problems
    assert values[name] == taken


def test_absent_inputs_stay_absent() -> None:
    put: Callable[[Values], Values] = lambda inputs: judge({}, inputs)[0]  # noqa: E731
    assert put({"port": None, "probe": {"path": "/", "interval": None}}) == {"probe": {"path": "/"}, DEFAULTS: []}
