"""RDS's own call tells from when to when a database of the sandbox can be restored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.control.account import Account
from sandbox.control.endpoint import endpoint
from tests.sandbox.data.conftest import Place

pytestmark = pytest.mark.e2e


@contextmanager
def rds(folder: Path) -> Iterator[Any]:
    account = Account(folder)
    server = endpoint(account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1})
    try:
        yield session.client("rds", endpoint_url=f"http://127.0.0.1:{server.server_port}", config=config)
    finally:
        server.shutdown()
        server.server_close()
        account.close()


def test_each_database_has_its_own_window(place: Place) -> None:
    began = datetime.now(UTC)
    first, second = place.database("backed-up"), place.database("backed-up-too")
    with rds(place.folder) as client:
        [found] = client.describe_db_instance_automated_backups(DBInstanceIdentifier=first.outputs["identifier"])[
            "DBInstanceAutomatedBackups"
        ]
        both = client.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]
        none = client.describe_db_instance_automated_backups(DBInstanceIdentifier="other")
    window = found["RestoreWindow"]
    assert began <= window["EarliestTime"] <= window["LatestTime"] <= datetime.now(UTC)
    names = {each["DBInstanceIdentifier"] for each in both}
    assert names >= {str(one.outputs["identifier"]) for one in (first, second)}
    assert none["DBInstanceAutomatedBackups"] == []


def test_services_that_do_not_start_are_an_error_with_their_words(tmp_path: Path) -> None:
    with rds(tmp_path / "account") as client:
        (tmp_path / "account/data").write_text("no folder")
        with pytest.raises(ClientError) as caught:
            client.describe_db_instance_automated_backups()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
