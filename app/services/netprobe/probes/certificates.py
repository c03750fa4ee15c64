"""What a certificate says, for people."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.services.netprobe.models.tls import Certificate
from app.services.netprobe.probes.trace import ProbeFailedError

_DAY = 86_400
_MOST_NAMES = 200


def described(der: bytes) -> Certificate:
    """Return the facts of a certificate."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        key_type, key_bits = _key(certificate)
        return Certificate(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            alternative_names=_alternative_names(certificate),
            serial=f"{certificate.serial_number:x}",
            not_before=_text(certificate.not_valid_before_utc),
            not_after=_text(certificate.not_valid_after_utc),
            days_to_expiry=round((certificate.not_valid_after_utc.timestamp() - time.time()) / _DAY, 2),
            key_type=key_type,
            key_bits=key_bits,
            signature_algorithm=_signature(certificate),
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        )
    except ValueError:
        raise ProbeFailedError("tls", "The server showed a certificate that cannot be read.") from None


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    with suppress(x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        return [*names.get_values_for_type(x509.DNSName), *addresses][:_MOST_NAMES]
    return []


def _key(certificate: x509.Certificate) -> tuple[str, int | None]:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "unknown", None
    match key:
        case RSAPublicKey():
            return "RSA", key.key_size
        case EllipticCurvePublicKey():
            return f"EC {key.curve.name}", key.key_size
        case DSAPublicKey():
            return "DSA", key.key_size
        case _:
            return type(key).__name__.removesuffix("PublicKey").lstrip("_"), None


def _signature(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    return str(getattr(oid, "_name", oid.dotted_string))


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
