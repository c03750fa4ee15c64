"""The name that an API answers to."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.domain import Alias, Domain


class ApiDomain(Component):
    """Lets a regional API, HTTP or REST, answer to a stack's name over TLS 1.2 and later.

    It belongs to the front door, so a change from one kind of API to the other keeps it and maps it anew: AWS has each
    name once, and one API below it, so the old mapping goes before the new one comes.

    Cost: free.
    """

    def __init__(
        self,
        name: str,
        domain: Domain,
        *,
        api_id: pulumi.Input[str],
        stage: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create name and mapping.

        Args:
            name: Logical name; children are called after it.
            domain: The stack's own name.
            api_id: The API behind it.
            stage: The API's stage.
            opts: Options of the component.

        """
        super().__init__("ApiDomain", name, opts)
        entry = aws.apigatewayv2.DomainName(
            self.child_name(),
            domain_name=domain.host,
            domain_name_configuration=aws.apigatewayv2.DomainNameDomainNameConfigurationArgs(
                certificate_arn=domain.certificate_arn,
                endpoint_type="REGIONAL",
                security_policy="TLS_1_2",
            ),
            tags=self.tags(),
            opts=self.opts(),
        )
        aws.apigatewayv2.ApiMapping(
            self.child_name(),
            api_id=api_id,
            domain_name=entry.id,
            stage=stage,
            opts=self.opts(delete_before_replace=True),
        )
        target = entry.domain_name_configuration
        self.alias = Alias(
            dns_name=target.apply(lambda configuration: configuration.target_domain_name or ""),
            zone_id=target.apply(lambda configuration: configuration.hosted_zone_id or ""),
        )
        self.register_outputs({"host": domain.host})
