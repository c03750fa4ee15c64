"""Settings that all services which ask models share; each has them under a prefix of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, InstanceOf, field_validator

from app.core.settings import EnvironmentSettings, parsed

PROVIDERS: Final = {"openai": "OpenAI", "gemini": "Gemini"}
OFF: Final = "off"

_MODEL = re.compile(r"(?P<name>[^\s@]{1,100})@(?P<input>\d{1,6}(\.\d{1,6})?)/(?P<output>\d{1,6}(\.\d{1,6})?)")
MILLION: Final = 1_000_000
"""Micro-dollars in a dollar, and tokens that a price is for: a token at 2 USD per million costs 2 micro-dollars."""


@dataclass(frozen=True)
class Model:
    """A model and what it costs; the same as text is `gpt-6-luna@0.10/0.50`."""

    name: str
    input: float
    """USD for a million tokens that it reads."""
    output: float
    """USD for a million tokens that it writes, those of its reasoning included."""

    @classmethod
    def parse(cls, text: str) -> Model | None:
        """Read a model, `NAME@INPUT/OUTPUT`; `off` is none."""
        if text == OFF:
            return None
        found = _MODEL.fullmatch(text)
        if found is None:
            raise ValueError(f"expected NAME@INPUT/OUTPUT with prices in USD per million tokens, or {OFF}")
        return cls(found["name"], float(found["input"]), float(found["output"]))

    def __str__(self) -> str:
        return f"{self.name}@{self.input:g}/{self.output:g}"

    def cost(self, read: int, written: int) -> int:
        """Return what an answer costs, in micro-dollars, rounded up."""
        # Rounded first, so that 0.1 * 3 is 0.3 and not a little more.
        return ceil(round(read * self.input + written * self.output, 6))


def _order(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if set(names) - PROVIDERS.keys() or len(set(names)) < len(names):
        raise ValueError(f"expected some of {', '.join(PROVIDERS)}, each once")
    return names


Choice = Annotated[InstanceOf[Model] | None, BeforeValidator(parsed(Model.parse))]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Key = Annotated[str, Field(repr=False, pattern=r"^[\x21-\x7e]*$")]


class AskSettings(EnvironmentSettings):
    """What is asked, for how much, and where it is kept."""

    results_table: Annotated[str, Field(alias="RESULTS_TABLE")] = ""
    """DynamoDB table of results. The stack sets it, as the three below."""
    work_table: Annotated[str, Field(alias="WORK_TABLE")] = ""
    """DynamoDB table of what is under way and of what was spent."""
    jobs_queue: Annotated[str, Field(alias="JOBS_QUEUE")] = ""
    """SQS queue of the jobs that the worker does."""
    openai_api_key: Annotated[Key, Field(alias="OPENAI_API_KEY")] = ""
    """Key of OpenAI; unset, it is not asked. A secret."""
    gemini_api_key: Annotated[Key, Field(alias="GEMINI_API_KEY")] = ""
    """Key of Gemini; unset, it is not asked. A secret."""
    openai_url: Url = "https://api.openai.com/v1"
    """Where OpenAI's API is, or one that speaks as it does."""
    gemini_url: Url = "https://generativelanguage.googleapis.com/v1beta/openai/"
    """Where Gemini's OpenAI-compatible API is."""
    providers: Annotated[tuple[str, ...], BeforeValidator(parsed(_order))] = ("openai", "gemini")
    """Who is asked first, and who if that fails; those without a key are left out."""
    openai_cheap: Choice = Model("gpt-6-luna", 0.10, 0.50)
    """OpenAI's model for short sources, with its price: USD per million tokens read/written; `off` is none."""
    openai_strong: Choice = Model("gpt-6-sol", 2, 10)
    """OpenAI's model for the others, and where the cheap one gave no usable answer."""
    gemini_cheap: Choice = Model("gemini-3.5-flash-lite", 0.30, 2.50)
    """Gemini's model for short sources."""
    gemini_strong: Choice = Model("gemini-3.8-flash", 1.50, 7.50)
    """Gemini's model for the others."""
    short_source: Annotated[int, Field(ge=0, le=100_000)] = 500
    """A source with fewer characters is short."""
    longest_source: Annotated[int, Field(ge=1, le=1_000_000)] = 60_000
    """A source with more characters goes to no model."""
    output_tokens: Annotated[int, Field(ge=256, le=128_000)] = 8_000
    """Most tokens that a model may write for an answer, its reasoning included."""
    model_seconds: Annotated[float, Field(ge=0.1, le=600)] = 60
    """Seconds that a model has to answer, waits and retries included."""
    model_retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a call is repeated that the provider turned down or did not take."""
    daily_budget: Annotated[float, Field(ge=0, le=1_000_000)] = 5
    """USD that models may cost in a day (UTC), all instances together; 0 asks none."""
    keep_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    """Days that a result is kept and told again."""
    wait_seconds: Annotated[float, Field(ge=1, le=28)] = 20
    """Most seconds that a caller waits for a result before there is a job for it; gateways give up after 29."""

    @field_validator("openai_cheap", "openai_strong", "gemini_cheap", "gemini_strong", mode="after")
    @classmethod
    def _priced(cls, model: Model | None) -> Model | None:
        if model is not None and not model.input + model.output:
            raise ValueError("a model without a price would never use up the budget")
        return model

    def models(self, provider: str) -> tuple[Model | None, Model | None]:
        """Return the cheap and the strong model of a provider."""
        if provider == "openai":
            return self.openai_cheap, self.openai_strong
        return self.gemini_cheap, self.gemini_strong

    def access(self, provider: str) -> tuple[str, str]:
        """Return a provider's URL and key."""
        if provider == "openai":
            return self.openai_url, self.openai_api_key
        return self.gemini_url, self.gemini_api_key
