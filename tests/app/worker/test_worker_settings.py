"""A worker that is set up wrongly does not start, and says what is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.core.settings import SettingsError
from app.core.workers import open_worker
from tests.app.worker.desk import Desk


async def _open(environ: dict[str, str]) -> None:
    async with open_worker(environ, "prometheus"):
        pass


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as raised:
        asyncio.run(_open(environ))
    return str(raised.value)


@pytest.mark.usefixtures("parcels")
def test_it_opens_with_what_a_stack_sets(desk: Desk) -> None:
    asyncio.run(_open(desk.environ))


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"QUEUES": "", "IDEMPOTENCY_TABLE": ""}, "QUEUES and IDEMPOTENCY_TABLE must be set for a worker to run."),
        ({"QUEUES": "{"}, "QUEUES='{': Expecting property name enclosed in double quotes"),
        ({"QUEUES": "[]"}, "QUEUES='[]': Input should be a valid dictionary"),
        ({"QUEUES": '{"jobs": "x"}'}, """QUEUES='{"jobs": "x"}': String should match pattern"""),
        ({"DEAD_LETTERS": "{}"}, "DEAD_LETTERS names no queue for hourly, jobs, uploaded, written."),
        ({"WORKER_TIMEOUT": "soon"}, "WORKER_TIMEOUT='soon': Input should be a valid integer"),
        ({"STOP_SECONDS": "0"}, "STOP_SECONDS='0': Input should be greater than or equal to 1"),
        ({"AWS_REGION": ""}, "AWS_REGION is not set: nothing says where the queues are."),
        ({"SERVICES": ""}, "SERVICES='': name one service here; there are: parcels"),
        ({"SERVICES": "parcels,netprobe"}, "SERVICES='parcels,netprobe': name one service here"),
        ({"SERVICES": "parcel"}, "SERVICES='parcel': name one service here"),
    ],
)
def test_wrong_settings_are_named(desk: Desk, environ: dict[str, str], said: str) -> None:
    assert refused(desk.environ | environ).startswith(said)


def test_triggers_consumers_and_queues_must_go_together(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "services/parcels/service.toml"
    file.write_text(file.read_text().replace("triggers.hourly", "triggers.daily") + '[triggers.odd]\nkind = "pigeon"\n')
    assert refused(desk.environ).splitlines() == [
        "parcels: daily has no consumer: `create` returns none by that name.",
        "parcels: odd has no consumer: `create` returns none by that name.",
        "parcels: hourly has a consumer and no trigger in its manifest.",
        "parcels: odd: there is no kind 'pigeon'.",
        "parcels: QUEUES names hourly, which is no trigger of it.",
    ]
