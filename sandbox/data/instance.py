"""What the account says of a database, as far as it matters to a cluster."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.data.binaries import VERSIONS
from sandbox.data.errors import DataError

if TYPE_CHECKING:
    from sandbox.control.account import Resource


def facts_of(instance: Resource, groups: Mapping[str, Resource]) -> dict[str, Any]:
    """Return the facts of an RDS instance, given the parameter groups by their names.

    Raises:
        DataError: Nothing here can be such a database.

    """
    outputs: dict[str, Any] = instance.outputs
    engine, number = str(outputs.get("engine") or "postgres"), str(outputs.get("engineVersion") or max(VERSIONS))
    major = int(found[0]) if (found := re.match(r"\d+", number)) else 0
    if engine != "postgres" or major not in VERSIONS:
        known = " and ".join(map(str, sorted(VERSIONS)))
        message = f"The sandbox runs PostgreSQL {known}; {engine} {number} is not simulated."
        raise DataError(message)
    managed = outputs.get("masterUserSecrets") or []
    group = groups.get(str(outputs.get("parameterGroupName")))
    listed: Any = group.outputs.get("parameters") if group else None
    parameters = {one["name"]: one["value"] for one in listed or []}
    return {
        "identifier": outputs["identifier"],
        "address": outputs["address"],
        "version": major,
        "database": outputs.get("dbName") or "",
        "user": outputs.get("username") or "",
        "secret": managed[0]["secretArn"] if managed else "",
        # Enough to tell that a password in the settings has changed, and no more.
        "given": hashlib.sha256(str(outputs.get("password")).encode()).hexdigest(),
        "plain": str(parameters.get("rds.force_ssl", "1")) == "0",
        "snapshot": "" if outputs.get("skipFinalSnapshot") else outputs.get("finalSnapshotIdentifier") or "",
    }
