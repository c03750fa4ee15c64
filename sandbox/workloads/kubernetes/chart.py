"""Charts as Helm renders them for a cluster; the same chart with the same values is rendered once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from sandbox.control import charts
from sandbox.control.wire import Values

_KEPT = 64


@dataclass(frozen=True)
class Rendered:
    """What Helm made of a chart."""

    chart: str
    """Name and version."""
    checksum: str
    """The same for the same chart with the same values."""
    text: str


class Renderer:
    """Renders charts, which are in folders below a checkout unless their path says otherwise."""

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._known: OrderedDict[tuple[str, str], Rendered] = OrderedDict()

    async def render(self, chart: str, name: str, namespace: str, values: Values, kubernetes: str) -> Rendered:
        """Return what a release asks of a cluster of a version.

        Raises:
            Refusal: Helm refuses to render it, or is not there; the message is its own.

        """
        return await asyncio.to_thread(self._render, chart, name, namespace, values, kubernetes)

    def _render(self, chart: str, name: str, namespace: str, values: Values, kubernetes: str) -> Rendered:
        found = charts.load(str(self._checkout / chart))
        checksum = found.checksum(name, namespace, values)
        key = checksum, kubernetes
        if key not in self._known:
            text = charts.manifest(found, name, namespace, values, kubernetes)
            self._known[key] = Rendered(f"{found.name}-{found.version}", checksum, text)
        self._known.move_to_end(key)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return self._known[key]
