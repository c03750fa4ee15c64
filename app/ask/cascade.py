"""One model after the other until an answer can be used, within the day's budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from app.ask.budget import Budget
from app.ask.providers import ModelError, Provider, Question
from app.ask.results import Asked
from app.ask.settings import MILLION, Model
from app.core.aws import AwsError

T = TypeVar("T", bound=BaseModel)

_log = logging.getLogger(__name__)

Judge = Callable[[T], str]
"""Tells what is wrong with an answer that has the right shape; nothing, when it can be used."""


@dataclass
class Answer(Generic[T]):
    """What came of a question."""

    value: T | None = None
    asked: list[Asked] = field(default_factory=list[Asked])
    notes: list[str] = field(default_factory=list[str])

    @property
    def cost_usd(self) -> float:
        """What all the models cost together."""
        return sum(asked.cost_usd for asked in self.asked)


class Cascade:
    """Asks models: a provider's cheap one for short sources, then its strong one, then the next provider's.

    Args:
        providers: Who can be asked, in order.
        budget: What a day may cost.

    """

    def __init__(self, providers: Sequence[Provider], budget: Budget) -> None:
        self.providers = providers
        self._budget = budget

    async def ask(self, question: Question[T], judge: Judge[T], *, short: bool) -> Answer[T]:
        """Return the first answer that can be used, or why there is none."""
        answer = Answer[T]()
        for provider in self.providers:
            for model in _models(provider, short=short):
                go_on = await self._try(provider, model, question, judge, answer)
                if answer.value is not None:
                    return answer
                if not go_on:
                    break
        return answer

    async def _try(
        self, provider: Provider, model: Model, question: Question[T], judge: Judge[T], answer: Answer[T]
    ) -> bool:
        """Ask one model; tell whether the provider's next one may do better."""
        now, messages = datetime.now(UTC), question.messages()
        most = provider.most(model, messages)
        if not await self._budget.reserve(most, now):
            limit = self._budget.limit / MILLION
            answer.notes.append(
                f"{model.name} was not asked: with the {most / MILLION:.4f} USD that it may cost, more than the "
                f"{limit:.2f} USD of the day would be spent."
            )
            return True
        outcome, go_on, cost = "answered", True, most
        try:
            reply = await provider.ask(model, question, messages)
            cost, wrong = reply.cost, judge(reply.value)
            if wrong:
                outcome = f"{model.name} {wrong}"
            else:
                answer.value = reply.value
        except ModelError as error:
            outcome, go_on, cost = str(error), not error.fatal, most if error.cost is None else error.cost
        await self._settle(most - cost, now)
        answer.asked.append(Asked(provider=provider.name, model=model.name, outcome=outcome, cost_usd=cost / MILLION))
        if outcome != "answered":
            answer.notes.append(f"{outcome}.")
        return go_on

    async def _settle(self, left: int, now: datetime) -> None:
        """Give back what a call did not use; an answer that is paid is not lost where that cannot be noted."""
        try:
            await self._budget.give_back(left, now)
        except AwsError:
            _log.exception("What a model did not cost cannot be given back to the budget of the day")


def _models(provider: Provider, *, short: bool) -> Iterator[Model]:
    if short and provider.cheap is not None:
        yield provider.cheap
    if provider.strong is not None:
        yield provider.strong
