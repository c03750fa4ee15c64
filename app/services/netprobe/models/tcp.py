"""The tcp probe: can a connection be made?"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict

from app.services.netprobe.models.base import ExpectSeries, Reaching, Repeated, SeriesResult
from app.services.netprobe.models.values import Host, Port


class TcpQuery(Reaching, Repeated):
    """Asks whether TCP connections can be made; `time_ms` of an attempt is that of its connect phase."""

    kind: ClassVar[str] = "tcp"

    host: Host
    port: Port

    @property
    def ports(self) -> dict[str, int]:
        return {**super().ports, "port": self.port}

    def blank(self) -> TcpResult:
        return TcpResult(host=self.host, port=self.port)


class TcpRequest(TcpQuery):
    """A tcp probe, and what its outcome is held against."""

    model_config = ConfigDict(strict=True)

    expect: ExpectSeries | None = None


class TcpResult(SeriesResult):
    """Whether TCP connections were made."""

    probe: Literal["tcp"] = "tcp"
    port: int
