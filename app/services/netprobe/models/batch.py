"""Several probes in one request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.services.netprobe.models.base import Milliseconds, Timeout, Told
from app.services.netprobe.models.dns import DnsRequest, DnsResult
from app.services.netprobe.models.http import HttpRequest, HttpResult
from app.services.netprobe.models.ping import PingRequest, PingResult
from app.services.netprobe.models.tcp import TcpRequest, TcpResult
from app.services.netprobe.models.tls import TlsRequest, TlsResult


class BatchTcp(TcpRequest):
    """A tcp probe of a batch."""

    probe: Literal["tcp"]


class BatchHttp(HttpRequest):
    """An http probe of a batch."""

    probe: Literal["http"]


class BatchDns(DnsRequest):
    """A dns probe of a batch."""

    probe: Literal["dns"]


class BatchTls(TlsRequest):
    """A tls probe of a batch."""

    probe: Literal["tls"]


class BatchPing(PingRequest):
    """A ping of a batch."""

    probe: Literal["ping"]


BatchProbe = Annotated[BatchTcp | BatchHttp | BatchDns | BatchTls | BatchPing, Field(discriminator="probe")]
ProbeResult = Annotated[TcpResult | HttpResult | DnsResult | TlsResult | PingResult, Field(discriminator="probe")]


class BatchRequest(BaseModel):
    """Probes to run side by side, some at a time."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    probes: Annotated[list[BatchProbe], Field(min_length=1, max_length=16)]
    timeout: Annotated[
        Timeout, Field(description="Seconds for all probes together; one that does not fit is cut short or not run.")
    ] = 20


class BatchResult(Told):
    """What each probe answered, in the order they were asked for; none depends on another."""

    ok: Annotated[bool, Field(description="Every probe is ok.")]
    elapsed_ms: Milliseconds
    results: list[ProbeResult]
