"""The tls probe: facts of certificates, trusted or not, and why not."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from app.services.netprobe.probes.certificates import described

Probe = Callable[..., dict[str, Any]]
Secured = Callable[..., int]


def test_a_trusted_server_is_told_in_full(probe: Probe, authority: Any, secured: Secured) -> None:
    own = authority.issue("server", authority.root, names=["server.example", "127.0.0.1"], days=(-1, 45.5))
    result = probe("tls", host="127.0.0.1", port=secured(authority.context(own)))
    assert (result["ok"], result["verified"], result["verify_error"]) == (True, True, None)
    assert (result["version"], result["alpn"]) == ("TLSv1.3", None)
    assert result["cipher"].startswith("TLS_")
    assert result["days_to_expiry"] == pytest.approx(45.5, abs=0.02)
    shown = result["certificates"][0]
    certificate: x509.Certificate = own.certificate
    assert (shown["subject"], shown["issuer"]) == ("CN=server", "CN=Test Root")
    assert shown["alternative_names"] == ["server.example", "127.0.0.1"]
    assert shown["serial"] == f"{certificate.serial_number:x}"
    assert (shown["key_type"], shown["key_bits"]) == ("EC secp256r1", 256)
    assert shown["signature_algorithm"] == "ecdsa-with-SHA256"
    assert shown["sha256"] == certificate.fingerprint(hashes.SHA256()).hex()
    assert shown["not_after"] == certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z")
    assert result["timings"]["tls_ms"] > 0


UNTRUSTED = {
    "expired": ("127.0.0.1", (-60, -1), "expired"),
    "of tomorrow": ("127.0.0.1", (1, 30), "not yet valid"),
    "of another host": ("other.example", (-1, 30), "not valid for '127.0.0.1'"),
    "self-signed": ("127.0.0.1", (-1, 30), "self-signed"),
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_a_server_that_nobody_should_trust_is_told_too(
    probe: Probe, authority: Any, secured: Secured, case: str
) -> None:
    name, days, why = UNTRUSTED[case]
    own = authority.issue("server", None if case == "self-signed" else authority.root, names=[name], days=days)
    result = probe("tls", host="127.0.0.1", port=secured(authority.context(own)))
    assert (result["ok"], result["reached"], result["verified"]) == (False, True, False)
    assert why in result["verify_error"]
    assert result["error"] is None
    assert result["certificates"][0]["subject"] == "CN=server"
    assert result["certificates"][0]["days_to_expiry"] == pytest.approx(days[1], abs=0.02)
    assert [(each["expectation"], each["passed"]) for each in result["expectations"]] == [("verified", False)]
    assert why in result["expectations"][0]["reason"]


def test_a_missing_link_of_the_chain_is_found(probe: Probe, authority: Any, secured: Secured) -> None:
    between = authority.issue("between", authority.root, authority=True)
    own = authority.issue("server", between, names=["127.0.0.1"])
    whole = probe("tls", host="127.0.0.1", port=secured(authority.context(own, between)))
    assert whole["verified"]
    broken = probe("tls", host="127.0.0.1", port=secured(authority.context(own)))
    assert not broken["verified"]
    assert "issuer" in broken["verify_error"]
    assert whole["chain_complete"] == (sys.version_info >= (3, 13))
    assert len(whole["certificates"]) == (2 if whole["chain_complete"] else 1)


def test_the_chain_is_shown_as_it_was_sent(
    probe: Probe, authority: Any, secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    between = authority.issue("between", authority.root, authority=True)
    own = authority.issue("server", between, names=["127.0.0.1"])
    if sys.version_info < (3, 13):

        def chain(secure_side: Any) -> list[bytes]:
            return [
                ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in secure_side._sslobj.get_unverified_chain()
            ]

        monkeypatch.setattr(ssl.SSLObject, "get_unverified_chain", chain, raising=False)
    result = probe("tls", host="127.0.0.1", port=secured(authority.context(own, between)))
    assert [each["subject"] for each in result["certificates"]] == ["CN=server", "CN=between"]
    assert result["chain_complete"]


def test_a_server_can_be_looked_at_by_name_and_address(probe: Probe, authority: Any, secured: Secured) -> None:
    asked: list[str | None] = []
    own = authority.issue("server", authority.root, names=["behind.example"])
    context: ssl.SSLContext = authority.context(own)
    context.sni_callback = lambda _, name, __: asked.append(name)
    port = secured(context)
    result = probe("tls", host="balanced.example", port=port, address="127.0.0.1", server_name="behind.example")
    assert (result["verified"], result["address"], result["server_name"]) == (True, "127.0.0.1", "behind.example")
    assert result["host"] == "balanced.example"
    result = probe("tls", host="behind.example", port=port, address="127.0.0.1")
    assert (result["verified"], result["server_name"]) == (True, "behind.example")
    assert asked == ["behind.example"] * 2


def test_an_address_must_be_public(probe: Probe) -> None:
    result = probe("tls", host="example.com", address="10.0.0.1")
    assert result["error"]["kind"] == "no_public_address"


def test_trust_may_be_beside_the_point(probe: Probe, authority: Any, secured: Secured) -> None:
    port = secured(authority.context(authority.issue("server", names=["127.0.0.1"])))
    result = probe("tls", host="127.0.0.1", port=port, expect={"verified": None, "min_days_to_expiry": 7})
    assert (result["ok"], result["verified"]) == (True, False)
    result = probe("tls", host="127.0.0.1", port=port, expect={"verified": False})
    assert result["ok"]


def test_what_is_no_secure_server_is_an_error(probe: Probe, web: Callable[[bytes], int], closed_port: int) -> None:
    result = probe("tls", host="127.0.0.1", port=closed_port)
    assert (result["reached"], result["error"]["kind"], result["verified"]) == (False, "refused", None)
    assert result["expectations"][0]["reason"] == "There was no answer to look at."


def test_a_certificate_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(Exception, match="cannot be read"):
        described(b"\x30\x03\x02\x01\x01")
