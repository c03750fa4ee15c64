"""A worker, put together from the environment: the one service that it works for, its triggers, queues and store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

from app.core import logs, service, telemetry
from app.core.bodies import KINDS
from app.core.idempotency import Once
from app.core.message_metrics import message_recorder
from app.core.metrics import Format
from app.core.queues import Queues
from app.core.running import running
from app.core.service import Mount
from app.core.settings import Settings, SettingsError
from app.core.work import Trigger, Work
from app.core.worker_settings import WorkerSettings

_CONNECT_SECONDS = 5
_MOST_THREADS = 32
_ANSWER_SECONDS = 30
"""Longer than SQS waits for messages."""


@dataclass(frozen=True)
class Worker:
    """What an entry needs to work."""

    settings: WorkerSettings
    queues: Queues
    work: Work


@asynccontextmanager
async def open_worker(environ: MutableMapping[str, str], auto_metrics: Format) -> AsyncGenerator[Worker]:
    """Open the worker that an environment describes.

    Raises:
        SettingsError: the environment does not describe one.
        SecretsError: a secret of it cannot be read.
    """
    settings, worker = Settings.from_environ(environ), WorkerSettings.from_environ(environ)
    logs.configure(settings)
    telemetry.check(settings)
    (mount,) = service.mounts(service.lone(environ.get("SERVICES", "")), environ)
    kinds = _kinds(mount, worker)
    recorder = message_recorder(settings, mount.name, auto_metrics)
    async with running(settings, [mount], recorder, environ):
        # A thread waits for each queue, and one for each message that is begun, renewed or ended.
        threads = len(kinds) * (1 + min(worker.worker_concurrency, _MOST_THREADS))
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="worker"))
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            max_pool_connections=threads,
            retries={"mode": "standard", "max_attempts": 3},
        )
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        try:
            sqs, dynamodb = (boto3.client(name, region_name=region, config=config) for name in ("sqs", "dynamodb"))
        except NoRegionError:
            raise SettingsError("AWS_REGION is not set: nothing says where the queues are.") from None
        triggers = {
            name: Trigger(kind, mount.service.consumers[name], Once(worker.idempotency_table, name, dynamodb))
            for name, kind in kinds.items()
        }
        queues = Queues(worker, sqs)
        yield Worker(worker, queues, Work(worker, triggers, queues, recorder))


def _kinds(mount: Mount, worker: WorkerSettings) -> dict[str, str]:
    """Return the kind of each trigger that has a queue here."""
    kinds, consumers = service.manifest(mount.name).triggers, mount.service.consumers
    wrong = [
        *(f"{name} has no consumer: `create` returns none by that name." for name in sorted(kinds - consumers.keys())),
        *(f"{name} has a consumer and no trigger in its manifest." for name in sorted(consumers.keys() - kinds)),
        *(f"{name}: there is no kind {kind!r}." for name, kind in sorted(kinds.items()) if kind not in KINDS),
        *(f"QUEUES names {name}, which is no trigger of it." for name in sorted(worker.queues.keys() - kinds)),
    ]
    if wrong:
        raise SettingsError("\n".join(f"{mount.name}: {sentence}" for sentence in wrong))
    return {name: kinds[name] for name in sorted(worker.queues)}
