"""The real engine against a sandbox of a test's own, with plain programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.language_host import serve
from sandbox import attachments
from sandbox.control.account import Account
from sandbox.server import running

_TIMEOUT = 120


def _pulumi() -> str:
    found = shutil.which("pulumi")
    if found is None:
        from automation.toolchain import pulumi_binary  # noqa: PLC0415 - needed only without a CLI on PATH

        return str(pulumi_binary())
    return found


@dataclass(frozen=True)
class Stack:
    """A stack whose program reads `settings.json`, brought up by the engine."""

    folder: Path
    name: str
    environment: dict[str, str]

    def settle(self, **settings: object) -> None:
        (self.folder / "settings.json").write_text(json.dumps(settings))

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_pulumi(), *arguments, "--non-interactive", "--stack", self.name],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )

    def summary(self, operation: str) -> dict[str, int]:
        """Carry an operation out and return how many resources it created, updated and so on."""
        return next(
            event["summaryEvent"]["resourceChanges"] for event in self.events(operation) if "summaryEvent" in event
        )

    def events(self, operation: str) -> list[dict[str, Any]]:
        """Carry an operation out and return what the engine told."""
        log = self.folder / "events"
        confirmed = () if operation == "preview" else ("--yes", "--skip-preview")
        done = self.pulumi(operation, "--event-log", str(log), *confirmed)
        assert done.returncode == 0, done.stdout + done.stderr
        events = [json.loads(line) for line in log.read_text().splitlines()]
        log.unlink()
        return events

    def failure(self, operation: str) -> str:
        done = self.pulumi(operation, *(() if operation == "preview" else ("--yes", "--skip-preview")))
        assert done.returncode != 0
        return done.stdout + done.stderr

    def output(self, name: str) -> str:
        return str(self.outputs()[name])

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json").stdout)


@dataclass(frozen=True)
class Sandbox:
    """A server and its account, for any number of stacks."""

    folder: Path
    environment: dict[str, str]
    account: Account

    def stack(self, program: str, name: str = "dev", region: str = "us-east-1") -> Stack:
        folder = self.folder / name
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (folder / f"Pulumi.{name}.yaml").write_text(f"config:\n  aws:region: {region}\n")
        (folder / "__main__.py").write_text(program)
        stack = Stack(folder, name, self.environment)
        stack.settle()
        made = stack.pulumi("stack", "init")
        assert made.returncode == 0, made.stderr
        return stack


@contextmanager
def opened(folder: Path) -> Iterator[Sandbox]:
    """Start a server in a folder, and end it with the block."""
    with running(folder / "account") as providers:
        account = Account(folder / "account")
        with attached(folder, account, providers) as sandbox:
            yield sandbox
        account.close()


@contextmanager
def attached(folder: Path, account: Account, providers: int) -> Iterator[Sandbox]:
    """Let engines use a server of an account at a port, and keep their state in a folder."""
    (folder / "state").mkdir()
    with serve(port=0, lists_packages=False) as host:
        environment = {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DEBUG_LANGUAGES": f"python:{host}",
            "PULUMI_DEBUG_PROVIDERS": attachments(providers),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        yield Sandbox(folder, environment, account)
