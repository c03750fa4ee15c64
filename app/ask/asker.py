"""A service that asks models: what it opens at start, and what it makes of a source."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from app.ask.budget import Budget
from app.ask.cascade import Cascade
from app.ask.desk import Desk
from app.ask.providers import providers
from app.ask.results import Result, Results
from app.ask.settings import AskSettings
from app.ask.table import Table
from app.ask.work import Work
from app.core.aws import Aws
from app.core.messages import Message
from app.core.settings import SettingsError

R = TypeVar("R", bound=Result)
S = TypeVar("S", bound=AskSettings)

_MODELS_AT_MOST = 4
_OWN_SECONDS = 30
"""What a result takes besides models, at most."""


class Asker(ABC, Generic[R, S]):
    """A service's work, open from start-up to shutdown.

    Args:
        environ: The environment.
        settings: The class of its settings.
        kind: The class of its results.

    """

    aws: Aws
    settings: S
    budget: Budget
    cascade: Cascade
    desk: Desk[R]

    def __init__(self, environ: Mapping[str, str], settings: type[S], kind: type[R]) -> None:
        self._environ = environ
        self._settings = settings
        self._kind = kind
        settings.from_environ(environ)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Open what is used. Keys are in the environment from here on."""
        settings = self.settings = self._settings.from_environ(self._environ)
        for name in ("results_table", "work_table"):
            if not getattr(settings, name):
                raise SettingsError(f"{name.upper()} is not set: this service keeps its results in DynamoDB.")
        self.aws = Aws(self._environ)
        work = Table(self.aws, settings.work_table)
        self.budget = Budget(work, settings.daily_budget)
        self.cascade = Cascade(providers(settings), self.budget)
        edition = hashlib.sha256(self.words().encode()).hexdigest()[:16]
        self.desk = Desk(
            aws=self.aws,
            results=Results(
                Table(self.aws, settings.results_table),
                self._kind,
                f"{edition}+models" if self.cascade.providers else edition,
                settings.keep_days,
            ),
            work=Work(work, _MODELS_AT_MOST * settings.model_seconds + _OWN_SECONDS),
            make=self.make,
            is_quick=self.is_quick,
            queue=settings.jobs_queue,
            wait_seconds=settings.wait_seconds,
        )
        try:
            yield
        finally:
            for provider in self.cascade.providers:
                await provider.close()
            self.aws.close()

    async def do_job(self, message: Message) -> None:
        """Do a job: the consumer of the trigger `jobs`."""
        await self.desk.consume(message)

    @abstractmethod
    async def make(self, key: str, source: str) -> R:
        """Return the result of a source."""

    @abstractmethod
    def words(self) -> str:
        """Return what results depend on besides the source: those made with other words are made anew."""

    def is_quick(self, source: str) -> bool:
        """Tell whether a source needs no worker."""
        return self.why_not(source) != "" or self.is_short(source)

    def is_short(self, source: str) -> bool:
        """Tell whether a cheap model may do."""
        return len(source) < self.settings.short_source

    def why_not(self, source: str) -> str:
        """Return why no model is asked about a source; nothing when one is."""
        if not self.cascade.providers:
            return "No model was asked: there is no key for one."
        if not self.budget.limit:
            return "No model was asked: the budget is 0."
        if len(source) > self.settings.longest_source:
            return f"No model was asked: the source has more than {self.settings.longest_source} characters."
        return ""
