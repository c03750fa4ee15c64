"""The tls probe."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from app.services.netprobe.guard import Guard
from app.services.netprobe.models import TlsQuery, TlsResult
from app.services.netprobe.models.tls import Certificate
from app.services.netprobe.probes.certificates import described
from app.services.netprobe.probes.reach import Reach
from app.services.netprobe.probes.secure import look, streams, tls_of, trust
from app.services.netprobe.probes.series import attempt, reach, settle
from app.services.netprobe.probes.trace import Trace

_MOST_CERTIFICATES = 10


@dataclass
class _Shown:
    """What the server showed."""

    verify_error: str | None = None
    version: str | None = None
    cipher: str | None = None
    alpn: str | None = None
    certificates: list[Certificate] = field(default_factory=list[Certificate])
    complete: bool = False


async def probe(request: TlsQuery, guard: Guard, result: TlsResult) -> None:
    """Shake hands as a careful client; if it would not trust the server, look again without care, to tell why."""
    ends = asyncio.get_running_loop().time() + request.timeout
    there = await reach(request, guard, request.address or request.host, result, ends)
    if there is None:
        return

    async def ask(trace: Trace, shown: _Shown) -> None:
        try:
            await _shake(trace, there, request, trust(), shown)
        except ssl.SSLCertVerificationError as error:
            shown.verify_error = str(error.verify_message)
            trace.times.clear()
            await _shake(trace, there, request, look(), shown)

    tried = await attempt(ask, _Shown(), ends)
    shown = settle(result, [tried], there.resolve_ms).facts
    if result.reached:
        result.verified = shown.verify_error is None
        result.verify_error = shown.verify_error
        result.version, result.cipher, result.alpn = shown.version, shown.cipher, shown.alpn
        result.certificates = shown.certificates
        result.days_to_expiry = next((each.days_to_expiry for each in shown.certificates), None)
        result.chain_complete = shown.complete


async def _shake(trace: Trace, there: Reach, request: TlsQuery, context: ssl.SSLContext, shown: _Shown) -> None:
    connection = await there.connect(trace, request.port)
    async with streams(trace, connection, (context, request.server_name or request.host)) as opened:
        tls = tls_of(opened)
        cipher = tls.cipher()
        shown.version = tls.version()
        shown.cipher = cipher[0] if cipher else None
        shown.alpn = tls.selected_alpn_protocol()
        certificates, shown.complete = _certificates(tls)
    shown.certificates = [described(each) for each in certificates]


def _certificates(tls: ssl.SSLObject) -> tuple[Sequence[bytes], bool]:
    # Python 3.13 shows what the server sent; before, only the server's own certificate can be had.
    chain = getattr(tls, "get_unverified_chain", None)
    shown = cast("Sequence[bytes]", chain()) if chain else [tls.getpeercert(binary_form=True) or b""]
    return shown[:_MOST_CERTIFICATES], chain is not None
