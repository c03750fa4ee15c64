"""A damaged state gives way to the newest copy that can be read, and nothing is ever lost by that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automation import checkpoint
from automation.errors import UserError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "dev.json"
    path.write_text(text("first"))
    return path


def text(word: str) -> str:
    return json.dumps({"version": 3, "checkpoint": {"latest": {"manifest": word}}})


def written(path: Path, content: str) -> None:
    """Write as the engine does: beside the old file, then in its place."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(content)
    temporary.replace(path)


def test_a_sound_state_is_left_alone(state: Path) -> None:
    checkpoint.keep(state)
    written(state, text("second"))

    assert not checkpoint.mend(state, "dev")
    assert checkpoint.read(state) == {"manifest": "second"}


@pytest.mark.parametrize("content", ["", '{"version": 3, "checkpo', "[]", "{}", "null"])
def test_the_engines_own_copy_is_the_newest(state: Path, content: str) -> None:
    checkpoint.keep(state)
    written(state.with_name("dev.json.bak"), text("second"))
    written(state, content)

    assert checkpoint.mend(state, "dev")
    assert checkpoint.read(state) == {"manifest": "second"}
    assert state.with_suffix(".damaged").read_text() == content


def test_when_that_is_damaged_too_the_state_before_the_run_comes_back(state: Path) -> None:
    checkpoint.keep(state)
    written(state.with_name("dev.json.bak"), text("second")[:9])
    written(state, text("third")[:9])

    assert checkpoint.mend(state, "dev")
    assert checkpoint.read(state) == {"manifest": "first"}


def test_what_cannot_be_mended_is_named_and_left(state: Path) -> None:
    written(state, "torn")

    with pytest.raises(UserError, match=r"dev in .*dev\.json is damaged"):
        checkpoint.mend(state, "dev")
    assert state.read_text() == "torn"


def test_a_stack_made_anew_gets_nothing_of_an_old_one(state: Path) -> None:
    checkpoint.keep(state)
    checkpoint.forget(state)
    written(state, "torn")

    with pytest.raises(UserError):
        checkpoint.mend(state, "dev")


def test_a_state_that_does_not_exist_is_no_problem(tmp_path: Path) -> None:
    checkpoint.keep(tmp_path / "dev.json")
    assert not checkpoint.mend(tmp_path / "dev.json", "dev")


def test_a_file_system_without_second_names(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("os.link", refuse)
    checkpoint.keep(state)
    written(state, "torn")

    assert checkpoint.mend(state, "dev")
    assert checkpoint.read(state) == {"manifest": "first"}
