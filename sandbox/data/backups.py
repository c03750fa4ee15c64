"""What RDS tells of the backups of a database, told of the cluster that really keeps them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from sandbox.data import client
from sandbox.data.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CALL = "DescribeDBInstanceAutomatedBackups"
_RDS = "http://rds.amazonaws.com/doc/2014-10-31/"


def describe_automated_backups(account: Path, form: Mapping[str, str]) -> tuple[HTTPStatus, str]:
    """Answer the call of that name with status and text: from when to when databases can be restored.

    Starts the account's data services unless they run.
    """
    wanted = form.get("DBInstanceIdentifier")
    try:
        databases = client.start(account)["databases"]
    except DataError as problem:
        error = (
            f"<Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>{escape(str(problem))}</Message></Error>"
        )
        return HTTPStatus.INTERNAL_SERVER_ERROR, f"<ErrorResponse>{error}</ErrorResponse>"
    found = [
        _backup(one["identifier"], *one["restorable"])
        for one in databases
        if one["restorable"] and wanted in (None, one["identifier"])
    ]
    result = f"<DBInstanceAutomatedBackups>{''.join(found)}</DBInstanceAutomatedBackups>"
    text = f'<{CALL}Response xmlns="{_RDS}"><{CALL}Result>{result}</{CALL}Result></{CALL}Response>'
    return HTTPStatus.OK, text


def _backup(identifier: str, earliest: str, latest: str) -> str:
    window = f"<EarliestTime>{earliest}</EarliestTime><LatestTime>{latest}</LatestTime>"
    return (
        f"<DBInstanceAutomatedBackup><DBInstanceIdentifier>{escape(identifier)}</DBInstanceIdentifier>"
        f"<Status>active</Status><RestoreWindow>{window}</RestoreWindow></DBInstanceAutomatedBackup>"
    )
