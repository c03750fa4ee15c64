"""The http probe: does a web server answer, with what, and where does the time go?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.services.netprobe.models.base import Count, ExpectSeries, Reaching, Repeated, SeriesResult, Timings, Told
from app.services.netprobe.models.values import Pattern, Target, Url, parse_url, whole

Status = Annotated[int, Field(ge=100, le=599)]
StatusRange = Annotated[str, Field(pattern=r"^[1-5][0-9]{2}-[1-5][0-9]{2}$")]
JsonScalar = Annotated[str, Field(max_length=1024)] | bool | int | float | None


class HttpQuery(Reaching, Repeated):
    """Asks whether a web server answers; any status is an answer. `time_ms` of an attempt is all of its phases."""

    kind: ClassVar[str] = "http"

    url: Url
    method: Literal["GET", "HEAD"] = "GET"
    max_redirects: Annotated[
        int,
        Field(ge=0, le=5, description="Redirects to follow, each checked as the first URL was; never https to http."),
        whole,
    ] = 0
    count: Count = 1

    @property
    def target(self) -> Target:
        """The parts of the URL that a probe needs."""
        return parse_url(self.url)

    @property
    def ports(self) -> dict[str, int]:
        return {**super().ports, "url": self.target.port}

    def blank(self) -> HttpResult:
        return HttpResult(host=self.target.host, port=self.target.port)


class ExpectHeader(BaseModel):
    """A header that the answer must have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")]
    matches: Annotated[Pattern | None, Field(description="RE2 pattern found in its value; any value if left out.")] = (
        None
    )


class ExpectJson(BaseModel):
    """A value that the body, read as JSON, must have."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    path: Annotated[
        str,
        Field(
            max_length=256,
            pattern=r"^\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,5})\]|\['[^'\\\x00-\x1f\x7f]+'\])*$",
            description="JSONPath (RFC 9535) to one value: names and indexes, as in `$.checks[0]['disk space']`.",
        ),
    ]
    equals: Annotated[JsonScalar, Field(description="The value; when left out, it is enough that there is one.")] = None


class ExpectHttp(ExpectSeries):
    """What the answer of a web server is held against."""

    status: Annotated[
        list[Annotated[Status | StatusRange, whole]] | None,
        Field(min_length=1, max_length=16, description='Statuses and ranges, as in `[204, "200-299"]`.'),
    ] = None
    body_matches: Annotated[Pattern | None, Field(description="RE2 pattern found in the first 64 KiB of the body.")] = (
        None
    )
    headers: list[ExpectHeader] = Field(default_factory=list[ExpectHeader], max_length=8)
    json_values: list[ExpectJson] = Field(
        default_factory=list[ExpectJson], max_length=8, description="Of the first 256 KiB of the body."
    )
    min_days_to_expiry: Annotated[
        float | None, Field(ge=0, le=3650, description="Days for which the certificate must still be valid.")
    ] = None


class HttpRequest(HttpQuery):
    """An http probe, and what its outcome is held against."""

    model_config = ConfigDict(strict=True)

    expect: ExpectHttp | None = None


class Secured(Told):
    """The secure connection of an https answer, whose certificate was verified."""

    version: Annotated[str, Field(examples=["TLSv1.3"])]
    cipher: str
    alpn: str | None
    not_after: Annotated[str, Field(description="When the certificate expires (RFC 3339).")]
    days_to_expiry: float


class Hop(Told):
    """One request on the way through redirects."""

    url: str
    address: str | None
    status: int | None
    timings: Timings


class HttpResult(SeriesResult):
    """Whether a web server answered, and what. Its body is read, and never returned."""

    probe: Literal["http"] = "http"
    port: int
    status: int | None = None
    http_version: str | None = None
    headers: dict[str, str] = Field(
        default_factory=dict[str, str], description="Of those that say how an answer is served."
    )
    content_type: str | None = None
    location: Annotated[str | None, Field(description="Where the last answer redirects to.")] = None
    body_bytes: Annotated[int | None, Field(description="Bytes of the body that were read.")] = None
    body_complete: Annotated[bool | None, Field(description="False when the body was longer than 256 KiB.")] = None
    tls: Secured | None = None
    hops: list[Hop] = Field(
        default_factory=list[Hop], description="Every request, when there was a redirect to follow."
    )
