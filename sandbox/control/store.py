"""The account's file: an SQLite database that is opened carefully and never overwritten."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from sandbox.control.errors import AccountError, DamagedAccountError

FILE_NAME = "account.sqlite"
_APPLICATION = 0x4D53_4657
_VERSION = 1
_HEADER = b"SQLite format 3\x00"
_APPLICATION_AT = 68
_BUSY_SECONDS = 30
_SCHEMA = """
CREATE TABLE resources (
  key INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL,
  identity TEXT NOT NULL, urn TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT NOT NULL,
  UNIQUE (type, region, identity));
CREATE TABLE handles (
  handle TEXT NOT NULL, type TEXT NOT NULL, region TEXT NOT NULL,
  key INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE, PRIMARY KEY (handle, type, region, key)) WITHOUT ROWID;
CREATE TABLE links (
  source INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE,
  target INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE, PRIMARY KEY (target, source)) WITHOUT ROWID;
CREATE TABLE taken (
  name TEXT NOT NULL, type TEXT NOT NULL, region TEXT NOT NULL,
  key INTEGER NOT NULL REFERENCES resources ON DELETE CASCADE, PRIMARY KEY (name, type, region)) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE faults (
  number INTEGER PRIMARY KEY, type TEXT NOT NULL, operation TEXT NOT NULL, nth INTEGER NOT NULL, kind TEXT NOT NULL,
  seconds REAL NOT NULL, message TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0);
CREATE INDEX handles_key ON handles (key);
CREATE INDEX links_source ON links (source);
CREATE INDEX taken_key ON taken (key);
CREATE INDEX resources_urn ON resources (urn);
CREATE INDEX resources_id ON resources (id);
"""


class Store:
    """One connection to the account's file; a transaction holds it alone, here and across processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = RLock()
        with _explained(self.path):
            _prepare(self.path)
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            # A killed process loses nothing without fsync; only a power cut would, and this is a sandbox.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._create()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that is undone when the block raises."""
        with self._lock, _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def query(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Return the rows of a statement that changes nothing."""
        with self._lock, _explained(self.path):
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _create(self) -> None:
        if self._connection.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                raise _damaged(self.path, f"was made by another version of the sandbox ({version}, not {_VERSION})")
            return
        self._connection.execute("BEGIN IMMEDIATE")
        if self._connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            for statement in _SCHEMA.split(";\n"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._connection.execute("COMMIT")


def set_aside(folder: Path) -> Path:
    """Move the account's file out of the way and return where it went."""
    path = folder / FILE_NAME
    number = next(n for n in range(1, 1_000_000) if not path.with_suffix(f".set-aside-{n}").exists())
    aside = path.with_suffix(f".set-aside-{number}")
    # A journal that a killed process left belongs to this file; a new account must not be rolled back with it.
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists():
        journal.rename(aside.with_name(f"{aside.name}-journal"))
    return path.rename(aside)


def _prepare(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made by us, not by SQLite, so that nobody else can ever read it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with path.open("rb") as file:
        header = file.read(_APPLICATION_AT + 4)
    if header and (not header.startswith(_HEADER) or int.from_bytes(header[_APPLICATION_AT:], "big") != _APPLICATION):
        kind = "another program's database" if header.startswith(_HEADER) else "no database"
        raise _damaged(path, f"is {kind}")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say about the file into sentences with a way out."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as problem:
        raise _explanation(path, str(problem)) from problem
    except OSError as problem:
        message = f"The sandbox account {path} cannot be used: {problem.strerror or problem}."
        raise AccountError(f"{message} Make the folder writable for you, or free space on its disk.") from problem


def _explanation(path: Path, problem: str) -> AccountError:
    if "full" in problem or "disk I/O" in problem:
        return AccountError(
            f"The disk that holds the sandbox account {path} is full. The operation was not carried out; "
            "free some space and run the command again."
        )
    if "readonly" in problem or "unable to open" in problem:
        return AccountError(
            f"The sandbox account {path} cannot be written ({problem}). Make the file and its folder writable for you."
        )
    if "locked" in problem:
        return AccountError(
            f"The sandbox account {path} was in use by another command for {_BUSY_SECONDS} s. Run the command again."
        )
    return _damaged(path, f"is damaged ({problem})")


def _damaged(path: Path, what: str) -> DamagedAccountError:
    return DamagedAccountError(
        f"The sandbox account {path} {what}. It was left as it is. Move the file aside, "
        "or let `modeshift sandbox reset` do so and start an empty account."
    )
