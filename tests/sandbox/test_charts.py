"""Charts as the sandbox reads them, with Helm as the judge of what it says of their values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox.control import charts
from sandbox.control.errors import Refusal

if TYPE_CHECKING:
    from sandbox.control.wire import Value, Values

_HELM = Path(sys.executable).with_name("helm")
_ABOUT = {"apiVersion": "v2", "name": "demo", "version": "1.2.3", "appVersion": "9"}
_DEFAULTS: Values = {"replicas": 2, "image": {"repository": "r", "digest": "d"}, "labels": {"a": "1"}}
_SCHEMA: Values = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "required": ["image"],
    "properties": {
        "replicas": {"type": "integer", "minimum": 1, "maximum": 5},
        "step": {"type": "integer", "multipleOf": 2},
        "ratio": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]+$"},
        "image": {
            "type": "object",
            "additionalProperties": False,
            "required": ["repository", "digest"],
            "properties": {"repository": {"type": "string"}, "digest": {"type": ["string", "null"]}},
        },
        "kind": {"enum": ["a", "b"]},
        "fixed": {"const": "x"},
        "ports": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "uniqueItems": True,
            "items": {"type": "integer"},
        },
        "labels": {
            "type": "object",
            "maxProperties": 2,
            "propertyNames": {"pattern": "^[a-z]+$"},
            "additionalProperties": {"type": "string"},
        },
        "never": {"not": {"type": "string"}},
        "surge": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+%$"}]},
        "binding": {
            "type": "object",
            "if": {"required": ["on"], "properties": {"on": {"const": True}}},
            "then": {"required": ["arn"]},
            "else": {"properties": {"arn": {"maxLength": 0}}},
        },
    },
}
_TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-config", namespace: "{{ .Release.Namespace }}"}
data: {replicas: "{{ .Values.replicas }}"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ required "a name is needed" .Values.name }}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a small chart."""
    folder = tmp_path / "demo"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump(_ABOUT))
    (folder / "values.yaml").write_text(yaml.safe_dump(_DEFAULTS))
    (folder / "values.schema.json").write_text(json.dumps(_SCHEMA))
    (folder / "templates" / "all.yaml").write_text(_TEMPLATE)
    return folder


def _said_by_helm(folder: Path, values: Values) -> str:
    given = folder.parent / "given.json"
    given.write_text(json.dumps(values))
    done = subprocess.run(
        [_HELM, "template", "web", folder, "--values", given], capture_output=True, text=True, check=False
    )
    return done.stderr.removeprefix("Error: ").strip()


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": "three"},
        {"replicas": True},
        {"replicas": 2.5},
        {"replicas": 0},
        {"replicas": 9, "step": 3},
        {"ratio": 0},
        {"ratio": 1},
        {"name": ""},
        {"name": "ABCD"},
        {"image": None},
        {"image": "r@d"},
        {"image": {"digest": 7, "tag": "latest"}},
        {"image": {"repository": None}},
        {"kind": "c", "fixed": "y"},
        {"ports": []},
        {"ports": [80, 80, "81", 80]},
        {"labels": {"B": "2", "c": 3}},
        {"never": "x"},
        {"surge": 0},
        {"surge": "all"},
        {"surge": []},
        {"binding": {"on": True}},
        {"binding": {"on": False, "arn": "x"}},
        {"bogus": 1, "zed": 2},
    ],
    ids=json.dumps,
)
def test_values_are_refused_in_helms_words(folder: Path, values: Values) -> None:
    ours = charts.load(str(folder)).problems(values).strip().splitlines()
    # Helm's order is that of a Go map: another one each time.
    assert ours[:2] == _said_by_helm(folder, values).splitlines()[:2]
    assert sorted(ours[2:]) == sorted(_said_by_helm(folder, values).splitlines()[2:])
    assert len(ours) > 2


@pytest.mark.parametrize(
    "values",
    [
        {"name": "web"},
        {"name": "web", "replicas": 3.0, "labels": {"b": "2"}},
        {"name": "web", "image": {"digest": "e"}},
        {"name": "web", "labels": None},
        {"name": "web", "ports": [1, 2]},
    ],
    ids=json.dumps,
)
def test_values_that_helm_takes_are_taken(folder: Path, values: Values) -> None:
    assert _said_by_helm(folder, values) == ""
    assert charts.load(str(folder)).problems(values) == ""


def test_a_chart_without_a_schema_takes_everything(folder: Path) -> None:
    (folder / "values.schema.json").unlink()
    assert charts.load(str(folder)).problems({"replicas": "x"}) == ""


def test_given_values_lie_over_those_of_the_chart(folder: Path) -> None:
    merged = charts.load(str(folder)).merged({"image": {"digest": "e"}, "labels": None, "ports": [1]})
    assert merged == {"replicas": 2, "image": {"repository": "r", "digest": "e"}, "ports": [1]}


def _checksum(folder: Path, name: str = "web", values: Value = None) -> str:
    return charts.load(str(folder)).checksum(name, "shop", values if isinstance(values, dict) else {})


def test_the_checksum_changes_with_what_the_release_looks_like(folder: Path) -> None:
    before = _checksum(folder)
    assert before == _checksum(folder)
    assert before != _checksum(folder, "other")
    assert before != _checksum(folder, values={"replicas": 3})
    # What the chart says by itself may as well be said.
    assert before == _checksum(folder, values={"replicas": 2})
    for path in ("templates/all.yaml", "templates/_helpers.tpl", "Chart.yaml", "values.yaml", "crds/new.yaml"):
        (folder / path).parent.mkdir(exist_ok=True)
        with (folder / path).open("a") as file:
            file.write("more: 1\n" if path == "values.yaml" else "\n# more\n")
        after = _checksum(folder)
        assert after != before, path
        before = after


@pytest.mark.parametrize("path", ["README.md", "templates/NOTES.txt", "values.schema.json", "ci/test-values.yaml"])
def test_what_reaches_no_cluster_changes_no_checksum(folder: Path, path: str) -> None:
    before = _checksum(folder)
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("{}\n")
    assert _checksum(folder) == before


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"type": "library"}, "library charts are not installable"),
        ({"dependencies": [{"name": "redis"}]}, "dependencies, which the sandbox does not serve"),
        ({"version": None}, "chart.metadata.version is required"),
    ],
)
def test_charts_that_cannot_be_installed_are_refused(folder: Path, about: dict[str, object], words: str) -> None:
    (folder / "Chart.yaml").write_text(yaml.safe_dump({**_ABOUT, **about}))
    with pytest.raises(Refusal, match=words):
        charts.load(str(folder))


def test_where_there_is_no_chart_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r'path ".*/none" not found'):
        charts.load(str(tmp_path / "none"))
    with pytest.raises(Refusal, match=r'"charts/none" is no folder with a Chart\.yaml'):
        charts.load("charts/none")
    (tmp_path / "Chart.yaml").write_text("name: [")
    with pytest.raises(Refusal, match=r"cannot load Chart\.yaml"):
        charts.load(str(tmp_path))


def test_helm_names_what_a_release_makes(folder: Path) -> None:
    chart = charts.load(str(folder))
    assert charts.resource_names(chart, "web", "shop", {"name": "web"}, "1.33") == {
        "ClusterRole.rbac.authorization.k8s.io/v1": ["web"],
        "ConfigMap/v1": ["shop/web-config"],
    }
    with pytest.raises(Refusal, match="a name is needed"):
        charts.resource_names(chart, "web", "shop", {}, "1.33")


def test_without_helm_nothing_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setattr(sys, "executable", os.fspath(tmp_path / "python"))
    assert charts.resource_names(charts.load(str(folder)), "web", "shop", {}, "1.33") is None
