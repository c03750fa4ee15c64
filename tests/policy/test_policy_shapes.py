"""What rules look at exists: kinds and properties as the argument classes of pulumi_aws say them."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from policy.catalogue import RULES
from policy.rules.functions import AS_OF, SUPPORTED_RUNTIMES
from policy.rules.tags import TAGGED
from sandbox.control.schema_gen import Schema, build
from tests.policy import stacks

PLAIN = {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "json": (str, dict)}
POLICY = Path(__file__).resolve().parents[2] / "policy"
# Of rules, and of what relations look for beside a resource.
NAMED = {kind for path in POLICY.rglob("*.py") for kind in re.findall(r"aws:\w+/\w+:\w+", path.read_text())}


@cache
def schema() -> Schema:
    return build(sorted(stacks.kinds() | NAMED | set(TAGGED)))


def problems(value: Any, kind: str, at: str) -> list[str]:
    """Return where a value is not of a kind, in the notation of the schema."""
    if kind.startswith("[]"):
        if not isinstance(value, list):
            return [f"{at} is no list"]
        return [found for index, item in enumerate(value) for found in problems(item, kind[2:], f"{at}[{index}]")]
    if kind.startswith("{}"):
        return [found for name, item in value.items() for found in problems(item, kind[2:], f"{at}.{name}")]
    if kind.startswith("#"):
        return misnamed(value, schema()["types"][kind[1:]]["properties"], at)
    wanted = PLAIN.get(kind)
    return [] if wanted is None or type(value) in wanted else [f"{at} is {value!r}, not {kind}"]


def misnamed(held: dict[str, Any], known: Any, at: str) -> list[str]:
    unknown = [f"{at}.{name} does not exist" for name in held if name not in known]
    return unknown + [
        found for name, item in held.items() if name in known for found in problems(item, known[name], f"{at}.{name}")
    ]


@pytest.mark.parametrize("change", [{}, *(change for _, change in stacks.breaks())], ids=str)
def test_stacks_are_made_of_properties_that_exist(change: dict[str, Any]) -> None:
    document = stacks.broken(change)
    looked_at = document if not change else {name: document[name] for name in change if name in document}
    resources = {one.name: one for one in stacks.deployed(document)}

    wrong = [
        found
        for name, one in looked_at.items()
        for found in misnamed(
            {key: resources[name].properties[key] for key in one["properties"]},
            schema()["resources"][one["type"]]["inputs"],
            name,
        )
    ]

    assert wrong == []


def test_every_kind_of_a_rule_exists() -> None:
    assert {kind for rule in RULES for kind in rule.types} <= NAMED | set(TAGGED) <= set(schema()["resources"])


def test_outputs_that_relations_go_by_exist() -> None:
    wrong = [
        f"{name}.{output}"
        for name, one in stacks.compliant().items()
        for output in one.get("outputs", {})
        if output != "id" and output not in schema()["resources"][one["type"]]["outputs"]
    ]
    assert wrong == []


def test_every_kind_that_takes_tags_must_have_them() -> None:
    takes = {kind for kind, shape in schema()["resources"].items() if "tags" in shape["inputs"]}
    # A user is refused altogether.
    assert takes - {"aws:iam/user:User"} == set(TAGGED)


def test_supported_runtimes_are_those_that_cfn_lint_says_were_mended_on_that_day() -> None:
    spec = find_spec("cfnlint")
    assert spec is not None
    assert spec.origin is not None
    lifecycle = json.loads((Path(spec.origin).parent / "data/AdditionalSpecs/LmbdRuntimeLifecycle.json").read_text())
    mended = {name for name, dates in lifecycle.items() if dates["deprecated"] > AS_OF.isoformat()}

    assert set(SUPPORTED_RUNTIMES) == mended
