"""The ping probe: does the host answer, how fast, and how often not?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from app.services.netprobe.models.base import ExpectSeries, Reaching, Repeated, SeriesResult
from app.services.netprobe.models.values import Host, Port


class PingQuery(Reaching, Repeated):
    """Asks whether a host answers; `time_ms` of an attempt is its round trip."""

    kind: ClassVar[str] = "ping"

    host: Host
    method: Annotated[
        Literal["auto", "icmp", "tcp"],
        Field(
            description="`auto` sends ICMP echo requests where this service may, which Lambda forbids, and connects"
            " over TCP elsewhere. A refused connection is an answer too: the host is there."
        ),
    ] = "auto"
    port: Annotated[Port, Field(description="Where TCP connects to.")] = 443

    @property
    def ports(self) -> dict[str, int]:
        return super().ports if self.method == "icmp" else {**super().ports, "port": self.port}

    def blank(self) -> PingResult:
        return PingResult(host=self.host)


class PingRequest(PingQuery):
    """A ping, and what its outcome is held against."""

    model_config = ConfigDict(strict=True)

    expect: ExpectSeries | None = None


class PingResult(SeriesResult):
    """Whether a host answered."""

    probe: Literal["ping"] = "ping"
    method: Annotated[Literal["icmp", "tcp"] | None, Field(description="What was sent.")] = None
    port: Annotated[int | None, Field(description="Where TCP connected to; null with ICMP.")] = None
