"""Secure connections: whom we trust, and the handshake."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from functools import cache

from app.services.netprobe.probes.trace import Trace

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@cache
def trust() -> ssl.SSLContext:
    """Trust what SSL_CERT_FILE names, else the locked list of authorities: the same in every image."""
    import certifi  # noqa: PLC0415 no plain probe pays for it

    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


@cache
def look() -> ssl.SSLContext:
    """Trust everybody, to see a certificate that nobody should trust; nothing is sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols(["http/1.1"])
    return context


@asynccontextmanager
async def streams(
    trace: Trace, connection: socket.socket, security: tuple[ssl.SSLContext, str] | None
) -> AsyncGenerator[Streams]:
    """Read and write over a connection, secured if there is a context and the name of the server."""
    context, name = security or (None, None)
    with trace.timed("tls") if security else nullcontext():
        reader, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        # Cut it rather than say goodbye: a slow peer must not hold a probe that is over.
        writer.transport.abort()


def tls_of(opened: Streams) -> ssl.SSLObject:
    """Return the secure side of a connection."""
    tls: ssl.SSLObject = opened[1].get_extra_info("ssl_object")
    return tls
