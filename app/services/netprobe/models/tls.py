"""The tls probe: which certificate does a server show, and would anyone trust it?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from app.services.netprobe.models.base import Expect, Reaching, Result, Told
from app.services.netprobe.models.values import Host, IpAddress, Port


class TlsQuery(Reaching):
    """Asks for the certificates of a server; those that nobody should trust are reported too."""

    kind: ClassVar[str] = "tls"

    host: Host
    port: Port = 443
    server_name: Annotated[
        Host | None, Field(description="Name to ask for (SNI) and to verify; the host when left out.")
    ] = None
    address: Annotated[IpAddress | None, Field(description="Address to connect to instead of those of the host.")] = (
        None
    )

    @property
    def ports(self) -> dict[str, int]:
        return {**super().ports, "port": self.port}

    def blank(self) -> TlsResult:
        return TlsResult(host=self.host, port=self.port, server_name=self.server_name or self.host)


class ExpectTls(Expect):
    """What the certificate is held against."""

    verified: Annotated[
        bool | None, Field(description="Whether it must be trusted; null when that does not matter.")
    ] = True
    min_days_to_expiry: Annotated[
        float | None, Field(ge=0, le=3650, description="Days for which it must still be valid.")
    ] = None


class TlsRequest(TlsQuery):
    """A tls probe, and what its outcome is held against."""

    model_config = ConfigDict(strict=True)

    expect: ExpectTls = ExpectTls()


class Certificate(Told):
    """One certificate, as the server sent it."""

    subject: str
    issuer: str
    alternative_names: list[str]
    serial: Annotated[str, Field(description="Hexadecimal.")]
    not_before: Annotated[str, Field(description="RFC 3339.")]
    not_after: Annotated[str, Field(description="RFC 3339.")]
    days_to_expiry: Annotated[float, Field(description="Negative once it has expired.")]
    key_type: Annotated[str, Field(examples=["EC secp256r1"])]
    key_bits: int | None
    signature_algorithm: str
    sha256: Annotated[str, Field(description="Fingerprint, hexadecimal.")]


class TlsResult(Result):
    """The secure connection that was made, and the certificates of it."""

    probe: Literal["tls"] = "tls"
    port: int
    server_name: str
    verified: Annotated[bool | None, Field(description="Whether a client should trust this server.")] = None
    verify_error: Annotated[str | None, Field(description="Why not.")] = None
    version: Annotated[str | None, Field(examples=["TLSv1.3"])] = None
    cipher: str | None = None
    alpn: str | None = None
    days_to_expiry: Annotated[float | None, Field(description="Of the server's own certificate.")] = None
    certificates: list[Certificate] = Field(
        default_factory=list[Certificate],
        description="The server's own first, then the chain in the order it was sent.",
    )
    chain_complete: Annotated[
        bool | None, Field(description="False where this service's Python shows the server's own certificate only.")
    ] = None
