"""How the kubelet finds out whether a container has started, lives and is ready.

Source: the kubelet's prober (`pkg/kubelet/prober`, `pkg/probe`): HTTP answers from 200 to 399 pass, each request comes
over a connection of its own, and a result counts once it came as often in a row as the probe's threshold says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from sandbox.workloads.containers.spec import CannotStartError

if TYPE_CHECKING:
    from sandbox.workloads.containers.process import Container
    from sandbox.workloads.kubernetes.objects import Probe

_PASSES = range(200, 400)
_AGENT = "kube-probe/1.0"
_SHOWN = 200
_TIMED_OUT = "context deadline exceeded"


@dataclass
class Tally:
    """What a probe says by its last results; a threshold has to be reached before it says something else."""

    failures: int
    successes: int
    passing: bool
    _row: int = 0
    _last: bool | None = None

    def count(self, *, passed: bool) -> bool:
        """Count a result; return whether that makes a threshold full."""
        self._row = self._row + 1 if passed == self._last else 1
        self._last = passed
        if self._row < (self.successes if passed else self.failures):
            return False
        self.passing = passed
        return True


async def ask(session: aiohttp.ClientSession, container: Container, probe: Probe) -> str:
    """Return why a container does not pass a probe, empty when it does; a deadline is in seconds of this machine."""
    if probe.command:
        return await _execute(container, probe)
    url = f"http://{container.host}:{container.port}{probe.path}"
    try:
        async with session.get(
            url,
            timeout=aiohttp.ClientTimeout(total=probe.timeout),
            headers={"User-Agent": _AGENT, "Connection": "close", "Accept": "*/*"},
        ) as answer:
            if answer.status in _PASSES:
                return ""
            return f"HTTP probe failed with statuscode: {answer.status}"
    except TimeoutError:
        return f'Get "{url}": {_TIMED_OUT} (Client.Timeout exceeded while awaiting headers)'
    except aiohttp.ClientConnectorError as error:
        return f'Get "{url}": dial tcp {container.host}:{container.port}: connect: {error.strerror or error}'.lower()
    except (aiohttp.ClientError, OSError) as error:
        return f'Get "{url}": {error}'


async def _execute(container: Container, probe: Probe) -> str:
    try:
        done = await container.execute(probe.command, probe.timeout)
    except (CannotStartError, OSError) as error:
        return str(error)
    if done.exit_code is None:
        return f'command "{" ".join(probe.command)}" timed out'
    return "" if done.exit_code == 0 else done.output.strip()[-_SHOWN:] or f"exit code {done.exit_code}"
