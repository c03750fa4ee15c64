"""The whole life of one stack in the sandbox, for any valid settings; what must hold at each step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from stacks.errors import SettingsError
from stacks.load import resolve
from tests.e2e.conftest import Ran, Workspace

Config = dict[str, Any]
Edit = Callable[[dict[str, Any]], None]

STACK = "any"
_FACTS = Path(__file__).resolve().parents[2] / "sandbox/control/facts"


def live(workspace: Workspace, config: Config, edit: str) -> None:
    """Preview, bring up, repeat, change one thing, destroy; raise AssertionError where something is not as promised."""
    _write(workspace, config)
    preview = _ran(workspace, "preview")
    assert workspace.account() == [], "a preview created something"
    up = _ran(workspace, "up", "--skip-preview", "--yes")
    assert up.summary == preview.summary, f"previewed {preview.summary}, did {up.summary}"
    _nothing_changes(workspace)

    changed = edited(config, edit)
    if changed is not None:
        _write(workspace, changed)
        plan = _ran(workspace, "preview")
        _replaces_only_what_must_be(plan)
        done = _ran(workspace, "up", "--skip-preview", "--yes")
        assert done.summary == plan.summary, f"previewed {plan.summary}, did {done.summary}"
        _nothing_changes(workspace)
    gone = _ran(workspace, "destroy", "--yes", "--unprotect")
    assert gone.summary["delete"] > 0
    assert workspace.account() == [], "destroy left something"


def edited(config: Config, name: str) -> Config | None:
    """Return the config after an edit, or None where the result would not be valid."""
    changed = copy.deepcopy(config)
    EDITS[name](changed)
    try:
        resolve(STACK, changed)
    except SettingsError:
        return None
    return changed if changed != config else None


def _set(key: str, value: object) -> Edit:
    return lambda config: config.update({f"modeshift:{key}": value})


def _merge(key: str, **values: object) -> Edit:
    return lambda config: config.update({f"modeshift:{key}": {**config.get(f"modeshift:{key}", {}), **values}})


def _service(**values: object) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        services = config.setdefault("modeshift:services", {"netprobe": {"route": "/"}})
        first = next(iter(services))
        services[first] = {**services[first], **values}

    return edit


def _flip_mode(config: dict[str, Any]) -> None:
    now = config.get("modeshift:mode", "serverless")
    config["modeshift:mode"] = "container" if now == "serverless" else "serverless"


def _add_service(config: dict[str, Any]) -> None:
    config.setdefault("modeshift:services", {"netprobe": {"route": "/"}})["added"] = {"route": "/added"}


EDITS: dict[str, Edit] = {
    "add a service": _add_service,
    "flip the mode": _flip_mode,
    "set an environment variable": _service(env={"X_NEW": "1"}),
    "set more memory": _service(size={"cpu": 1024, "memory": 4096}),
    "set scaling": _service(scaling={"min": 1, "max": 7, "spotPercent": 50, "cpuPercent": 55}),
    "set the image": _set("image", "registry/app@sha256:" + "1" * 64),
    "set log retention": _set("logRetentionDays", 90),
    "set nat": _merge("network", nat="single"),
    "set the throttle": _merge("throttle", rate=7, burst=9),
    "set owner and tags": lambda config: config.update(
        {"modeshift:owner": "someone", "modeshift:tags": {"Team": "probe"}}
    ),
    "toggle exec": _merge("container", exec=True),
    "toggle flow logs": _merge("network", flowLogs=False),
    "toggle tracing": _merge("serverless", tracing=False),
    "use a customer key": _set("customerKey", True),
}


def _write(workspace: Workspace, config: Config) -> None:
    (workspace.root / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": config}))


def _ran(workspace: Workspace, *args: str) -> Ran:
    ran = workspace.modeshift(*args, "--stack", STACK, "--json")
    assert ran.code == 0, f"{args[0]}: {ran}"
    return ran


def _nothing_changes(workspace: Workspace) -> None:
    again = workspace.modeshift("up", "--skip-preview", "--yes", "--stack", STACK, "--json")
    assert again.code == 0, again
    changes = {op: count for op, count in again.summary.items() if op != "same" and count}
    assert changes == {}, f"a second up changes {again.document['stacks'][0]['changes']}"


def _replaces_only_what_must_be(plan: Ran) -> None:
    replacing = _replacing_properties()
    for change in plan.document["stacks"][0]["changes"]:
        if change["op"] == "replace":
            causes = {cause.partition(".")[0].partition("[")[0] for cause in change["causes"]}
            assert causes, f"{change['urn']} is replaced without a cause"
            assert causes <= replacing[change["type"]], f"{change['urn']} is replaced because of {causes}"


def _replacing_properties() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in _FACTS.glob("*.yaml"):
        for token, fact in yaml.safe_load(path.read_text()).items():
            names = [*fact.get("replace", []), *(each["prop"] for each in fact.get("replace_if", []))]
            found[token] = {name.partition(".")[0].partition("[")[0] for name in names}
    return found
