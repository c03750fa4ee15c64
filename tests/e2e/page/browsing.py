"""A browser, the app in a process of its own, and servers on loopback that it may probe."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[3]
MARKUP = "<img src=x onerror=document.title='owned'>"
"""What would run, were it taken for more than text."""

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844), "small": (360, 640)}

Visit = Callable[..., Page]
Shot = Callable[[Page, str], None]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
_PATIENCE = 30
_ENVIRONMENT = {
    "ENVIRONMENT": "dev",
    "HOST": "127.0.0.1",
    "METRICS": "off",
    "DRAIN_SECONDS": "0",
    "RATE_LIMIT": "0",
    "SERVICES": "netprobe=/",
    "NETPROBE_ALLOW_PRIVATE": "127.0.0.1/32",
    "NETPROBE_PORTS": "1-65535",
    "NETPROBE_CACHE_SECONDS": "0",
    "NETPROBE_CLIENT_RATE": "0",
    "NETPROBE_TARGET_RATE": "0",
}


def chromium() -> str | None:
    """Return where a Chromium is, if there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


NEEDS_BROWSER = pytest.mark.skipif(
    chromium() is None, reason="no Chromium on PATH; on Debian: apt-get install chromium"
)


@contextmanager
def browser(executable: str) -> Iterator[Browser]:
    """Start a browser."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def app(**environ: str) -> Iterator[str]:
    """Start the app as a container does, where it may probe loopback; yields its origin."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **_ENVIRONMENT, "PORT": str(port), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < ends:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        with suppress(OSError):
            connection.request("GET", "/ready")
            if connection.getresponse().status == http.client.OK:
                connection.close()
                return
        connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"the app did not start (exit code {process.poll()})")


class _Target(BaseHTTPRequestHandler):
    """Answers a little slowly, so that a waterfall has something to show."""

    protocol_version = "HTTP/1.1"
    server_version = "loopback"
    sys_version = ""
    headers_of: Mapping[str, dict[str, str]] = {
        "/moved": {"Location": "/"},
        "/hostile": {"ETag": MARKUP, "Via": f"</td></table>{MARKUP}", "Content-Type": f"text/html; {MARKUP}"},
    }

    def do_GET(self) -> None:
        time.sleep({"/slow": 20}.get(self.path, 0.04))
        body = b'{"status": "ok"}'
        with suppress(OSError):
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {"Content-Type": "application/json", **self.headers_of.get(self.path, {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:4])
            time.sleep(0.012)
            self.wfile.write(body[4:])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library calls it so
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def target(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Start a web server; yields its port."""
    with _Server(("127.0.0.1", 0), _Target) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def hostile_identity(folder: Path) -> ssl.SSLContext:
    """Return what a server shows whose certificate has markup for names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, MARKUP)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=40))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(MARKUP)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "identity.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@contextmanager
def flawless(page: Page) -> Iterator[None]:
    """Fail when the page complains, its security policy included; the browser also tells of refused probes."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        about = message.location["url"]
        if message.type in {"error", "warning"} and "/v1/probes/" not in about and "/favicon.ico" not in about:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield
    assert complaints == []


def run(page: Page) -> str:
    """Run the probe that the form describes; returns the verdict."""
    page.get_by_role("button", name="Run probe").click()
    verdict = page.locator("#result[aria-busy=false] .verdict h2")
    verdict.wait_for()
    assert page.locator("#announcement").inner_text().startswith(verdict.inner_text().rstrip("."))
    return verdict.inner_text()


def cells(page: Page, caption: str) -> list[list[str]]:
    """Return what a table says, as a screen reader finds it."""
    rows = page.get_by_role("table", name=caption).locator("tbody tr")
    return [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows.all()]
