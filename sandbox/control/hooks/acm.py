"""Certificates: the DNS records that prove a domain, and the proof."""

from __future__ import annotations

import hashlib

from sandbox.control import paths
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.scope import ACCOUNT_ID
from sandbox.control.wire import Value

_CERTIFICATE = "aws:acm/certificate:Certificate"


class Certificate(Hook):
    def create(self, operation: Operation) -> None:
        names = operation.inputs.get("subjectAlternativeNames")
        domain = operation.inputs.get("domainName")
        domains = dict.fromkeys(str(name) for name in [domain, *(names if isinstance(names, list) else [])] if name)
        operation.outputs["subjectAlternativeNames"] = list[Value](sorted(domains))
        if operation.inputs.get("validationMethod") == "DNS":
            operation.outputs["domainValidationOptions"] = [_record(name) for name in domains]


def _record(domain: str) -> Value:
    # A wildcard is proved by the record of its parent; the record of a domain is the same for every certificate.
    proved = domain.removeprefix("*.")
    digest = hashlib.sha256(f"{ACCOUNT_ID}/{proved}".encode()).hexdigest()
    return {
        "domainName": domain,
        "resourceRecordName": f"_{digest[:32]}.{proved}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": f"_{digest[32:]}.acm-validations.aws.",
    }


class CertificateValidation(Hook):
    def create(self, operation: Operation) -> None:
        certificate = operation.find(_CERTIFICATE, operation.inputs["certificateArn"])
        given = operation.inputs.get("validationRecordFqdns")
        if certificate is None or not isinstance(given, list):
            return
        known = {str(name).rstrip(".") for name in given}
        pattern = paths.parse("domainValidationOptions[].resourceRecordName")
        for _, name in paths.find(certificate.outputs, pattern):
            if str(name).rstrip(".") not in known:
                raise operation.error("ValidationException", f"missing {name} DNS validation record")
