"""What RDS has of a database's past."""

from __future__ import annotations

from typing import Any

from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.restore.choice import Window


def window(session: Session, identifier: str) -> Window:
    """Return from when to when a database can be restored.

    Raises:
        UserError: it cannot be, or RDS does not tell.
    """
    spans = [one.get("RestoreWindow") or {} for one in _backups(session, identifier) if one.get("Status") == "active"]
    for span in spans:
        if "EarliestTime" in span and "LatestTime" in span:
            return Window(span["EarliestTime"], span["LatestTime"])
    raise UserError(
        f"RDS has no backup of {identifier} yet.",
        hint="The first one is made when a database is new, and takes minutes; links.NAME.backupDays keeps them.",
    )


def exist(session: Session, identifier: str) -> bool:
    """Tell whether there is a database of this name, or was one whose backups are kept."""
    return bool(_backups(session, identifier))


def _backups(session: Session, identifier: str) -> list[dict[str, Any]]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 loads slowly, and few commands need it

    try:
        answer = session.aws_client("rds").describe_db_instance_automated_backups(DBInstanceIdentifier=identifier)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "DBInstanceAutomatedBackupNotFound":
            return []
        raise UserError(f"RDS does not tell of {identifier}: {error}", code=Exit.FAILED) from None
    except BotoCoreError as error:
        raise UserError(f"RDS cannot be asked of {identifier}: {error}", code=Exit.FAILED) from None
    return answer["DBInstanceAutomatedBackups"]
