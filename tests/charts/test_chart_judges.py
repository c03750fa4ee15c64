"""What others say of the chart, whichever of its switches are on: Helm, Kubernetes' schemas, kube-score, checkov."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest
import yaml

from automation.scan.runner import check_text
from automation.toolchain.kube_score import KUBE_SCORE, findings
from tests.charts.chart import CHART, EVERYTHING, SCHEMA, VERSIONS, Manifest, check, helm, kinds, objects, pods, text

SWEEP = os.environ.get("MODESHIFT_CHART_SWEEP") == "1"
VALUES = sorted(CHART.glob("ci/*-values.yaml"))


def switches(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the key of every boolean of the schema."""
    for name, referring in schema.get("properties", {}).items():
        below = SCHEMA["definitions"][referring["$ref"].rpartition("/")[2]] if "$ref" in referring else referring
        if below.get("type") == "boolean":
            yield f"{path}{name}"
        yield from switches(below, f"{path}{name}.")


SWITCHES = [*switches(SCHEMA), "worker"]


def switched(states: Sequence[bool]) -> dict[str, Any]:
    """Return all values, with each switch in a state; without a server there is a worker and nothing in front of it."""
    values = copy.deepcopy(EVERYTHING)
    state = dict(zip(SWITCHES, states, strict=True))
    if not state["server.enabled"]:
        state |= {"worker": True, "targetGroupBinding.enabled": False, "ingress.enabled": False}
    if not state.pop("worker"):
        values["worker"] = {}
    for switch, on in state.items():
        *blocks, key = switch.split(".")
        inner = values
        for block in blocks:
            inner = inner.setdefault(block, {})
        inner[key] = on
    return values


def is_on(values: dict[str, Any], switch: str) -> bool:
    """Tell whether a switch is on in values that `switched` made."""
    for key in switch.split("."):
        values = values[key]
    return bool(values)


def pairwise(count: int) -> list[tuple[bool, ...]]:
    """Return few states in which every two switches meet in all four ways."""
    everything = list(product((True, False), repeat=count))
    chosen: list[tuple[bool, ...]] = []
    missing = set.union(*map(_pairs, everything))
    while missing:
        chosen.append(max(everything, key=lambda states: len(_pairs(states) & missing)))
        missing -= _pairs(chosen[-1])
    return chosen


@cache
def _pairs(states: tuple[bool, ...]) -> set[tuple[tuple[int, bool], tuple[int, bool]]]:
    return set(combinations(enumerate(states), 2))


STATES = list(product((True, False), repeat=len(SWITCHES))) if SWEEP else pairwise(len(SWITCHES))


def test_every_switch_is_known() -> None:
    assert SWITCHES == [
        "icmp",
        "server.enabled",
        "autoscaling.enabled",
        "worker.autoscaling.enabled",
        "serviceAccount.create",
        "serviceAccount.podIdentity",
        "targetGroupBinding.enabled",
        "ingress.enabled",
        "externalSecret.enabled",
        "resourceQuota.enabled",
        "limitRange.enabled",
        "worker",
    ]


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_helm_finds_nothing(values: object) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), "--values", str(values))


@pytest.mark.timeout(1800)
def test_every_combination_is_what_four_versions_of_kubernetes_take() -> None:
    assert len(VERSIONS) == 4
    made_by = {
        "serviceAccount.create": "ServiceAccount",
        "targetGroupBinding.enabled": "TargetGroupBinding",
        "ingress.enabled": "Ingress",
        "externalSecret.enabled": "ExternalSecret",
        "resourceQuota.enabled": "ResourceQuota",
        "limitRange.enabled": "LimitRange",
    }
    for states in STATES:
        values = switched(states)
        made = objects(values)
        for one in made:
            check(one)
        assert kinds(made) & set(made_by.values()) == {made_by[switch] for switch in made_by if is_on(values, switch)}
        server, worker = values["server"]["enabled"], bool(values["worker"].get("command"))
        counted = [server and values["autoscaling"]["enabled"], worker and values["worker"]["autoscaling"]["enabled"]]
        assert [one["kind"] for one in made].count("HorizontalPodAutoscaler") == sum(counted)
        assert len(list(pods(made))) == 2 * server + worker


def test_the_check_itself_finds_what_is_wrong() -> None:
    for kind in kinds(objects(EVERYTHING)):
        one = next(one for one in objects(EVERYTHING) if one["kind"] == kind)
        spoilt: Manifest = copy.deepcopy(one)
        spoilt.get("spec", spoilt)["unheardOf"] = True
        with pytest.raises(Exception, match="unheardOf"):
            check(spoilt)


def test_kube_score_finds_nothing() -> None:
    program = KUBE_SCORE.cached()
    if not program.is_file():
        pytest.skip("kube-score is not built: make chart does it")
    for states in STATES if len(STATES) < 100 else STATES[::50]:
        assert findings(program, text(switched(states))) == ""
    assert "[CRITICAL]" in findings(program, text(EVERYTHING).replace("readOnlyRootFilesystem: true", ""))


def scanned(values: Sequence[dict[str, Any]]) -> str:
    """Return what each values make as one manifest, told apart by its namespace."""
    return "".join(text(one, namespace=f"shop-{number}") for number, one in enumerate(values))


def skips(manifest: str) -> set[str]:
    """Return checkov's exceptions in a manifest: `CHECK=reason`."""
    found = (one["metadata"].get("annotations", {}) for one in yaml.safe_load_all(manifest) if one)
    return {value for annotations in found for name, value in annotations.items() if name.startswith("checkov.io/")}


def test_every_exception_for_checkov_has_its_reason() -> None:
    for skip in skips(text(EVERYTHING)):
        check_id, _, reason = skip.partition("=")
        assert check_id in {"CKV_K8S_8", "CKV_K8S_9", "CKV_K8S_35"}
        assert len(reason.split()) > 5


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.environ.get("MODESHIFT_CHECKOV") != "1", reason="MODESHIFT_CHECKOV=1 fetches checkov (190 MB)")
def test_checkov_finds_nothing() -> None:
    values = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in VALUES]
    checked = check_text(scanned(values), "chart.yaml", framework="kubernetes")
    assert checked.failures == ()
    assert checked.passed > 300
    spoilt = scanned(values).replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    assert {one.check for one in check_text(spoilt, "chart.yaml", framework="kubernetes").failures} == {"CKV_K8S_20"}
