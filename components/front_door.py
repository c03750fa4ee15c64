"""The stable public entry of a stack: what it is reached by, whatever runs behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.domain import Alias, Domain, DomainName
from components.http_api import HttpApi, PrivateLink, Throttle
from components.load_balancer import LoadBalancer, access_log_bucket
from components.network import Network

Kind = Literal["http-api", "alb"]


@dataclass(frozen=True, kw_only=True)
class FrontDoorArgs:
    """What a stack wants of its entry.

    `containers`: some service is reached by address. `throttle` limits an HTTP API; `idle_timeout` is the seconds
    without a byte after which a load balancer closes a connection. `access_logs` go to a log group for an API and to a
    bucket for a load balancer. `deletion_protection` keeps a public load balancer, and its bucket, from being deleted.
    """

    kind: Kind = "http-api"
    containers: bool = False
    domain: DomainName | None = None
    throttle: Throttle = field(default_factory=Throttle)
    access_logs: bool = True
    log_retention_days: int = 7
    key_arn: pulumi.Input[str] | None = None
    deletion_protection: bool = False
    idle_timeout: int = 60


class FrontDoor(Component):
    """One entry per stack, whose URL stays when the compute behind it changes.

    | kind       | Lambda service by    | container service by                  | USD a month when idle    |
    |------------|----------------------|---------------------------------------|--------------------------|
    | `http-api` | its integration      | VPC link and internal load balancer   | 0; 16.43 with containers |
    | `alb`      | target group         | target group                          | 23.73 in two zones       |

    `containers` adds and removes the internal load balancer and the link of an HTTP API and touches nothing else. It
    belongs to the mode, so nothing guards it from deletion. A change of `kind` moves the URL, unless there is a domain.
    (AWS price lists: AmazonApiGateway, AWSELB, AmazonVPC.)

    Example:
        >>> door = FrontDoor("dev-front-door", FrontDoorArgs(containers=True), network=network)

    """

    def __init__(
        self,
        name: str,
        args: FrontDoorArgs,
        *,
        network: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the entry.

        Args:
            name: Logical name, at most 24 characters (`naming.py`); children are called after it.
            args: What is wanted of it.
            network: Where load balancers stand.
            opts: Options of the component.

        """
        super().__init__("FrontDoor", name, opts)
        self._args = args
        self.kind: Kind = args.kind
        self.api: aws.apigatewayv2.Api | None = None
        self.vpc_link_id: pulumi.Output[str] | None = None
        self.load_balancer: LoadBalancer | None = None
        self.log_group_name: pulumi.Output[str] | None = None
        domain = None if args.domain is None else Domain(name, args.domain, opts=self.opts())
        self.url: pulumi.Output[str] = (
            self._open_api(network, domain) if args.kind == "http-api" else self._open_load_balancer(network, domain)
        )
        self.register_outputs({"url": self.url, "kind": args.kind})

    def _open_api(self, network: Network, domain: Domain | None) -> pulumi.Output[str]:
        args = self._args
        front = HttpApi(
            self.name,
            throttle=args.throttle,
            domain=domain,
            access_logs=args.access_logs,
            log_retention_days=args.log_retention_days,
            key_arn=args.key_arn,
            opts=self.opts(),
        )
        self.api, self.log_group_name = front.api, front.log_group_name
        if args.containers:
            self.load_balancer = LoadBalancer(
                self.name,
                network=network,
                internal=True,
                idle_timeout=args.idle_timeout,
                opts=self.opts(),
            )
            link = PrivateLink(
                self.child_name("link"),
                network=network,
                load_balancer=self.load_balancer,
                opts=self.opts(),
            )
            self.vpc_link_id = link.id
        self._lead_here(domain, front.alias)
        return front.url

    def _open_load_balancer(self, network: Network, domain: Domain | None) -> pulumi.Output[str]:
        args = self._args
        bucket = None
        if args.access_logs:
            bucket = access_log_bucket(
                self.child_name("logs"),
                region=network.region,
                guarded=args.deletion_protection,
                opts=self.opts(),
            )
        self.load_balancer = LoadBalancer(
            self.name,
            network=network,
            internal=False,
            certificate_arn=None if domain is None else domain.certificate_arn,
            host=None if domain is None else domain.host,
            deletion_protection=args.deletion_protection,
            access_log_bucket=bucket,
            idle_timeout=args.idle_timeout,
            opts=self.opts(),
        )
        self._lead_here(domain, self.load_balancer.alias)
        return self.load_balancer.url

    def _lead_here(self, domain: Domain | None, alias: Alias | None) -> None:
        """Let the stack's name lead here. The record is the entry's own, so that no change of kind makes another."""
        if domain is None or alias is None:
            return
        aws.route53.Record(
            self.child_name("alias"),
            zone_id=domain.zone_id,
            name=domain.host,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=alias.dns_name,
                    zone_id=alias.zone_id,
                    evaluate_target_health=True,
                )
            ],
            opts=self.opts(),
        )
