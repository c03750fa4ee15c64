"""A PostgreSQL cluster in a folder of its own, with the past that a restore to a point in time needs."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sandbox.data import ports, processes
from sandbox.data.binaries import binary
from sandbox.data.errors import DataError

SUPERUSER = "rdsadmin"
_START_SECONDS = 60
_ATTEMPTS = 5
_OWN_LOCALES = 17
_IN_USE = "Address already in use"
_SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "min_wal_size": "8MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}


class Cluster:
    """One server: made once, started as often as needed, restored into new ones only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.version = int((folder / "data" / "PG_VERSION").read_text())
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, folder: Path, version: int = 18, *, archive: bool = False) -> Cluster:
        """Make an empty cluster; with `archive` it keeps what a restore to any later moment needs.

        Raises:
            DataError: There are no binaries of the version, or the folder cannot be written.

        """
        folder.mkdir(parents=True, mode=0o700)
        try:
            secret = folder / "admin.secret"
            secret.touch(0o600)
            secret.write_text(secrets.token_urlsafe(24))
            processes.run(
                [
                    binary(version, "initdb"),
                    f"--pgdata={folder / 'data'}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={secret}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *_collation(version),
                    "--wal-segsize=1",
                    # Nothing is lost by it before the server runs, which does sync.
                    "--no-sync",
                    "--no-instructions",
                ],
                unprivileged=True,
            )
            cluster = cls(folder)
            if archive:
                cluster._begin_archive()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cluster

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the server's first process; 0 when it does not run."""
        return self._process.pid if self._process is not None and self.running else 0

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def psql(self) -> Path:
        """The client of the server's own version."""
        return binary(self.version, "psql")

    def url(self, user: str, password: str, database: str) -> str:
        """Return where a client on this machine connects, without TLS."""
        return f"postgresql://{quote(user, '')}:{quote(password, '')}@{ports.HOST}:{self.port}/{quote(database, '')}"

    def start(self, port: int = 0, recovery: Mapping[str, str] | None = None) -> int:
        """Start the server and wait until it answers; return its port, the given one when that is free.

        Raises:
            DataError: It did not start; the message has the end of its log.

        """
        said = ""
        for _ in range(_ATTEMPTS):
            self.port, began = ports.free(port), _size(self.log)
            settings = {**_SETTINGS, "port": str(self.port), **self._archiving(), **(recovery or {})}
            options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
            self._process = processes.spawn(
                [binary(self.version, "postgres"), "-D", self.folder / "data", *options],
                self.log,
                stop="INT",
                unprivileged=True,
            )
            if self._is_ready():
                return self.port
            said = self.log.read_bytes()[began:].decode(errors="replace")
            if _IN_USE not in said:
                break
        self._process = None
        message = f"PostgreSQL did not start. {_last(said)} The whole log: {self.log}"
        raise DataError(message)

    def stop(self) -> None:
        """End the server as one that closes its files, whoever is connected."""
        if self._process is not None:
            processes.end(self._process, signal.SIGINT)
        self._process = None

    def execute(self, sql: str, database: str = "postgres", **values: str) -> str:
        """Run SQL as the superuser and return its rows, one a line; `:'name'` in it stands for a value.

        Raises:
            DataError: The server refused.

        """
        # Values go through the environment: an argument could be read by everybody on the machine.
        reading = "".join(f"\\getenv {name} MODESHIFT_{name.upper()}\n" for name in values)
        env = {f"MODESHIFT_{name.upper()}": value for name, value in values.items()}
        env["PGPASSWORD"] = (self.folder / "admin.secret").read_text()
        return processes.run(
            [
                self.psql,
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                f"--host={ports.HOST}",
                f"--port={self.port}",
                f"--username={SUPERUSER}",
                f"--dbname={database}",
            ],
            env=env,
            text=reading + sql,
        ).strip()

    def provide(self, user: str, password: str, database: str) -> None:
        """Make the master user and the database unless they are there; the password becomes the given one."""
        self.execute(
            """
            SET log_min_error_statement = panic;
            SELECT 'CREATE ROLE rds_superuser NOLOGIN IN ROLE pg_monitor, pg_signal_backend, pg_checkpoint'
              WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser') \\gexec
            SELECT format('CREATE ROLE %I LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser', :'name')
              WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
            SELECT format('ALTER ROLE %I PASSWORD %L', :'name', :'password') \\gexec
            SELECT format('CREATE DATABASE %I OWNER %I', :'base', :'name')
              WHERE :'base' <> '' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = :'base') \\gexec
            """,
            name=user,
            password=password,
            base=database,
        )

    def restore(self, folder: Path, at: datetime | None = None) -> Cluster:
        """Make a new cluster of what this one held at a moment; of the latest without one. It is left stopped.

        Raises:
            DataError: This one keeps no past, or not of that moment.

        """
        span = self.restorable()
        if span is None:
            message = "Nothing is kept of its past: backups are off (backupRetentionPeriod 0)."
            raise DataError(message)
        if at is not None and not span[0] <= at <= span[1]:
            message = (
                f"{at.isoformat()} is outside of what can be restored, {span[0].isoformat()} to {span[1].isoformat()}."
            )
            raise DataError(message)
        self._flush()
        folder.mkdir(parents=True, mode=0o700)
        try:
            processes.run(["cp", "-a", self.folder / "base", folder / "data"])
            shutil.copy2(self.folder / "admin.secret", folder)
            restored = Cluster(folder)
            restored._replay(self.folder / "archive", at)
            restored._begin_archive()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return restored

    def restorable(self) -> tuple[datetime, datetime] | None:
        """Return the first and the last moment that can be restored; None when nothing is kept."""
        began = self.folder / "base.json"
        if not began.exists():
            return None
        return datetime.fromisoformat(json.loads(began.read_text())["from"]), datetime.now(UTC)

    def _begin_archive(self) -> None:
        """Keep a copy of the stopped cluster, which every restore begins with, and from now on all that is written."""
        (self.folder / "archive").mkdir()
        processes.run(["cp", "-a", self.folder / "data", self.folder / "base"])
        (self.folder / "base.json").write_text(json.dumps({"from": datetime.now(UTC).isoformat()}))

    def _archiving(self) -> dict[str, str]:
        if not (self.folder / "archive").exists():
            return {"archive_mode": "off"}
        target = f"{_shell(self.folder / 'archive')}/%f"
        return {
            "archive_mode": "on",
            "archive_command": f"test ! -f {target} && cp %p {target}.part && mv {target}.part {target}",
        }

    def _flush(self) -> None:
        """See to it that all written so far is in the archive, and after it one change more, where a replay can end."""
        segment = self.execute("SELECT pg_current_xact_id(); SELECT pg_walfile_name(pg_switch_wal());").splitlines()[-1]
        deadline = time.monotonic() + _START_SECONDS
        while not (self.folder / "archive" / segment).exists():
            if time.monotonic() > deadline:
                message = f"The server does not archive what it writes; see {self.log}."
                raise DataError(message)
            time.sleep(0.02)

    def _replay(self, archive: Path, at: datetime | None) -> None:
        (self.folder / "data" / "recovery.signal").touch()
        recovery = {
            "restore_command": f"cp {_shell(archive)}/%f %p",
            "recovery_target_action": "promote",
            # It is ready when it has become a server of its own, not when it could be read along the way.
            "hot_standby": "off",
        }
        if at is not None:
            recovery["recovery_target_time"] = at.isoformat()
        self.start(recovery=recovery)
        self.stop()

    def _is_ready(self) -> bool:
        """Wait until the server takes connections; say no when it has ended instead."""
        status = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + _START_SECONDS
        while self.running and time.monotonic() < deadline:
            lines = _lines(status)
            if lines[:1] == [str(self.pid)] and lines[-1].strip() == "ready":
                return True
            time.sleep(0.02)
        self.stop()
        return False


def _collation(version: int) -> list[str]:
    """Return what sorts text by its bytes and, where it can, knows upper and lower case of all of Unicode."""
    if version < _OWN_LOCALES:
        return ["--locale=C"]
    return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


def _shell(path: Path) -> str:
    return shlex.quote(str(path.resolve())).replace("%", "%%")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _last(log: str) -> str:
    """Return the last lines of a log that say what went wrong."""
    wrong = [line for line in log.splitlines() if "FATAL" in line or "PANIC" in line or "HINT" in line]
    return " ".join(wrong[-2:]) or log.strip()[-300:]
