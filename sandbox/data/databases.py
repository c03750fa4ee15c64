"""One PostgreSQL cluster for each RDS instance of the account, with TLS before it, restored and deleted with it."""

from __future__ import annotations

import itertools
import json
import logging
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.data import ports, processes, tls
from sandbox.data.errors import DataError
from sandbox.data.instance import facts_of
from sandbox.data.postgres import Cluster

if TYPE_CHECKING:
    from sandbox.control.account import Resource

INSTANCE = "aws:rds/instance:Instance"
_PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
_PATIENCE = 5
_LOG = logging.getLogger(__name__)


@dataclass
class Database:
    """An instance's cluster, and what stands before it; `facts` outlive both the process and the resource."""

    folder: Path
    facts: dict[str, Any]
    cluster: Cluster
    front: subprocess.Popen[bytes] | None = None
    port: int = 0
    """Where clients with TLS come in."""

    def keep(self) -> None:
        """Write down what a later process must know."""
        self.facts |= {"port": self.port, "inner": self.cluster.port}
        draft = self.folder / "instance.part"
        draft.write_text(json.dumps(self.facts, indent=2))
        draft.replace(self.folder / "instance.json")


@dataclass
class Passwords:
    """Where master passwords are kept, in the words of this module: by the ARN of a secret."""

    read: Callable[[str], str | None]
    write: Callable[[str, str], None]
    drop: Callable[[str], None]


@dataclass
class Databases:
    """All clusters of an account."""

    folder: Path
    passwords: Passwords
    _records: processes.Records = field(init=False)
    _running: dict[str, Database] = field(default_factory=dict)
    _mend_from: float = 0

    def __post_init__(self) -> None:
        self._records = processes.Records(self.folder / "processes")

    def begin(self) -> None:
        """End what an earlier process left running."""
        self._records.end_all()

    def bring_about(self, resources: Iterable[Resource]) -> dict[str, str]:
        """Make, start, change and remove clusters as the account has them; return what did not work, by id."""
        resources = list(resources)
        groups = {str(one.outputs.get("name")): one for one in resources if one.type == _PARAMETERS}
        instances = {one.id: one for one in resources if one.type == INSTANCE}
        problems: dict[str, str] = {}
        for folder in sorted(self.folder.glob("db-*")):
            if folder.name not in instances:
                self._remove(folder)
        # A source is older than what is restored from it.
        for resource_id, instance in instances.items():
            try:
                self._bring_about(instance, groups)
            except (DataError, OSError) as problem:
                problems[resource_id] = str(problem)
        return problems

    def rotate(self, arn: str) -> bool:
        """Give the database whose password is in this secret a new one; say no when there is none."""
        for database in self._running.values():
            if database.facts["secret"] == arn:
                password = _draw()
                database.cluster.provide(database.facts["user"], password, database.facts["database"])
                self.passwords.write(arn, _document(database.facts["user"], password))
                return True
        return False

    def mend(self) -> None:
        """Start again what has died; when that does not work, not at once again."""
        if time.monotonic() < self._mend_from:
            return
        for name, database in self._running.items():
            front_lives = database.front is not None and database.front.poll() is None
            if not database.cluster.running or not front_lives:
                _LOG.error("%s: PostgreSQL or what stands before it has ended; starting it again", name)
                try:
                    self._start(database)
                except DataError as problem:
                    _LOG.error("%s: %s", name, problem)
                    self._mend_from = time.monotonic() + _PATIENCE

    def describe(self) -> list[dict[str, Any]]:
        """Return what runs, for people and for `environment_of`; no password."""
        return [
            {
                **{name: database.facts[name] for name in ("identifier", "address", "database", "user", "secret")},
                "id": database.folder.name,
                "version": database.cluster.version,
                "port": database.port,
                "inner": database.cluster.port,
                "pid": database.cluster.pid,
                "log": str(database.cluster.log),
                "psql": str(database.cluster.psql),
                "restorable": [moment.isoformat() for moment in database.cluster.restorable() or ()],
            }
            for database in self._running.values()
        ]

    def stop(self) -> None:
        """End every cluster; the data stays."""
        for database in self._running.values():
            self._end(database)
        self._running.clear()

    def _bring_about(self, instance: Resource, groups: dict[str, Resource]) -> None:
        folder = self.folder / instance.id
        facts = facts_of(instance, groups)
        database = self._running.get(instance.id)
        if database is None:
            database = self._found(folder) or self._made(folder, instance, facts)
            self._running[instance.id] = database
        if database.cluster.version != facts["version"]:
            message = (
                f"It runs PostgreSQL {database.cluster.version}. An upgrade to {facts['version']} in place is not "
                "simulated; make a new database, or go back to the version it has."
            )
            raise DataError(message)
        old = database.facts
        # What comes from a snapshot has the user and the database that it had.
        given = {name: value for name, value in facts.items() if value != "" or name not in {"user", "database"}}
        database.facts = {"user": "postgres", "database": "", **old, **given}
        if not database.cluster.running or old.get("plain") != facts["plain"]:
            self._start(database)
        lost = facts["secret"] and self.passwords.read(facts["secret"]) is None
        if lost or old.get("given") != facts["given"]:
            self._set_password(database, instance)
        database.keep()

    def _found(self, folder: Path) -> Database | None:
        """Return the cluster of an earlier process; what was never finished goes."""
        if not (folder / "instance.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            return None
        facts = json.loads((folder / "instance.json").read_text())
        return Database(folder, facts, Cluster(folder / "cluster"), port=facts["port"])

    def _made(self, folder: Path, instance: Resource, facts: dict[str, Any]) -> Database:
        outputs: dict[str, Any] = instance.outputs
        earlier: dict[str, Any] = {}
        folder.mkdir(parents=True, mode=0o700)
        restore, snapshot = outputs.get("restoreToPointInTime"), outputs.get("snapshotIdentifier")
        if restore:
            _LOG.info("%s: restoring PostgreSQL", facts["identifier"])
            at = restore.get("restoreTime")
            cluster = self._source(restore).restore(folder / "cluster", datetime.fromisoformat(at) if at else None)
        elif snapshot:
            _LOG.info("%s: PostgreSQL from the snapshot %s", facts["identifier"], snapshot)
            cluster, earlier = self._from_snapshot(str(snapshot), folder / "cluster")
        else:
            _LOG.info("%s: making PostgreSQL %s", facts["identifier"], facts["version"])
            archive = bool(outputs.get("backupRetentionPeriod"))
            cluster = Cluster.create(folder / "cluster", facts["version"], archive=archive)
        tls.make_certificate(folder / "server.pem", facts["address"])
        return Database(folder, earlier, cluster)

    def _source(self, restore: dict[str, Any]) -> Cluster:
        wanted = restore.get("sourceDbInstanceIdentifier") or restore.get("sourceDbiResourceId")
        for resource_id, database in self._running.items():
            if wanted in (resource_id, database.facts["identifier"]):
                return database.cluster
        message = f"There is no database {wanted} to restore from."
        raise DataError(message)

    def _free(self, name: str) -> Path:
        """Return where a snapshot is put: an earlier one of that name stays."""
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        return next(path for one in names if not (path := self.folder / "snapshots" / one).exists())

    def _from_snapshot(self, name: str, folder: Path) -> tuple[Cluster, dict[str, Any]]:
        kept = self.folder / "snapshots" / name.rsplit(":", 1)[-1]
        if not kept.exists():
            message = f"There is no snapshot {name}; there are {', '.join(self.snapshots()) or 'none'}."
            raise DataError(message)
        processes.run(["cp", "-a", kept, folder])
        return Cluster(folder), json.loads((kept / "login.json").read_text())

    def snapshots(self) -> list[str]:
        """Return the names of the final snapshots that deleted instances left."""
        return sorted(path.name for path in (self.folder / "snapshots").glob("*"))

    def _start(self, database: Database) -> None:
        self._end(database)
        name = database.folder.name
        database.cluster.start(database.facts.get("inner", 0))
        self._records.keep(name, database.cluster.pid)
        with ports.listen(database.port) as listener:
            database.port = listener.getsockname()[1]
            database.front = self._front(database, listener)
        self._records.keep(f"{name}-tls", database.front.pid)
        database.keep()

    def _front(self, database: Database, listener: socket.socket) -> subprocess.Popen[bytes]:
        number = listener.fileno()
        command: list[str | Path] = [sys.executable, "-m", "sandbox.data.tls", "--listener", str(number)]
        command += ["--to", str(database.cluster.port), "--certificate", database.folder / "server.pem"]
        command += ["--plain"] if database.facts["plain"] else []
        return processes.spawn(command, database.folder / "tls.log", fds=[number])

    def _end(self, database: Database) -> None:
        if database.front is not None:
            processes.end(database.front)
            database.front = None
        database.cluster.stop()
        for name in (database.folder.name, f"{database.folder.name}-tls"):
            self._records.drop(name)

    def _set_password(self, database: Database, instance: Resource) -> None:
        facts = database.facts
        if not facts["secret"]:
            password = str(instance.outputs.get("password") or "")
        else:
            held = self.passwords.read(facts["secret"])
            password = json.loads(held)["password"] if held else _draw()
        database.cluster.provide(facts["user"], password, facts["database"])
        if facts["secret"]:
            self.passwords.write(facts["secret"], _document(facts["user"], password))

    def _remove(self, folder: Path) -> None:
        """Remove a cluster whose instance is gone, but for the final snapshot if there shall be one."""
        database = self._running.pop(folder.name, None)
        if database is not None:
            self._end(database)
        facts = json.loads(text) if (text := _text(folder / "instance.json")) else {}
        if facts.get("snapshot") and (folder / "cluster" / "data").exists():
            kept = self._free(facts["snapshot"])
            kept.mkdir(parents=True, mode=0o700)
            for part in ("data", "admin.secret"):
                (folder / "cluster" / part).rename(kept / part)
            login = {name: facts[name] for name in ("user", "database")}
            (kept / "login.json").write_text(json.dumps(login))
        if facts.get("secret"):
            self.passwords.drop(facts["secret"])
        shutil.rmtree(folder, ignore_errors=True)


def _draw() -> str:
    return secrets.token_urlsafe(24)


def _document(user: str, password: str) -> str:
    return json.dumps({"username": user, "password": password})


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
