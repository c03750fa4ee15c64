"""Whatever the schema takes becomes objects that Kubernetes takes; everything else is refused by name."""

from __future__ import annotations

import copy
import os
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.charts.chart import EVERYTHING, IMAGE, SCHEMA, Manifest, check, objects, only, refusal
from tests.charts.values import accepted

SWEEP = os.environ.get("MODESHIFT_CHART_SWEEP") == "1"
# Helm takes 60 ms for each example, and the search for a smaller one minutes.
some = settings(
    max_examples=200 if SWEEP else 30,
    phases=set(Phase) if SWEEP else {Phase.explicit, Phase.reuse, Phase.generate},
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def kubelet(text: str) -> str:
    """Do as the kubelet, which replaces `$(NAME)` in a text, and takes `$$` for a dollar that means nothing."""
    return re.sub(r"\$\$|\$\([^)]*\)", lambda found: "$" if found[0] == "$$" else "REPLACED", text)


def environment(made: list[Manifest]) -> dict[str, str]:
    container = only(made, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return {one["name"]: kubelet(one["value"]) for one in container["env"]}


@some
@given(accepted())
def test_what_the_schema_takes_kubernetes_takes(values: dict[str, Any]) -> None:
    # One name, so that the object to look at is known.
    made = objects(values | {"fullnameOverride": "probe"})
    for one in made:
        check(one)
    names = [(one["kind"], one["metadata"]["name"]) for one in made]
    assert len(set(names)) == len(names)
    env = values.get("env", {})
    assert {name: value for name, value in environment(made).items() if name in env} == env
    template = only(made, "Deployment")["spec"]["template"]
    assert values.get("podAnnotations", {}).items() <= template["metadata"].get("annotations", {}).items()
    given_arguments = template["spec"]["containers"][0].get("args", [])
    serves = values.get("server", {}).get("enabled", True)
    assert [kubelet(word) for word in given_arguments] == (values.get("args", []) if serves else [])


@some
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_text_reaches_the_app_as_it_is_or_is_refused(text: str) -> None:
    values = {"env": {"TEXT": text}}
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]", text):
        # Helm's own reader stops at some of them before the schema does.
        assert re.search("env.TEXT: Does not match pattern|control characters are not allowed", refusal(values))
    else:
        assert environment(objects(values))["TEXT"] == text


def keys(schema: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Return every key of the schema by its path, references followed; NAME stands for a name of the user's."""
    found: dict[str, dict[str, Any]] = {}
    schema = resolved(schema)
    for name, below in schema.get("properties", {}).items():
        found |= {f"{path}{name}": below} | keys(below, f"{path}{name}.")
    if isinstance(more := schema.get("additionalProperties"), dict):
        found |= {f"{path}NAME": more} | keys(more, f"{path}NAME.")
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return SCHEMA["definitions"][name] if name else schema


KEYS = keys(SCHEMA)


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", KEYS)
def test_every_key_says_what_it_means(path: str) -> None:
    schema = KEYS[path]
    sentence = schema.get("description") or resolved(schema)["description"]
    assert re.match(r"[A-Z`].*[.]$", sentence), sentence


@pytest.mark.parametrize("path", [path for path in KEYS if resolved(KEYS[path]).get("type") == "object"])
def test_every_block_is_closed(path: str) -> None:
    assert "additionalProperties" in resolved(KEYS[path]) or path == "global"


def placed(path: str, value: object) -> dict[str, Any]:
    """Return all values with one of them replaced, or added."""
    values = copy.deepcopy(EVERYTHING)
    *blocks, last = path.replace("NAME", "name").split(".")
    inside = values
    for block in blocks:
        inside = inside.setdefault(block, {})
    inside[last] = value
    return values


WRONG = {"string": 7, "integer": "seven", "boolean": "yes", "array": "one", "object": "block"}


# Helm's sentence names one type; and a key with a dot in its name cannot be told from two.
TYPED = [path for path in KEYS if "type" in resolved(KEYS[path]) and ".hard." not in path]


@pytest.mark.parametrize("path", TYPED if SWEEP else [path for path in TYPED if "." not in path])
def test_a_wrong_type_is_refused_by_the_name_of_the_key(path: str) -> None:
    wanted = resolved(KEYS[path])["type"]
    said = refusal(placed(path, WRONG[wanted]))
    assert f"{path.replace('NAME', 'name')}: Invalid type. Expected: {wanted}, given: " in said


BLOCKS = [path for path in KEYS if "properties" in resolved(KEYS[path]) and ".hard" not in path]


@pytest.mark.parametrize("path", ["", *BLOCKS])
def test_an_unknown_key_is_refused_by_its_name(path: str) -> None:
    assert "Additional property replicas is not allowed" in refusal(placed(f"{path}.replicas".lstrip("."), 3))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("image", {"repository": "app"}, "image: digest is required"),
        ("image", {"digest": IMAGE["digest"]}, "image: repository is required"),
        ("image.tag", "latest", "image: Additional property tag is not allowed"),
        ("image.repository", "shop/app:latest", "image.repository: Does not match pattern"),
        ("image.repository", f"shop/app@{IMAGE['digest']}", "image.repository: Does not match pattern"),
        ("image.digest", "latest", "image.digest: Does not match pattern"),
        ("image.digest", IMAGE["digest"] + "\n", "image.digest: Does not match pattern"),
        ("image.pullPolicy", "Never", 'image.pullPolicy must be one of the following: "Always", "IfNotPresent"'),
        ("env", {"PORT": "1"}, 'Property name of "PORT" does not match'),
        ("env", {"a b": "1"}, 'Property name of "a b" does not match'),
        ("env", {"DEBUG": True}, "env.DEBUG: Invalid type. Expected: string, given: boolean"),
        ("port", 80, "port: Must be greater than or equal to 1024"),
        ("replicaCount", 0, "replicaCount: Must be greater than or equal to 1"),
        ("replicaCount", 1.5, "replicaCount: Invalid type. Expected: integer, given: number"),
        ("healthPath", "health", "healthPath: Does not match pattern"),
        ("rollout.maxSurge", 0, "rollout.maxSurge: Must validate at least one schema"),
        ("rollout.maxSurge", "0%", "rollout.maxSurge: Must validate at least one schema"),
        ("resources.limits.cpu", "0", "resources.limits.cpu: Does not match pattern"),
        ("networkPolicy.egress", {"db": {"cidrs": ["10.0.0.0"]}}, "networkPolicy.egress.db.cidrs.0: Does not match"),
        ("networkPolicy.egress", {"db": {"ports": [5432]}}, "networkPolicy.egress.db: Must validate at least one"),
        ("networkPolicy.egress", {"Db": {"cidrs": ["10.0.0.0/8"]}}, 'Property name of "Db" does not match'),
        ("targetGroupBinding", {"enabled": True}, "targetGroupBinding.targetGroupARN: String length must be greater"),
        ("targetGroupBinding.targetGroupARN", "arn:aws:s3:::b", "targetGroupBinding.targetGroupARN: Does not match"),
        (
            "externalSecret",
            {"enabled": True, "secretStoreRef": {"name": "aws"}},
            "externalSecret.data: Must have at least 1 properties",
        ),
        ("externalSecret.secretStoreRef.name", "", "externalSecret.secretStoreRef.name: String length must be"),
        (
            "autoscaling",
            {"enabled": True, "targetCPUUtilizationPercentage": 0, "targetMemoryUtilizationPercentage": 0},
            "autoscaling: Must validate at least one schema (anyOf)",
        ),
    ],
)
def test_a_mistake_is_refused_with_a_sentence(path: str, value: object, said: str) -> None:
    assert said in refusal(placed(path, value))
