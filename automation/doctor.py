"""Which tools there are, where they come from, what is missing, and the command that puts it right.

Standard library only, so that it also answers where set-up failed: `python3 -m automation.doctor`. It asks nobody on
the network and shows no value of a secret.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from automation.toolchain import PULUMI_VERSION, environment, pulumi_cli
from automation.toolchain import go as go_modules
from automation.toolchain.places import ROOT, TOOLS, VENV, cache
from automation.toolchain.versions import ask, remembered, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

HEADINGS = ("tool", "version", "from", "status", "what to do")
_SET_UP = "make setup"
_SHOWN = 3
_EKS = re.compile(r"^[^#]*\beks\b", re.MULTILINE)


class Status(Enum):
    """How a tool stands; `ABSENT` is for those that not everyone needs."""

    OK = "ok"
    MISSING = "missing"
    OUTDATED = "outdated"
    ABSENT = "not here"


_STYLE = {Status.OK: "", Status.MISSING: "red", Status.OUTDATED: "red", Status.ABSENT: "dim"}


@dataclass(frozen=True)
class Tool:
    """One tool: `origin` says where it was found, `fix` the command or sentence that helps when it was not."""

    name: str
    version: str
    origin: str
    status: Status
    fix: str = ""

    def document(self) -> dict[str, str]:
        """Return what a program reads."""
        return {"name": self.name, "version": self.version, "origin": self.origin, "status": self.status.value} | (
            {"fix": self.fix} if self.fix else {}
        )


def report() -> tuple[list[Tool], bool]:
    """Return every tool, and whether all that is needed is there."""
    tools = diagnose()
    return tools, all(tool.status in {Status.OK, Status.ABSENT} for tool in tools)


def diagnose() -> list[Tool]:
    """Look at every tool this project can use."""
    return [
        _python(),
        _uv(),
        _environment(),
        _pulumi(),
        _language_host(),
        _go(),
        _plugin("aws"),
        _plugin("awsx"),
        *_for_eks(),
        _credentials(),
        _program("docker", "only to build images"),
        _program("git", "to name a release by its commit"),
    ]


def rows(tools: Sequence[Tool]) -> list[tuple[str, str, str, str, str]]:
    """Return the table's rows, under `HEADINGS`."""
    return [(tool.name, tool.version or "–", tool.origin or "–", tool.status.value, tool.fix) for tool in tools]


def table(tools: Sequence[Tool]) -> Table:
    """Return the table for a terminal; `main` prints the same rows where rich is not installed yet."""
    from rich.table import Table  # noqa: PLC0415 this module also runs before the environment exists

    view = Table(*HEADINGS, box=None, header_style="bold", pad_edge=False)
    for tool, row in zip(tools, rows(tools), strict=True):
        view.add_row(*row, style=_STYLE[tool.status])
    return view


def _python() -> Tool:
    fits = sys.version_info >= environment.PYTHON_MINIMUM
    fix = "" if fits else f"install Python {show(environment.PYTHON_MINIMUM)} or newer, then: make PYTHON=python3.12 up"
    version = show(sys.version_info[:3])
    return Tool("Python", version, _short(Path(sys.executable)), Status.OK if fits else Status.OUTDATED, fix)


def _uv() -> Tool:
    uv = environment.find_uv() or VENV / "bin" / "uv"
    version = show(ask(uv, ["--version"]))
    return Tool("uv", version, _short(uv), Status.OK) if version else Tool("uv", "", "", Status.MISSING, _SET_UP)


def _environment() -> Tool:
    if not (VENV / "bin" / "python").exists():
        return Tool("environment", "", "", Status.MISSING, _SET_UP)
    version = show(ask(VENV / "bin" / "python", ["--version"]))
    if environment.ready():
        return Tool("environment", version, _short(VENV), Status.OK)
    drifted = environment.drifted()
    named = ", ".join([*drifted[:_SHOWN], *(["…"] if len(drifted) > _SHOWN else [])])
    why = f"{len(drifted)} packages are not as locked: {named}" if drifted else "lock or project file changed"
    return Tool("environment", version, _short(VENV), Status.OUTDATED, f"{_SET_UP} ({why})")


def _pulumi() -> Tool:
    binary = pulumi_cli.find()
    if binary is not None:
        origin = f"{_short(binary)} ({'set-up' if binary == pulumi_cli.cached() else 'PATH'})"
        return Tool("Pulumi CLI", show(remembered(binary, ["version"])), origin, Status.OK)
    on_path = shutil.which("pulumi")
    if on_path is None:
        return Tool("Pulumi CLI", "", "", Status.MISSING, f"{_SET_UP} (puts {PULUMI_VERSION} in {_short(cache())})")
    wanted = f"{show(pulumi_cli.PULUMI_MINIMUM)} or newer, below {show(pulumi_cli.PULUMI_BELOW)}"
    version = show(ask(Path(on_path), ["version"]))
    return Tool("Pulumi CLI", version, _short(Path(on_path)), Status.OUTDATED, f"{_SET_UP} (needs {wanted})")


def _language_host() -> Tool:
    name = "Python language host"
    binary = pulumi_cli.find()
    beside = binary.resolve().with_name("pulumi-language-python") if binary else None
    on_path = shutil.which("pulumi-language-python")
    if beside is not None and beside.exists():
        return Tool(name, "", _short(beside), Status.OK)
    return Tool(name, "", on_path or "built in (modeshift's own small host)", Status.OK)


def _go() -> Tool:
    go = go_modules.find(TOOLS)
    if go is not None:
        return Tool("Go", show(ask(go, ["version"])), _short(go), Status.OK)
    fix = f"only to build the Pulumi CLI; set-up then takes Go {show(go_modules.minimum(TOOLS))} or newer from PyPI"
    return Tool("Go", "", "", Status.ABSENT, fix)


def _plugin(package: str) -> Tool:
    name = f"{package} provider"
    version = environment.locked_version(f"pulumi-{package}")
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folder = home / "plugins" / f"resource-{package}-v{version}"
    if folder.is_dir():
        return Tool(name, version, _short(folder), Status.OK)
    return Tool(
        name, "", "", Status.ABSENT, f"only for --cloud aws: pulumi plugin install resource {package} {version}"
    )


def _for_eks() -> list[Tool]:
    """Look for what only stacks on EKS need, if there is one; their files are read as text, for want of a parser."""
    texts = [path.read_text("utf-8", errors="replace") for path in sorted(ROOT.glob("Pulumi.*.yaml"))]
    if not any(_EKS.search(text) for text in texts):
        return []
    return [_plugin("eks"), _plugin("kubernetes"), _program("aws", "only for --cloud aws, to reach clusters")]


def _credentials() -> Tool:
    """Look for credentials where the AWS SDKs look first; whether they work only AWS can tell."""
    name = "AWS credentials"
    variables = (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    for variable in variables:
        if os.environ.get(variable):
            return Tool(name, "", f"environment: {variable}", Status.OK)
    files = (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config"))
    for variable, default in files:
        path = Path(os.environ.get(variable) or Path.home() / ".aws" / default)
        if path.is_file():
            return Tool(name, "", _short(path), Status.OK)
    return Tool(name, "", "", Status.ABSENT, "only for --cloud aws: aws configure sso")


def _program(name: str, purpose: str) -> Tool:
    path = shutil.which(name)
    if path is None:
        return Tool(name, "", "", Status.ABSENT, f"{purpose}: install {name}")
    return Tool(name, show(ask(Path(path), ["--version"])), _short(Path(path)), Status.OK)


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def main() -> int:
    """Print the table; return 0 when all that is needed is there."""
    tools, fine = report()
    table = [HEADINGS, *rows(tools)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    for row in table:
        print("  ".join(cell.ljust(widths[column]) for column, cell in enumerate(row)).rstrip())
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
