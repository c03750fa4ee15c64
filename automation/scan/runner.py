"""Run checkov in an environment of its own: it brings 190 MB and versions that are not ours."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.errors import Exit, UserError
from automation.toolchain import environment

VERSION = "3.3.30"
_MINUTES = 10
# Checks of whether something is set count a value that only the cloud will tell; nothing is asked of a server.
_SETTINGS = {"EVAL_TF_PLAN_AFTER_UNKNOWN": "true", "LOG_LEVEL": "ERROR"}


@dataclass(frozen=True)
class Failure:
    """One check that a resource failed."""

    check: str
    title: str
    address: str


@dataclass(frozen=True)
class Checked:
    """What checkov says of a plan."""

    passed: int
    failures: tuple[Failure, ...]


def run_checkov(plan: Mapping[str, Any]) -> Checked:
    """Let checkov judge a Terraform plan.

    Raises:
        UserError: checkov is not here and cannot be fetched, or says nothing that can be read.
    """
    return check_text(json.dumps(plan), "plan.json", framework="terraform_plan")


def check_text(text: str, name: str, *, framework: str) -> Checked:
    """Let checkov judge a text. It lies in a file for its owner only, and for no longer than that.

    Args:
        text: what the file holds.
        name: what the file is called, by which checkov knows its kind.
        framework: checkov's word for what it is.

    Raises:
        UserError: checkov is not here and cannot be fetched, or says nothing that can be read.
    """
    uv = environment.find_uv()
    if uv is None:
        raise UserError("uv, which fetches checkov, is missing.", hint="make setup installs it.", code=Exit.FAILED)
    with tempfile.TemporaryDirectory(prefix="modeshift-scan-") as folder:
        file = Path(folder) / name
        # Others could read a file in the moment before it is closed to them.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        return parse(_answer(uv, file, framework))


def parse(text: str) -> Checked:
    """Read checkov's JSON.

    Raises:
        UserError: it is none.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        raise _unreadable(text) from None
    # One framework gives an object, several a list, and a plan that nothing was checked in only the counts.
    reports = document if isinstance(document, list) else [document]
    counts = [report.get("summary") or report for report in reports]
    if any(count.get("parsing_errors") for count in counts):
        raise _unreadable("it could not parse what it was given")
    return Checked(
        sum(count["passed"] for count in counts),
        tuple(sorted(_failures(reports), key=lambda one: (one.check, one.address))),
    )


def _failures(reports: list[Mapping[str, Any]]) -> Iterator[Failure]:
    for report in reports:
        for one in (report.get("results") or {}).get("failed_checks") or ():
            yield Failure(one["check_id"], one["check_name"].rstrip("."), one["resource"])


def _answer(uv: Path, file: Path, framework: str) -> str:
    command = [str(uv), "tool", "run", "--from", f"checkov=={VERSION}", "checkov", "--file", str(file)]
    options = ["--framework", framework, "--output", "json", "--quiet", "--compact", "--soft-fail"]
    try:
        answer = subprocess.run(
            [*command, *options, "--skip-download"],
            env={**os.environ, **environment.index(), **_SETTINGS},
            cwd=file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MINUTES * 60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"checkov {VERSION} gave no answer in {_MINUTES} minutes.", hint="Run it again.", code=Exit.FAILED
        ) from None
    if answer.returncode != 0:
        raise UserError(
            f"checkov {VERSION} could not be fetched or run: {_last_line(answer.stderr)}",
            hint="It comes from the package index (190 MB, once): is that reachable?",
            code=Exit.FAILED,
        )
    return answer.stdout


def _unreadable(text: str) -> UserError:
    return UserError(
        f"checkov {VERSION} gave no result that can be read: {_last_line(text)}",
        hint="Run it again; if that does not help, this is a mistake of ours to report.",
        code=Exit.FAILED,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]
