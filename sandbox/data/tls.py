"""TLS in front of a PostgreSQL server: `python -m sandbox.data.tls --listener FD --to PORT --certificate FILE`.

The server's binaries are built without TLS, and databases in AWS refuse whoever comes without it. This process speaks
the first words of the protocol, as the server would, and then passes on what both sides say.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import ssl
import struct
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from sandbox.data.ports import HOST

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CANCEL_REQUEST = 80877102
_STARTUP_BYTES = 10_000
_CHUNK = 1 << 16
_REFUSAL = 'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "{database}", no encryption'


def make_certificate(file: Path, host: str) -> None:
    """Write a key and its self-made certificate for a host name and for this machine into one file."""
    from cryptography import x509  # noqa: PLC0415 - part of an extra, and slow to load
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64])])
    names = [x509.DNSName(host), x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.touch(0o600)
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))


async def serve(listener: socket.socket, target: int, context: ssl.SSLContext, *, plain: bool) -> None:
    """Take connections until this process is told to end."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, ssl.SSLError, ValueError):
            opening = await _open(reader, writer, context, plain=plain)
            if opening is not None:
                await _relay(reader, writer, opening, target)
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()

    server = await asyncio.start_server(take, sock=listener)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


async def _open(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, *, plain: bool
) -> bytes | None:
    """Agree on TLS and return the message that the server shall see first; None when there is nothing to pass on."""
    secure = False
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!ii", head)
        if code == _SSL_REQUEST and not secure:
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(context)
            secure = True
        elif code == _GSS_REQUEST:
            writer.write(b"N")
            await writer.drain()
        else:
            if not len(head) <= length <= _STARTUP_BYTES:
                return None
            message = head + await reader.readexactly(length - len(head))
            if secure or plain or code == _CANCEL_REQUEST:
                return message
            writer.write(_refusal(message[len(head) :]))
            await writer.drain()
            return None


def _refusal(parameters: bytes) -> bytes:
    words = parameters.rstrip(b"\0").decode(errors="replace").split("\0")
    given = dict(zip(words[::2], words[1::2], strict=False))
    user = given.get("user", "")
    text = _REFUSAL.format(user=user, database=given.get("database", user))
    fields = "".join(
        f"{kind}{value}\0" for kind, value in (("S", "FATAL"), ("V", "FATAL"), ("C", "28000"), ("M", text))
    )
    body = fields.encode() + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opening: bytes, target: int) -> None:
    inner_reader, inner_writer = await asyncio.open_connection(HOST, target)
    inner_writer.write(opening)
    ways = [asyncio.create_task(_pass_on(reader, inner_writer)), asyncio.create_task(_pass_on(inner_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        inner_writer.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listener", type=int, required=True, help="number of the open listening socket")
    parser.add_argument("--to", type=int, required=True, help="port of the server")
    parser.add_argument("--certificate", type=Path, required=True, help="file with the key and its certificate")
    parser.add_argument("--plain", action="store_true", help="take connections without TLS too")
    arguments = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(arguments.certificate)
    listener = socket.socket(fileno=arguments.listener)
    asyncio.run(serve(listener, arguments.to, context, plain=arguments.plain))


if __name__ == "__main__":
    main()
