"""A PostgreSQL server of the tests' own, and the databases on it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.data import processes
from sandbox.data.ports import listen
from sandbox.data.postgres import Cluster
from sandbox.data.tls import make_certificate

OWNER = "owner"

# A machine that loses its power loses the tests too.
_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """A server; `stop` and `start` are an outage that keeps what was committed."""

    cluster: Cluster
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def database(self) -> str:
        """Make an empty database; returns its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.cluster.provide(OWNER, self.password, name)
        return name

    def url(
        self, database: str, *, host: str = "127.0.0.1", port: int = 0, login: bool = True, tls: str = "disable"
    ) -> str:
        """Return where a database is, with or without who logs in."""
        who = f"{OWNER}:{self.password}@" if login else ""
        return f"postgresql://{who}{host}:{port or self.cluster.port}/{database}?sslmode={tls}"

    def stop(self) -> None:
        """Stop, cutting off whoever is connected."""
        self.cluster.stop()

    def start(self) -> None:
        """Start again, at the same port."""
        port = self.cluster.port
        assert self.cluster.start(port, _SETTINGS) == port


@contextmanager
def served(folder: Path) -> Iterator[Postgres]:
    """Run a server in a folder that does not exist yet."""
    cluster = Cluster.create(folder)
    cluster.start(0, _SETTINGS)
    try:
        yield Postgres(cluster)
    finally:
        cluster.stop()


@contextmanager
def secured(folder: Path, postgres: Postgres) -> Iterator[int]:
    """Serve the same databases with TLS alone; yields the port. `certificate` in the folder vouches for `localhost`."""
    certificate = folder / "certificate"
    make_certificate(certificate, "localhost")
    with listen() as listener:
        command = [sys.executable, "-m", "sandbox.data.tls", "--listener", str(listener.fileno())]
        command += ["--to", str(postgres.cluster.port), "--certificate", str(certificate)]
        process = processes.spawn(command, folder / "tls.log", fds=[listener.fileno()])
        try:
            yield listener.getsockname()[1]
        finally:
            processes.end(process)
