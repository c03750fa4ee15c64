"""Which version a stack goes back to: what its history says, and one sentence where there is none to go back to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import UserError
from automation.rollback.choice import choose, versions
from automation.rollback.history import Update, parse

COMMITS = {letter: letter * 40 for letter in "abcdef"}
IMAGE = "registry/app@sha256:"


def update(letter: str, kind: str = "update", *, ok: bool = True, code: str = "", pinned: bool = False) -> Update:
    settings = {"image": code or letter}
    version = COMMITS.get(letter, "")
    return Update(number=1, kind=kind, succeeded=ok, version=version, pinned=pinned, settings=settings)


def code(one: Update) -> object:
    return one.settings["image"]


def chosen(history: list[Update], wanted: str | None = None) -> str:
    """Return the letter of the version that is chosen of a history, the newest first."""
    return choose("dev", history, wanted, code).version[:1]


@pytest.mark.parametrize(
    ("history", "version"),
    [
        ([update("c"), update("b"), update("a")], "b"),
        ([update("c"), update("c"), update("b")], "b"),
        ([update("c"), update("b", ok=False), update("a")], "a"),
        ([update("c", ok=False), update("b"), update("a")], "b"),
        ([update("c"), update("b", code="c"), update("a")], "a"),
        ([update("c"), update("b", "preview"), update("a")], "a"),
        ([update("c"), update("", ok=True), update("a")], "a"),
        ([update("c"), update("x", "refresh"), update("b"), update("z", "destroy"), update("a")], "b"),
        ([update("c"), update("b", "destroy", ok=False), update("b")], "b"),
        ([update("b", pinned=True), update("c"), update("b"), update("a")], "a"),
        ([update("b", pinned=True), update("c"), update("b", ok=False), update("a")], "a"),
        ([update("c"), update("b", pinned=True), update("c"), update("b")], "b"),
    ],
)
def test_the_way_back_leads_to_the_last_good_version_of_other_code(history: list[Update], version: str) -> None:
    assert chosen(history) == version


@pytest.mark.parametrize(
    ("history", "wanted", "said"),
    [
        ([], None, "not up"),
        ([update("a", "destroy"), update("a")], None, "not up"),
        ([update("")], None, "which commit"),
        ([update("a")], None, "no other version"),
        ([update("a", pinned=True), update("b"), update("a")], None, "no other version"),
        ([update("b"), update("a", ok=False)], None, "no other version"),
        ([update("b"), update("a")], "ffff", "never ran"),
        ([update("b"), update("a", ok=False)], "aaaa", "never came up"),
        ([update("b"), update("a")], "a", "too short"),
    ],
)
def test_no_way_back_is_one_sentence(history: list[Update], wanted: str | None, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        chosen(history, wanted)
    assert caught.value.message.endswith(".")
    assert len(caught.value.message.splitlines()) == 1
    assert caught.value.hint


def test_a_version_may_be_named_by_its_beginning() -> None:
    history = [update("c"), update("b"), update("a")]
    assert chosen(history, "aaaa") == "a"
    assert chosen(history, "B" * 40) == "b"
    twin = Update(number=1, kind="update", succeeded=True, version="aaaab" + "0" * 35, settings={})
    with pytest.raises(UserError, match="too short"):
        chosen([twin, *history], "aaaa")


def test_the_versions_that_can_be_gone_back_to_are_offered() -> None:
    with pytest.raises(UserError) as caught:
        chosen([update(letter) for letter in "fedcba"], "1234567")
    assert "ffffffffffff, eeeeeeeeeeee" in caught.value.hint
    assert caught.value.hint.count(",") == 5


letters = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from("xy")), min_size=1, max_size=8)


@given(letters)
def test_what_is_chosen_came_up_and_is_not_what_runs(entries: list[tuple[str, bool, str]]) -> None:
    history = [update(letter, ok=ok, code=what) for letter, ok, what in entries]
    try:
        found = choose("dev", history, None, code)
    except UserError:
        now = history[0]
        assert all(one.version == now.version or code(one) == code(now) for one in versions(history))
        return
    assert found in history
    assert found.succeeded
    assert (found.version, code(found)) != (history[0].version, code(history[0]))
    later = history[: history.index(found)]
    newest = {one.version: one for one in reversed(versions(later))}
    assert all(one.version == history[0].version or code(one) == code(history[0]) for one in newest.values())


def entry(**more: Any) -> dict[str, Any]:
    """Return an entry of `pulumi stack history --json`."""
    return {
        "kind": "update",
        "version": 3,
        "result": "succeeded",
        "endTime": "2026-01-02T03:04:05.000Z",
        "environment": {"git.head": COMMITS["a"], "git.dirty": "true"},
        "config": {
            "modeshift:image": {"value": f"{IMAGE}1", "secret": False},
            "modeshift:services": {
                "value": json.dumps({"netprobe": {}, "users": {"image": f"{IMAGE}2"}}),
                "secret": False,
            },
            "modeshift:hidden": {"secret": True},
        },
        **more,
    }


def test_an_entry_of_the_engines_history_is_understood() -> None:
    found = parse(entry())
    assert (found.version, found.dirty, found.succeeded, found.number) == (COMMITS["a"], True, True, 3)
    assert [found.image_of(name) for name in ("netprobe", "users")] == [f"{IMAGE}1", f"{IMAGE}2"]
    assert "hidden" not in found.settings


def test_a_release_that_ran_is_the_version_of_its_update() -> None:
    said = {"version": COMMITS["b"], "images": {"users": f"{IMAGE}3"}}
    pinned = entry()
    pinned["config"]["modeshift:release"] = {"value": json.dumps(said), "objectValue": said, "secret": False}
    found = parse(pinned)
    assert (found.version, found.dirty) == (COMMITS["b"], False)
    assert [found.image_of(name) for name in ("netprobe", "users")] == [f"{IMAGE}1", f"{IMAGE}3"]


def test_an_update_from_elsewhere_has_no_version() -> None:
    found = parse({"kind": "update", "result": "failed", "environment": {}, "config": None})
    assert (found.version, found.succeeded, found.image_of("netprobe")) == ("", False, None)
