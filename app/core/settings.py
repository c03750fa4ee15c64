"""Settings from the environment: read once, typed, and refused at start with a sentence when they are wrong.

Plain pydantic, which FastAPI has imported anyway: a settings library adds a tenth to every cold start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    field_validator,
    model_validator,
)

from app.core.api_keys import ApiKey
from app.core.api_keys import parse as parse_keys
from app.core.clients import ProxyHeader
from app.core.rate_limit import Rate

Environment = Literal["dev", "staging", "prod"]

_OWN_PATHS = ("/ready", "/version", "/docs", "/openapi.json", "/faults")


class SettingsError(Exception):
    """The environment holds values the app cannot run with. The text names every variable, one a line."""


class EnvironmentSettings(BaseModel):
    """Settings whose fields are environment variables, by alias."""

    model_config = ConfigDict(
        alias_generator=str.upper,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables this class names; an empty variable counts as unset."""
        fields = {field.alias: field for field in cls.model_fields.values() if field.alias}
        given = {name: environ[name] for name in sorted(fields) if environ.get(name)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            shown = {name: repr(given.get(name, "")) if field.repr else "…" for name, field in fields.items()}
            sentences = [_sentence(shown, item["loc"], item["msg"]) for item in error.errors(include_input=False)]
            raise SettingsError("\n".join(sentences)) from None


Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^\s/,*?#@]+)$")]


def parsed(parse: Callable[[str], object]) -> Callable[[object], object]:
    """Return a validator that reads text and leaves what is read already."""
    return lambda value: parse(value) if isinstance(value, str) else value


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(","))
    if "*" in origins and len(origins) > 1:
        raise ValueError("* lets every origin in; list it alone or not at all")
    return origins


class Settings(EnvironmentSettings):
    """What every service of the app needs."""

    host: str = "0.0.0.0"  # noqa: S104 a container is reached from outside or not at all
    """Address to listen on (containers)."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port to listen on (containers)."""
    health_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")] = "/health"
    """Path that answers as long as the process lives."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least grave record that is logged."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """Lines for people or one JSON object a line; `auto` is `console` in dev and `json` elsewhere."""
    environment: Environment = "prod"
    """Profile of the stack. Unset counts as production, so that nothing is laxer by accident."""
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{7,40}|unknown)$")] = "unknown"
    """Commit this was deployed from, shown by /version."""
    max_body_bytes: Annotated[int, Field(ge=1, le=700_000)] = 262_144
    """Longest body of a request. A load balancer hands Lambda 1 MB at most, counted as base64 in JSON."""
    rate_limit: Annotated[InstanceOf[Rate], BeforeValidator(parsed(Rate.parse))] = Rate(100, 60)
    """Requests/seconds that each instance grants each client, as in `100/60`; `0` grants all. Health is not counted."""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    """Proxies in front that each append whom they were called by to PROXY_HEADER; 0 believes no header."""
    proxy_header: ProxyHeader = "x-forwarded-for"
    """Header that the trusted proxies append to; an HTTP API in front of a load balancer appends to `forwarded`."""
    api_keys: Annotated[tuple[InstanceOf[ApiKey], ...], BeforeValidator(parsed(parse_keys)), Field(repr=False)] = ()
    """Keys that open the API, as in `ci:KEY,KEY`, each the key or its SHA-256 in hex; unset, it is open. A secret."""
    cors_origins: Annotated[tuple[Origin, ...], BeforeValidator(parsed(_origins))] = ()
    """Origins whose pages may call the API from a browser, as in `https://a.example,https://b.example`, or `*`."""
    drain_seconds: Annotated[int, Field(ge=0, le=60)] = 5
    """Seconds from SIGTERM, when /ready turns 503, until no request is taken any more (containers)."""

    services: str = ""
    """Services to serve, each with its route, as in `users=/people`; unset serves all, each at its manifest's route."""
    metrics: Literal["auto", "prometheus", "emf", "off"] = "auto"
    """Where request metrics go; `auto` is `prometheus` in containers and `emf` on Lambda."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] = 9464
    """Port that Prometheus reads metrics from; the front door does not forward to it."""
    otel_exporter_otlp_endpoint: Annotated[str, Field(pattern=r"^(https?://[^\s/]\S*)?$")] = ""
    """Collector that traces and metrics go to; the other OTEL_ variables are OpenTelemetry's own."""
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    """How they go there; the image holds no gRPC."""
    faults: bool = False
    """Whether `/faults` can make requests slow, wrong or fatal; in dev only."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("health_path")
    @classmethod
    def _free(cls, value: str) -> str:
        if value in _OWN_PATHS or value.startswith("/v1/"):
            raise ValueError(f"{value} is taken by the app itself")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.faults and self.environment != "dev":
            raise ValueError(
                f"FAULTS is set, but ENVIRONMENT is {self.environment}: faults exist in dev only. Unset it."
            )
        if self.metrics_port == self.port:
            raise ValueError(f"METRICS_PORT={self.metrics_port} is also PORT: metrics need a port of their own.")
        return self


def _sentence(shown: Mapping[str, str], place: tuple[int | str, ...], message: str) -> str:
    sentence = message.removeprefix("Value error, ")
    return f"{place[0]}={shown[str(place[0])]}: {sentence}" if place else sentence
