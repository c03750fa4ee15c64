"""A plan tells every property before and after, as far as anybody knows it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.plan import Change, Op, build
from automation.plan.values import Hidden
from tests.automation import events
from tests.automation.events import UNKNOWN, replacement, step

FUNCTION = "aws:lambda/function:Function"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}


def the_change(*found: dict[str, Any]) -> Change:
    (change,) = build("prod", found).changed()
    return change


def told(change: Change) -> dict[str, tuple[Any, Any]]:
    return {one.path: (one.before, one.after) for one in change.diff}


def test_paths_of_the_provider_lead_to_values() -> None:
    change = the_change(
        step(
            "update",
            FUNCTION,
            old={"tags": {"a:b": "1"}, "layers": [{"size": 1}]},
            new={"tags": {"a:b": "2"}, "layers": [{"size": 2}]},
            detailed={'tags["a:b"]': "update", "layers[0].size": "update"},
        )
    )
    assert told(change) == {'tags["a:b"]': ("1", "2"), "layers[0].size": (1, 2)}


def test_without_a_diff_of_the_provider_the_inputs_are_compared() -> None:
    old, new = {"name": "a", "size": 1, "same": True}, {"name": "b", "size": 2, "same": True}
    assert told(the_change(step("update", FUNCTION, old=old, new=new, diffs=["name"]))) == {"name": ("a", "b")}
    assert told(the_change(step("update", FUNCTION, old=old, new=new))) == {"name": ("a", "b"), "size": (1, 2)}


def test_text_that_is_json_is_compared_inside_and_elements_by_their_names() -> None:
    def containers(**images: str) -> str:
        return json.dumps([{"name": name, "image": image, "cpu": 1} for name, image in images.items()])

    old, new = containers(proxy="p:1", app="a:1"), containers(app="a:2", proxy="p:1")
    change = the_change(
        step(
            "update",
            TASK,
            old={"containerDefinitions": old},
            new={"containerDefinitions": new},
            detailed={"containerDefinitions": "update"},
        )
    )
    assert told(change) == {"containerDefinitions[app].image": ("a:1", "a:2")}


def test_what_is_not_known_before_the_run_says_so() -> None:
    old, new = {"role": "arn:aws:iam::1:role/a"}, {"role": UNKNOWN}
    change = the_change(step("update", FUNCTION, old=old, new=new, detailed={"role": "update"}))
    assert told(change) == {"role": ("arn:aws:iam::1:role/a", Hidden.UNKNOWN)}


def test_causes_are_told_property_by_property() -> None:
    change = the_change(
        *replacement(
            FUNCTION,
            "f",
            old={"name": "a", "memorySize": 1},
            new={"name": "b", "memorySize": 2},
            detailed={"name": "update-replace", "memorySize": "update"},
            keys=["name"],
        )
    )
    assert {one.path: one.replaces for one in change.diff} == {"name": True, "memorySize": False}
    assert not change.follows


def test_a_replacement_whose_causes_are_all_unknown_follows_from_another() -> None:
    change = the_change(
        *replacement(
            "aws:ec2/subnet:Subnet",
            "s",
            old={"vpcId": "vpc-1"},
            new={"vpcId": UNKNOWN},
            keys=["vpcId"],
            diffs=["vpcId"],
        )
    )
    assert change.follows


def test_the_order_of_a_replacement_is_seen() -> None:
    def change(first: str) -> Change:
        return the_change(*replacement(FUNCTION, "f", first=first, keys=["name"]))

    assert change("delete").deleted_first
    assert not change("create").deleted_first


def test_an_import_is_no_creation_of_anything() -> None:
    change = the_change(step("import", FUNCTION, new={"name": "a"}))
    assert (change.op, change.imported) == (Op.CREATE, True)


def test_protection_that_goes_is_seen_although_nothing_else_changes() -> None:
    plan = build("prod", [step("same", FUNCTION, old_state={"protect": True}, new_state={"protect": False})])
    assert [change.unprotected for change in plan.changes.values()] == [True]


def test_an_output_that_differs_is_shown_too() -> None:
    found = step("refresh", FUNCTION)
    result = step(
        "update",
        FUNCTION,
        old_state={"outputs": {"version": "1"}},
        new_state={"outputs": {"version": "2"}},
    )
    result["resourcePreEvent"]["metadata"]["detailedDiff"] = {"version": {"diffKind": "update", "inputDiff": False}}
    plan = build("prod", [found, {"resOutputsEvent": result["resourcePreEvent"]}])
    assert told(plan.changed()[0]) == {"version": ("1", "2")}


def test_where_a_package_lies_is_nobodys_business() -> None:
    old = {"code": {**ARCHIVE, "hash": "a" * 64, "path": "/home/somebody/old.zip"}}
    new = {"code": {**ARCHIVE, "hash": "b" * 64, "path": "/home/somebody/new.zip"}}
    change = the_change(step("update", FUNCTION, old=old, new=new, detailed={"code": "update"}))
    assert told(change) == {"code": (f"sha256:{'a' * 64}", f"sha256:{'b' * 64}")}
    assert change.noisy


def test_tags_hashes_and_digests_are_noise_until_something_else_changes_too() -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:"
    old = {"tagsAll": {"Owner": "a"}, "imageUri": image + "0" * 64, "memorySize": 1}
    new = {"tagsAll": {"Owner": "b"}, "imageUri": image + "1" * 64, "memorySize": 2}
    noise = {"tagsAll.Owner": "update", "imageUri": "update"}
    assert the_change(step("update", FUNCTION, old=old, new=new, detailed=noise)).noisy
    assert not the_change(step("update", FUNCTION, old=old, new=new, detailed={**noise, "memorySize": "update"})).noisy


def test_another_repository_is_no_noise() -> None:
    old, new = ({"imageUri": f"{name}@sha256:{'0' * 64}"} for name in ("app", "evil"))
    assert not the_change(step("update", FUNCTION, old=old, new=new, detailed={"imageUri": "update"})).noisy


def test_a_plan_is_the_same_in_whatever_order_resources_are_ready() -> None:
    found = events.recorded("switch")
    turned = [*found[:1], *reversed(found[1:])]
    assert list(build("dev", found).changes) == list(build("dev", turned).changes)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), _json, max_size=5), st.dictionaries(st.text(max_size=8), _json, max_size=5))
def test_any_inputs_can_be_compared_and_every_difference_is_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    for change in build("prod", [step("update", FUNCTION, old=old, new=new)]).changed():
        assert all(one.before != one.after for one in change.diff)
