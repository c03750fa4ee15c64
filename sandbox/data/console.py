"""How a person gets into a database of the account: its own client, as the master user."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.control.account import Account
from sandbox.data import client
from sandbox.data.environment import secret_value
from sandbox.data.errors import DataError


def psql(account: Path, name: str = "") -> tuple[list[str], dict[str, str]]:
    """Return the command, and its environment, that opens a database whose identifier is `name`, or has it in it.

    Raises:
        DataError: None has, several have, or the services do not run.

    """
    services = client.start(account)
    databases = services["databases"]
    # One that was restored is called as its source, and more.
    found = [one for one in databases if one["identifier"] == name] or [
        one for one in databases if name in one["identifier"]
    ]
    if len(found) != 1:
        known = ", ".join(sorted(one["identifier"] for one in databases)) or "none"
        message = f"{'No database is' if not found else 'Several databases are'} called {name or 'anything'}: {known}."
        raise DataError(message)
    one = found[0]
    target = ["--host=127.0.0.1", f"--port={one['inner']}", f"--username={one['user']}", f"--dbname={one['database']}"]
    # Behind what encrypts: the client that comes with the server was built without TLS, as the server was.
    return [one["psql"], *target], {**os.environ, "PGPASSWORD": _password(account, services, one)}


def _password(account: Path, services: Mapping[str, Any], database: Mapping[str, str]) -> str:
    if database["secret"]:
        return str(json.loads(secret_value(services["endpoint"], database["secret"]))["password"])
    store = Account(account)
    try:
        instance = store.get("aws:rds/instance:Instance", database["id"])
    finally:
        store.close()
    return str(instance.outputs.get("password") or "") if instance else ""
