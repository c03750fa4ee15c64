"""What all probes share: options of a request, and what every result says."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from app.services.netprobe.models.values import IpAddress, whole

LONGEST = 25
"""Seconds for a whole request, all its attempts or probes together; gateways give up after 29."""

ErrorKind = Literal[
    "no_public_address",
    "port_not_allowed",
    "redirect_not_allowed",
    "refused",
    "unreachable",
    "no_route",
    "timeout",
    "reset",
    "tls",
    "protocol",
    "unsupported",
    "not_run",
    "internal",
]
FailureSource = Literal["target", "network", "us"]
Family = Literal["ipv4", "ipv6"]
Phase = Literal["resolve", "connect", "tls", "first_byte", "transfer"]

Milliseconds = Annotated[float, Field(ge=0)]
Timeout = Annotated[float, Field(ge=0.1, le=LONGEST)]
Count = Annotated[int, Field(ge=1, le=16, description="Attempts."), whole]
MaxMilliseconds = Annotated[float, Field(gt=0, le=1000 * LONGEST)]


class Told(BaseModel):
    """Part of an answer, built when the first is given: no cold start pays for it."""

    model_config = ConfigDict(defer_build=True)


class Options(BaseModel):
    """Options that every probe has."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str]
    """The probe's name."""

    timeout: Annotated[Timeout, Field(description="Seconds for the whole probe, all attempts together.")] = 5
    resolver: Annotated[
        IpAddress | None,
        Field(description="Address of the DNS server to ask, at port 53. The system's resolver when left out."),
    ] = None

    @property
    def key(self) -> str:
        """A text that is the same for the same question only."""
        # What was left out stays so: no value to expect is not the same as null.
        return f"{self.kind} {self.model_dump_json(exclude={'probe'}, exclude_unset=True)}"

    @property
    def ports(self) -> dict[str, int]:
        """The ports that the probe connects to, by the field that asks for each."""
        return {} if self.resolver is None else {"resolver": 53}


class Reaching(Options):
    """Options of probes that reach for a host."""

    family: Annotated[
        Literal["any", Family],
        Field(description="Addresses to use. With `any` they are tried in order; the first that answers is used."),
    ] = "any"


class Repeated(Options):
    """Options of probes that may be attempted more than once."""

    count: Count = 3
    interval: Annotated[float, Field(ge=0, le=2, description="Seconds from the begin of one attempt to the next.")] = (
        0.2
    )


class MaxTimings(BaseModel):
    """The most milliseconds that a phase may take; `total_ms` is one attempt with all its phases."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    resolve_ms: MaxMilliseconds | None = None
    connect_ms: MaxMilliseconds | None = None
    tls_ms: MaxMilliseconds | None = None
    first_byte_ms: MaxMilliseconds | None = None
    transfer_ms: MaxMilliseconds | None = None
    total_ms: MaxMilliseconds | None = None


class Expect(BaseModel):
    """What the answer is held against; every expectation passes or fails with a reason."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    max_timings: Annotated[MaxTimings | None, Field(description="The most milliseconds per phase.")] = None


class ExpectSeries(Expect):
    """What several attempts together are held against."""

    max_loss_percent: Annotated[
        float | None, Field(ge=0, le=100, description="The most attempts that may fail, in percent.")
    ] = None
    max_mean_ms: Annotated[MaxMilliseconds | None, Field(description="The largest mean of `time_ms`.")] = None


class ProbeError(Told):
    """Why a probe got no answer, in which phase, and whose doing it is."""

    kind: ErrorKind
    phase: Phase
    failure_source: Annotated[
        FailureSource,
        Field(description="`target`: the host or its name; `network`: the way there; `us`: this service."),
    ]
    reason: str


class Timings(Told):
    """Milliseconds per phase of one attempt; null for a phase that it does not have or did not finish."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    resolve_ms: Milliseconds | None = None
    connect_ms: Milliseconds | None = None
    tls_ms: Milliseconds | None = None
    first_byte_ms: Annotated[
        Milliseconds | None, Field(description="From sending the question to the first byte of the answer.")
    ] = None
    transfer_ms: Annotated[Milliseconds | None, Field(description="From the first byte to the last.")] = None
    total_ms: Milliseconds = 0


class Checked(Told):
    """One expectation and how it went."""

    # Made in threads, where two that use it first would build it side by side.
    model_config = ConfigDict(defer_build=False)

    expectation: Annotated[str, Field(description="Its name in the request, as in `max_timings.total_ms`.")]
    passed: bool
    expected: str
    actual: Annotated[str | None, Field(description="What was found; null when there was nothing to look at.")]
    reason: str


class Result(Told):
    """What every probe answers."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    ok: Annotated[bool, Field(description="The host answered and every expectation passed.")] = False
    reached: Annotated[bool, Field(description="The host answered, in at least one attempt.")] = False
    host: str
    address: Annotated[str | None, Field(description="The address that was probed.")] = None
    family: Family | None = None
    addresses: list[str] = Field(
        default_factory=list[str], description="What the host was found to have, in the order they are tried."
    )
    timings: Timings = Field(
        default_factory=Timings, description="Of the last attempt that succeeded, else of the last."
    )
    elapsed_ms: Annotated[Milliseconds, Field(description="The whole probe, all attempts together.")] = 0
    age_seconds: Annotated[
        float, Field(ge=0, description="How long ago this was found out; who asks the same again soon is told again.")
    ] = 0
    expectations: list[Checked] = Field(default_factory=list[Checked])
    error: Annotated[ProbeError | None, Field(description="Why no attempt succeeded; null when one did.")] = None


class Attempt(Told):
    """One attempt of several."""

    ok: bool
    address: str | None
    time_ms: Annotated[Milliseconds | None, Field(description="What the statistics are about; null when it failed.")]
    error: ProbeError | None


class Statistics(Told):
    """What the attempts amount to. Times are null when none succeeded, deviation and jitter below two."""

    sent: int
    received: int
    loss_percent: Annotated[float, Field(ge=0, le=100)]
    min_ms: Milliseconds | None
    mean_ms: Milliseconds | None
    max_ms: Milliseconds | None
    deviation_ms: Annotated[Milliseconds | None, Field(description="Standard deviation, of all attempts (mdev).")]
    jitter_ms: Annotated[
        Milliseconds | None, Field(description="Mean difference of one attempt's time to that of the next.")
    ]


class SeriesResult(Result):
    """What probes with several attempts answer."""

    attempts: list[Attempt] = Field(default_factory=list[Attempt])
    statistics: Statistics | None = None


R_co = TypeVar("R_co", bound=Result, covariant=True)


class Question(Protocol[R_co]):
    """A request for any of the probes."""

    kind: ClassVar[str]

    @property
    def key(self) -> str: ...

    @property
    def ports(self) -> dict[str, int]: ...

    @property
    def expect(self) -> Expect | None: ...

    def blank(self) -> R_co:
        """Return the result with nothing found out yet."""
        ...
