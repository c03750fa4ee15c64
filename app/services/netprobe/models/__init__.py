"""What is asked of the probes and what they answer, one module per probe."""

from __future__ import annotations

from app.services.netprobe.models.base import (
    LONGEST,
    Attempt,
    Checked,
    ErrorKind,
    FailureSource,
    Phase,
    ProbeError,
    Question,
    Result,
    SeriesResult,
    Statistics,
    Timings,
)
from app.services.netprobe.models.batch import BatchRequest, BatchResult, ProbeResult
from app.services.netprobe.models.dns import DnsQuery, DnsRequest, DnsResult
from app.services.netprobe.models.http import HttpQuery, HttpRequest, HttpResult
from app.services.netprobe.models.ping import PingQuery, PingRequest, PingResult
from app.services.netprobe.models.tcp import TcpQuery, TcpRequest, TcpResult
from app.services.netprobe.models.tls import TlsQuery, TlsRequest, TlsResult

__all__ = [
    "LONGEST",
    "Attempt",
    "BatchRequest",
    "BatchResult",
    "Checked",
    "DnsQuery",
    "DnsRequest",
    "DnsResult",
    "ErrorKind",
    "FailureSource",
    "HttpQuery",
    "HttpRequest",
    "HttpResult",
    "Phase",
    "PingQuery",
    "PingRequest",
    "PingResult",
    "ProbeError",
    "ProbeResult",
    "Question",
    "Result",
    "SeriesResult",
    "Statistics",
    "TcpQuery",
    "TcpRequest",
    "TcpResult",
    "Timings",
    "TlsQuery",
    "TlsRequest",
    "TlsResult",
]
