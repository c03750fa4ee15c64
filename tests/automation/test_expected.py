"""A reviewed plan holds only for what it was made from, and says in words why it does not any more."""

from __future__ import annotations

import copy
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation import expected
from automation.errors import Exit, UserError
from automation.expected import digest, origin, refuse_other
from automation.project import Project

URN = "urn:pulumi:prod::modeshift::aws:"


def change(name: str, op: str = "update", after: str = "2") -> dict[str, Any]:
    diffs = [
        {"path": path, "before": "1", "after": after, "replaces": False, "noise": None}
        for path in ("memory", "environment.LEVEL")
    ]
    return {
        "urn": f"{URN}lambda/function:Function::{name}",
        "op": op,
        "name": name,
        "type": "aws:lambda/function:Function",
        "causes": [],
        "properties": ["memory", "environment"],
        "diff": diffs,
    }


def stack(*changes: dict[str, Any], **origin: str) -> dict[str, Any]:
    made_from = {"commit": "a" * 40, "settings": "b" * 64, "pulumi": "3.259.0", **origin}
    return {"stack": "prod", "ok": True, "seconds": 1.5, "origin": made_from, "changes": list(changes), "errors": []}


def written(folder: Path, *stacks: dict[str, Any], schema: int = 1) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps({"schema": schema, "stacks": list(stacks)}))
    return path


def refusal(path: Path, fresh: dict[str, Any]) -> UserError:
    with pytest.raises(UserError) as error:
        refuse_other(path, fresh)
    return error.value


def test_the_same_plan_goes_through_whatever_the_time_it_took_and_the_order_it_came_in(tmp_path: Path) -> None:
    path = written(tmp_path, stack(change("one"), change("two")))
    fresh: dict[str, Any] = {**stack(change("two"), change("one")), "seconds": 9.0, "outputs": {"url": "x"}}
    fresh["changes"][0]["diff"].reverse()
    refuse_other(path, fresh)


@pytest.mark.parametrize("key", ["commit", "settings", "pulumi"])
def test_what_it_is_made_from_must_be_the_same(tmp_path: Path, key: str) -> None:
    error = refusal(written(tmp_path, stack(change("one"))), stack(change("one"), **{key: "other"}))
    assert error.code is Exit.CHANGES
    assert "and is other" in error.message


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([], [change("one")], "update one would be new"),
        ([change("one")], [], "update one is gone"),
        ([change("one")], [change("one", "replace")], "replace one is another change"),
        ([change("one")], [change("one", after="3")], "update one is another change"),
        ([], [change(str(number)) for number in range(8)], "and 3 more would be new"),
    ],
)
def test_a_plan_that_does_something_else_is_refused_by_name(
    tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]], said: str
) -> None:
    error = refusal(written(tmp_path, stack(*before)), stack(*after))
    assert said in error.message
    assert "Nothing was changed" in error.hint


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "stacks": [{"stack": "dev"}]}', '{"schema": 1, "stacks": 3}'],
)
def test_a_file_without_a_plan_of_this_stack_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    error = refusal(path, stack())
    assert error.code is Exit.USAGE
    assert "holds no complete plan of prod" in error.message


def test_a_plan_that_failed_or_is_of_another_schema_is_none(tmp_path: Path) -> None:
    refusal(written(tmp_path, {**stack(), "ok": False}), stack())
    refusal(written(tmp_path, stack(), schema=2), stack())
    refusal(tmp_path / "missing.json", stack())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("abcdef", min_size=1), unique=True, min_size=1), st.randoms(use_true_random=False))
def test_the_digest_knows_no_order_and_misses_no_change(names: list[str], shuffle: random.Random) -> None:
    changes = [change(name) for name in names]
    mixed = copy.deepcopy(changes)
    shuffle.shuffle(mixed)
    for one in mixed:
        shuffle.shuffle(one["diff"])
        shuffle.shuffle(one["properties"])
    assert digest(stack(*mixed)) == digest(stack(*changes))
    shuffle.choice(shuffle.choice(mixed)["diff"])["after"] = "else"
    assert digest(stack(*mixed)) != digest(stack(*changes))


def test_the_origin_follows_commit_and_config_but_not_what_the_engine_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected, "pulumi_binary", lambda: Path("pulumi"))
    monkeypatch.setattr(expected, "remembered", lambda *_: (3, 259, 0))
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config:\n  aws:region: us-east-1\n")
    project = Project(tmp_path, tmp_path / "local")
    assert origin(project, "prod") == origin(project, "prod")
    assert origin(project, "prod")["commit"] == "unknown"
    first = origin(project, "prod")["settings"]

    file.write_text("encryptedkey: abc\nconfig:\n  # why\n  aws:region: us-east-1\n")
    assert origin(project, "prod")["settings"] == first
    file.write_text("config:\n  aws:region: us-east-2\n")
    assert origin(project, "prod")["settings"] != first

    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    assert len(origin(project, "prod")["commit"]) == 40
    assert origin(project, "prod")["pulumi"] == "3.259.0"
