"""The whole life of one stack in the sandbox, for any valid settings; what must hold at each step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from automation import operations, recovery
from automation.cloud import Cloud, Session, ensure_stack, open_session
from automation.operations import Result
from automation.plan import Op
from automation.project import Project
from sandbox.control.account import Account
from stacks.errors import SettingsError
from stacks.load import resolve
from tests.e2e.conftest import Workspace
from tests.strategies import ADDED, SERVICE_NAMES

Config = dict[str, Any]
Edit = Callable[[dict[str, Any]], None]

STACK = "any"
_FACTS = Path(__file__).resolve().parents[2] / "sandbox/control/facts"


def live(workspace: Workspace, config: Config, edit: str) -> None:
    """Preview, bring up, repeat, change one thing, destroy; raise AssertionError where something is not as promised."""
    life = _Life(workspace)
    life.write(config)
    with open_session(life.project, STACK, Cloud.SANDBOX, runs=False) as session:
        preview = life.run(operations.preview, session)
        assert life.account() == {}, "a preview created something"
        up = life.run(operations.up, session)
        assert up.plan.counts() == preview.plan.counts(), f"previewed {preview.plan.counts()}, did {up.plan.counts()}"
        life.nothing_changes(session)

        changed = edited(config, edit)
        if changed is not None:
            life.write(changed)
            ensure_stack(life.project, STACK, Cloud.SANDBOX)
            plan = life.run(operations.preview, session)
            _replaces_only_what_must_be(plan)
            done = life.run(operations.up, session)
            assert done.plan.counts() == plan.plan.counts(), f"previewed {plan.plan.counts()}, did {done.plan.counts()}"
            life.nothing_changes(session)
        recovery.lift_guards(session, life.console)
        life.run(operations.destroy, session)
        assert life.account() == {}, "destroy left something"


class _Life:
    """One stack in one workspace, with the engine's providers kept running between its steps."""

    def __init__(self, workspace: Workspace) -> None:
        self.project = Project(workspace.root, workspace.root / ".modeshift")
        self.console = Console(file=StringIO())
        workspace.offer(*SERVICE_NAMES)

    def write(self, config: Config) -> None:
        (self.project.root / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": config}))

    def run(self, operation: Callable[[Session, Console], Result], session: Session) -> Result:
        result = operation(session, self.console)
        said = "\n".join(error.message for error in result.plan.errors())
        assert result.ok, f"{operation.__name__}: {said}"
        return result

    def nothing_changes(self, session: Session) -> None:
        changes = self.run(operations.up, session).plan.changed()
        assert changes == [], f"a second up changes {changes}"

    def account(self) -> dict[str, int]:
        account = Account(self.project.sandbox)
        try:
            return account.summary()
        finally:
            account.close()


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
    config.setdefault("modeshift:services", {"netprobe": {"route": "/"}})[ADDED] = {"route": f"/{ADDED}"}


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


def _replaces_only_what_must_be(result: Result) -> None:
    replacing = _replacing_properties()
    for change in result.plan.changed():
        if change.op is Op.REPLACE:
            causes = {cause.partition(".")[0].partition("[")[0] for cause in change.causes}
            assert causes, f"{change.urn} is replaced without a cause"
            assert causes <= replacing[change.type], f"{change.urn} is replaced because of {causes}"


def _replacing_properties() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in _FACTS.glob("*.yaml"):
        for token, fact in yaml.safe_load(path.read_text()).items():
            names = [*fact.get("replace", []), *(each["prop"] for each in fact.get("replace_if", []))]
            found[token] = {name.partition(".")[0].partition("[")[0] for name in names}
    return found
