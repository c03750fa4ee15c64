"""A stack's own name: the zone that holds it and the certificate that proves it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component


@dataclass(frozen=True, kw_only=True)
class DomainName:
    """What a stack is called: `host`, as in `api.example.com`, in the public zone `zone`, as in `example.com`."""

    host: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class Alias:
    """What a name may lead to inside AWS: its own DNS name and the zone that one is in."""

    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]


class Domain(Component):
    """A name in a Route 53 public zone with an ACM certificate that renews itself as long as its record stays.

    The zone must exist and be delegated: the certificate is issued once AWS finds the record, normally within minutes.
    A change of name or zone replaces certificate and records, the new ones first.

    Cost: certificate and alias queries are free; the zone is 0.50 USD a month (AWS price list: AmazonRoute53).

    Example:
        >>> domain = Domain("prod-domain", DomainName(host="api.example.com", zone="example.com"))

    """

    def __init__(
        self,
        name: str,
        domain: DomainName,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create certificate and validation.

        Args:
            name: Logical name; children are called after it.
            domain: The stack's name.
            opts: Options of the component.

        """
        super().__init__("Domain", name, opts)
        self.host = domain.host
        self.zone_id: pulumi.Output[str] = aws.route53.get_zone_output(
            name=domain.zone, private_zone=False, opts=pulumi.InvokeOptions(parent=self)
        ).zone_id
        certificate = aws.acm.Certificate(
            self.child_name(),
            domain_name=domain.host,
            validation_method="DNS",
            tags=self.tags(),
            opts=self.opts(),
        )
        # One name, so one record; its content is known only once the certificate has been asked for.
        wanted = certificate.domain_validation_options[0]
        proof = aws.route53.Record(
            self.child_name("proof"),
            zone_id=self.zone_id,
            name=_text(wanted.resource_record_name),
            type=_text(wanted.resource_record_type),
            records=[_text(wanted.resource_record_value)],
            ttl=60,
            # Certificates of one name share the record, so a renewed stack may find it in place.
            allow_overwrite=True,
            opts=self.opts(),
        )
        issued = aws.acm.CertificateValidation(
            self.child_name(),
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proof.fqdn],
            opts=self.opts(),
        )
        self.certificate_arn: pulumi.Output[str] = issued.certificate_arn
        self.register_outputs({"host": self.host, "certificateArn": self.certificate_arn})


def _text(value: pulumi.Output[str | None]) -> pulumi.Output[str]:
    return value.apply(lambda text: text or "")
