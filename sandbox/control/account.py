"""What exists in the sandbox's AWS account: the resources of all stacks, shared by every process that serves them."""

from __future__ import annotations

import difflib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from sandbox.control.errors import DamagedAccountError, Refusal
from sandbox.control.store import Store, set_aside

if TYPE_CHECKING:
    from sandbox.control.wire import Value, Values

_SELECT = "SELECT key, type, region, id, urn, inputs, outputs FROM resources"


@dataclass(frozen=True)
class Resource:
    """One thing that exists; `region` is empty for what is global."""

    key: int
    type: str
    region: str
    id: str
    urn: str
    inputs: Values
    outputs: Values


@dataclass(frozen=True)
class Entry:
    """A resource about to exist, and how others may name it and clash with it."""

    type: str
    region: str
    id: str
    identity: str
    urn: str
    inputs: Values
    outputs: Values
    handles: Iterable[tuple[str, str]]
    names: Iterable[str] = ()
    blocks: Iterable[int] = ()


class Transaction:
    """The account while nobody else can change it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def identified(self, kind: str, region: str, identity: str) -> Resource | None:
        """Return the resource of a type with this identity."""
        found = self._run(f"{_SELECT} WHERE type = ? AND region = ? AND identity = ?", (kind, region, identity))
        return _resource(found.fetchone())

    def named(self, kinds: Sequence[str], region: str, handle: str) -> Resource | None:
        """Return the newest resource of some types that goes by an id, ARN or name; ARNs cross regions."""
        marks = ",".join("?" * len(kinds))
        statement = f"SELECT key FROM handles WHERE handle = ? AND type IN ({marks})"  # noqa: S608 - question marks only
        values: list[object] = [handle, *kinds]
        if not handle.startswith("arn:"):
            statement += " AND region IN ('', ?)"
            values.append(region)
        found = self._run(f"{statement} ORDER BY key DESC LIMIT 1", values).fetchone()
        return self.keyed(found["key"]) if found else None

    def keyed(self, key: int) -> Resource | None:
        """Return the resource under a key of this account."""
        return _resource(self._run(f"{_SELECT} WHERE key = ?", (key,)).fetchone())

    def of_type(self, kind: str, region: str) -> Iterator[Resource]:
        """Yield every resource of a type in a region."""
        for row in self._run(f"{_SELECT} WHERE type = ? AND region = ? ORDER BY key", (kind, region)).fetchall():
            yield _present(row)

    def of_region(self, region: str) -> Iterator[Resource]:
        """Yield every resource of a region, or of a cluster by its server."""
        for row in self._run(f"{_SELECT} WHERE region = ? ORDER BY key", (region,)).fetchall():
            yield _present(row)

    def holder(self, kind: str, region: str, name: str) -> int | None:
        """Return the key of the resource that holds a name nobody else may have."""
        statement = "SELECT key FROM taken WHERE name = ? AND type = ? AND region = ?"
        row = self._run(statement, (name, kind, region)).fetchone()
        return row["key"] if row else None

    def dependants(self, key: int) -> list[Resource]:
        """Return what must go before a resource can be deleted."""
        rows = self._run("SELECT source FROM links WHERE target = ? AND source != ?", (key, key)).fetchall()
        return [found for row in rows if (found := self.keyed(row["source"]))]

    def count_up(self, counter: str) -> int:
        """Return the next number of a counter; numbers are never given twice."""
        statement = (
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        return int(self._run(statement, (counter,)).fetchone()[0])

    def counted(self, counter: str) -> int:
        """Return the last number that a counter gave, 0 before the first."""
        row = self._run("SELECT value FROM counters WHERE name = ?", (counter,)).fetchone()
        return row["value"] if row else 0

    def add(self, entry: Entry) -> int:
        """Write a new resource and return its key."""
        cursor = self._run(
            "INSERT INTO resources (type, region, id, identity, urn, inputs, outputs) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (entry.type, entry.region, entry.id, entry.identity, entry.urn, _dump(entry.inputs), _dump(entry.outputs)),
        )
        key = cursor.lastrowid or 0
        self._relate(key, entry)
        return key

    def replace(self, key: int, entry: Entry) -> None:
        """Write a resource anew under its key."""
        self._run(
            "UPDATE resources SET id = ?, identity = ?, urn = ?, inputs = ?, outputs = ? WHERE key = ?",
            (entry.id, entry.identity, entry.urn, _dump(entry.inputs), _dump(entry.outputs), key),
        )
        for table, column in (("handles", "key"), ("taken", "key"), ("links", "source")):
            self._run(f"DELETE FROM {table} WHERE {column} = ?", (key,))  # noqa: S608 - names of our own tables
        self._relate(key, entry)

    def write(self, resource: Resource) -> None:
        """Write a resource's properties, leaving its names and links as they are."""
        values = (_dump(resource.inputs), _dump(resource.outputs), resource.key)
        self._run("UPDATE resources SET inputs = ?, outputs = ? WHERE key = ?", values)

    def remove(self, key: int) -> None:
        """Take a resource out of the account."""
        self._run("DELETE FROM resources WHERE key = ?", (key,))

    def _relate(self, key: int, entry: Entry) -> None:
        for kind, handle in {(kind, handle) for kind, handle in entry.handles if handle}:
            self._run("INSERT INTO handles VALUES (?, ?, ?, ?)", (handle, kind, entry.region, key))
        for name in entry.names:
            self._run("INSERT INTO taken VALUES (?, ?, ?, ?)", (name, entry.type, entry.region, key))
        for target in set(entry.blocks):
            self._run("INSERT INTO links VALUES (?, ?)", (key, target))


class Account:
    """The sandbox's account in a folder; safe to use from several threads and processes."""

    def __init__(self, folder: FilePath) -> None:
        self.store = Store(folder)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Yield the account, locked; nothing is kept when the block raises."""
        with self.store.transaction() as connection:
            yield Transaction(connection)

    def list_resources(self) -> list[Resource]:
        """Return everything that exists, oldest first."""
        return [_present(row) for row in self.store.query(f"{_SELECT} ORDER BY key")]

    def get(self, kind: str, resource_id: str) -> Resource | None:
        """Return the newest resource of a type with this id, in any region."""
        rows = self.store.query(f"{_SELECT} WHERE type = ? AND id = ? ORDER BY key DESC", kind, resource_id)
        return _present(rows[0]) if rows else None

    def summary(self) -> dict[str, int]:
        """Return how many resources of each type exist."""
        rows = self.store.query("SELECT type, COUNT(*) AS number FROM resources GROUP BY type ORDER BY type")
        return {row["type"]: row["number"] for row in rows}

    def touch(self, urn_or_id: str, changes: Mapping[str, Value]) -> Resource:
        """Change properties of a resource behind the engine's back and return it as it is now."""
        from sandbox.control.drift import change  # noqa: PLC0415 - needs the facts, which nothing else here does

        with self.transaction() as account:
            resource = self._sought(urn_or_id)
            change(resource, changes)
            account.write(resource)
        return resource

    def forget(self, urn_or_id: str) -> Resource:
        """Delete a resource behind the engine's back, whatever depends on it, and return what it was."""
        with self.transaction() as account:
            resource = self._sought(urn_or_id)
            account.remove(resource.key)
        return resource

    def close(self) -> None:
        self.store.close()

    def _sought(self, urn_or_id: str) -> Resource:
        rows = self.store.query(f"{_SELECT} WHERE urn = ? OR id = ? ORDER BY key DESC", urn_or_id, urn_or_id)
        if rows:
            return _present(rows[0])
        known = [str(row[0]) for row in self.store.query("SELECT urn FROM resources UNION SELECT id FROM resources")]
        near = difflib.get_close_matches(urn_or_id, known, n=1)
        hint = f" The nearest is {near[0]}." if near else " `modeshift sandbox status` lists what exists."
        message = f"Nothing in the sandbox account has the URN or id {urn_or_id}.{hint}"
        raise Refusal(message)


def reset(folder: FilePath) -> FilePath | None:
    """Empty the account. A file that is no account of ours is moved aside, and where to is returned."""
    try:
        store = Store(folder)
        with store.transaction() as connection:
            for table in ("resources", "counters", "faults"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own tables
        store.close()
    except DamagedAccountError:
        aside = set_aside(folder)
        Store(folder).close()
        return aside
    return None


def _resource(row: sqlite3.Row | None) -> Resource | None:
    return _present(row) if row else None


def _present(row: sqlite3.Row) -> Resource:
    inputs, outputs = json.loads(row["inputs"]), json.loads(row["outputs"])
    return Resource(row["key"], row["type"], row["region"], row["id"], row["urn"], inputs, outputs)


def _dump(values: Values) -> str:
    return json.dumps(values, separators=(",", ":"))
