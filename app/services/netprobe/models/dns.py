"""The dns probe: what does a DNS server answer?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from app.services.netprobe.models.base import Count, ExpectSeries, Repeated, SeriesResult, Told
from app.services.netprobe.models.values import Host

RecordType = Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]
Rcode = Literal["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]


class DnsQuery(Repeated):
    """Asks a DNS server for records; `time_ms` of an attempt is that of question and answer."""

    kind: ClassVar[str] = "dns"

    name: Annotated[Host, Field(description="A name; of an address, its reverse name is asked.")]
    type: Annotated[RecordType, Field(description="The type of records.")] = "A"
    count: Count = 1

    def blank(self) -> DnsResult:
        return DnsResult(host=self.name, type=self.type, resolver=self.resolver)


class ExpectDns(ExpectSeries):
    """What the answer of a DNS server is held against."""

    rcode: Annotated[Rcode | None, Field(description="The response code.")] = None
    answer_contains: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            pattern="^[ -~]+$",
            description="Text in the value of a record, as in an address, ignoring case.",
        ),
    ] = None


class DnsRequest(DnsQuery):
    """A dns probe, and what its outcome is held against."""

    model_config = ConfigDict(strict=True)

    expect: ExpectDns | None = None


class Record(Told):
    """One record of the answer."""

    name: str
    type: str
    ttl: Annotated[int, Field(description="Seconds for which it may be kept.")]
    value: str


class DnsResult(SeriesResult):
    """What a DNS server answered; any response code is an answer."""

    probe: Literal["dns"] = "dns"
    type: RecordType
    resolver: Annotated[str | None, Field(description="The DNS server; null for the system's own.")] = None
    rcode: Annotated[str | None, Field(examples=["NOERROR"])] = None
    answers: list[Record] = Field(default_factory=list[Record], description="The first 64.")
    authoritative: bool | None = None
    truncated: Annotated[bool | None, Field(description="Whether the answer over UDP was cut and TCP was asked.")] = (
        None
    )
    authenticated: Annotated[bool | None, Field(description="Whether the server says it verified DNSSEC (AD).")] = None
    transport: Literal["udp", "tcp"] | None = None
