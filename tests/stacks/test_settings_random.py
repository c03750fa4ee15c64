"""Whatever stands in a stack file: valid settings resolve, and anything else ends in a SettingsError."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.errors import Problem, SettingsError
from stacks.load import describe, load, resolve
from tests.strategies import configs

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["container", "10.0.0.0/8", "/", "cron(0 8 ? * MON-FRI *)", "eks", "[", '{"a": 1}', "\ud800", "{" * 2000]
    ),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=6,
)


@given(configs())
@settings(max_examples=60)
def test_valid_settings_resolve_the_same_from_text_and_values(config: dict[str, object]) -> None:
    resolved = resolve("any", config)
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}

    assert resolve("any", text) == resolved
    assert {row.key for row in describe(resolved)} == set(resolved.origins)
    assert set(resolved.origins.values()) <= {
        "library default",
        f"profile {resolved.settings.environment}",
        "Pulumi.any.yaml",
    }


@given(configs(), st.data())
@settings(max_examples=120)
def test_any_mutation_resolves_or_is_refused_with_keys_and_reasons(
    config: dict[str, object], data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        _mutate(config, data)

    problems: tuple[Problem, ...] = ()
    try:
        resolve("any", config)
    except SettingsError as error:
        problems = error.problems
        assert problems
    assert all(problem.key and problem.why for problem in problems)


def _mutate(tree: object, data: st.DataObject) -> None:
    while True:
        if isinstance(tree, dict) and tree:
            key = data.draw(st.sampled_from(sorted(tree, key=str)))
        elif isinstance(tree, list) and tree:
            key = data.draw(st.integers(0, len(tree) - 1))
        else:
            return
        if isinstance(tree[key], dict | list) and tree[key] and data.draw(st.booleans()):
            tree = tree[key]
            continue
        action = data.draw(st.sampled_from(["replace", "drop", "add"]))
        if action == "replace":
            tree[key] = copy.deepcopy(data.draw(JUNK))
        elif action == "drop":
            del tree[key]
        elif isinstance(tree, dict):
            tree[
                data.draw(st.text(max_size=8) | st.sampled_from(["netwrk", "secure", "gcp:x", "aws:x", "mode", "0"]))
            ] = data.draw(JUNK)
        return


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack") / "Pulumi.any.yaml"


TEXTS = configs().map(lambda config: yaml.safe_dump({"config": config}))


@given(TEXTS)
@settings(max_examples=25)
def test_a_written_file_means_what_was_written(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")

    assert load(file.parent, "any") == resolve("any", yaml.safe_load(text)["config"])


@given(st.one_of(st.text(), st.text("{}[]:,-&*!?'\"# \nab01", max_size=60), TEXTS), st.integers(0), st.text(max_size=3))
@settings(max_examples=120)
def test_any_text_is_read_or_refused(file: Path, text: str, place: int, noise: str) -> None:
    at = place % (len(text) + 1)
    file.write_bytes((text[:at] + noise + text[at:]).encode("utf-8", "surrogatepass"))

    with contextlib.suppress(SettingsError):
        load(file.parent, "any")
