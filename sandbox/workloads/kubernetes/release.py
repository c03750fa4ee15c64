"""A release as Helm carries it out: install, upgrade, and the way back when it does not get ready.

Source: Helm 3 (`pkg/action`: install, upgrade, rollback; `pkg/kube/ready.go`), whose words these are, and the Release
of pulumi-kubernetes: it waits unless `skipAwait`, for `timeout` seconds; `atomic` is Helm's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.workloads.containers.health import grace
from sandbox.workloads.kubernetes.manifests import ManifestError, read
from sandbox.workloads.surfaces import Outcome

if TYPE_CHECKING:
    from sandbox.workloads.clock import Clock
    from sandbox.workloads.events import Level
    from sandbox.workloads.kubernetes.chart import Rendered
    from sandbox.workloads.kubernetes.history import History, Revision
    from sandbox.workloads.kubernetes.installation import Installation

_TIMED_OUT = "context deadline exceeded"


@dataclass(frozen=True)
class Settings:
    """How a release is to be carried out."""

    atomic: bool
    wait: bool
    timeout: float
    kept: int
    """Revisions to remember; 0 is all."""


class Release:
    """One release in a cluster."""

    def __init__(
        self, name: str, installation: Installation, history: History, clock: Clock, note: Callable[[Level, str], None]
    ) -> None:
        self.installation = installation
        self._name = name
        self._history = history
        self._clock = clock
        self._note = note

    async def deploy(self, wanted: Rendered, settings: Settings) -> Outcome:
        """Make it what is wanted, and return once that is so or has failed for good."""
        history = self._history
        deployed = history.deployed
        known = deployed is not None and wanted.checksum in {history.attempted, deployed.checksum}
        if deployed is not None and known and not history.interrupted:
            # What was attempted and failed is not attempted again, as it is not by itself in a cluster.
            history.attempted = wanted.checksum
            self.installation.want(read(deployed.text))
            return await self._wait(settings)
        history.attempted = wanted.checksum
        try:
            manifest = read(wanted.text)
        except ManifestError as error:
            self._note("error", str(error))
            return Outcome(ok=False, reason=str(error))
        upgrade = deployed is not None
        revision = history.begin(
            wanted.chart,
            wanted.checksum,
            wanted.text,
            "pending-upgrade" if upgrade else "pending-install",
            "Preparing upgrade" if upgrade else "Initial install underway",
        )
        history.keep(settings.kept)
        self.installation.want(manifest)
        outcome = await self._wait(settings)
        if outcome.ok:
            history.succeed(revision, "Upgrade complete" if upgrade else "Install complete")
            self._note("info", f"Revision {revision.revision}: {revision.description}")
        else:
            outcome = await self._fail(revision, outcome.reason, deployed, settings)
        history.keep(settings.kept)
        return outcome

    async def _fail(self, failed: Revision, reason: str, former: Revision | None, settings: Settings) -> Outcome:
        """Go back to what ran before, where the release says so."""
        verb = "Upgrade" if former else "Release"
        failed.status, failed.description = "failed", f'{verb} "{self._name}" failed: {_TIMED_OUT}'
        self._note("error", f"Revision {failed.revision}: {failed.description}: {reason}")
        if not settings.atomic:
            return Outcome(ok=False, reason=f"{_TIMED_OUT}: {reason}")
        done = "uninstalled" if former is None else "rolled back"
        if former is None:
            self._history.revisions.clear()
            await self.installation.clear()
        else:
            await self._roll_back(former, settings)
        self._note("warning", f"release {self._name} failed, and has been {done} due to atomic being set")
        message = f"release {self._name} failed, and has been {done} due to atomic being set: {_TIMED_OUT}: {reason}"
        return Outcome(ok=False, reason=message)

    async def _roll_back(self, former: Revision, settings: Settings) -> None:
        description = f"Rollback to {former.revision}"
        made = self._history.begin(former.chart, former.checksum, former.text, "pending-rollback", description)
        self.installation.want(read(former.text))
        outcome = await self._wait(settings)
        if outcome.ok:
            self._history.succeed(made, description)
        else:
            made.status, made.description = "failed", f'Rollback "{self._name}" failed: {_TIMED_OUT}'
            self._note("error", f"Revision {made.revision}: {made.description}: {outcome.reason}")

    async def _wait(self, settings: Settings) -> Outcome:
        """Wait as long as Helm does for pods to be ready; an update past its own deadline is not waited for."""
        if not settings.wait:
            return Outcome(ok=True)
        installation = self.installation
        with suppress(TimeoutError):
            async with asyncio.timeout(grace(self._clock, settings.timeout)):
                await installation.until(lambda: installation.ready() or installation.exceeded())
        if installation.ready():
            return Outcome(ok=True)
        return Outcome(ok=False, reason=installation.trouble() or "its pods did not get ready in time")

    def describe(self) -> dict[str, Any]:
        """Return what it is, as JSON."""
        revisions = self._history.revisions
        last = revisions[-1] if revisions else None
        return {
            "chart": last.chart if last else "",
            "revision": last.revision if last else 0,
            "status": last.status if last else "uninstalled",
            "description": last.description if last else "",
            "history": [
                {"revision": one.revision, "status": one.status, "chart": one.chart, "description": one.description}
                for one in revisions
            ],
            **self.installation.describe(),
        }
