"""The stable public entry of a stack: what it is reached by, whatever runs behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.api_domain import ApiDomain
from components.base import Component
from components.domain import Alias, Domain, DomainName
from components.door_alarms import http_api_alarm, load_balancer_alarm, rest_api_alarm
from components.http_api import HttpApi, PrivateLink, Throttle
from components.load_balancer import LoadBalancer, access_log_bucket
from components.network import Network
from components.rest_api import Client, RestApi
from components.rest_definition import Behind, RestRoute
from components.rest_limits import CacheSize

Kind = Literal["http-api", "rest-api", "alb"]


@dataclass(frozen=True, kw_only=True)
class FrontDoorArgs:
    """What a stack wants of its entry.

    `containers`: some service is reached by address. `throttle` limits an API; `idle_timeout` is the seconds
    without a byte after which a load balancer closes a connection. `access_logs` go to a log group for an API and to a
    bucket for a load balancer. `deletion_protection` keeps a public load balancer, and its bucket, from being deleted.
    `web_acl_arn` is a regional web ACL that looks at every request; WAF attaches none to an HTTP API. `clients` and
    `cache_gb` are a REST API's alone: who has a key, and the size of its cache.
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
    web_acl_arn: pulumi.Input[str] | None = None
    clients: Mapping[str, Client] = field(default_factory=dict)
    cache_gb: CacheSize | None = None


class FrontDoor(Component):
    """One entry per stack, whose URL stays when the compute behind it changes.

    | kind       | Lambda service by    | container service by                  | USD a month when idle    |
    |------------|----------------------|---------------------------------------|--------------------------|
    | `http-api` | its integration      | VPC link and internal load balancer   | 0; 16.43 with containers |
    | `rest-api` | its integration      | VPC link and internal load balancer   | 0; 16.43 with containers |
    | `alb`      | target group         | target group                          | 23.73 in two zones       |

    `containers` adds and removes the internal load balancer and the link of an API and touches nothing else. It
    belongs to the mode, so nothing guards it from deletion. A change of `kind` moves the URL, unless there is a domain.
    (AWS price lists: AmazonApiGateway, AWSELB, AmazonVPC.)

    A REST API is made of all its routes at once, so it opens, and has a URL, only when it is told that they are all
    there; the others are open from the start.

    Example:
        >>> door = FrontDoor("dev-front-door", FrontDoorArgs(containers=True), network=network)
        >>> route = Route("dev-users", front_door=door, path="/users", target=users.target, depends_on=[users])
        >>> door.publish()

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
        self._network = network
        self._domain = None if args.domain is None else Domain(name, args.domain, opts=self.opts())
        self._rest_routes: list[RestRoute] = []
        self._url: pulumi.Output[str] | None = None
        match args.kind:
            case "http-api":
                self._open_http_api()
            case "rest-api":
                self._link()
            case "alb":
                self._open_load_balancer()

    @property
    def url(self) -> pulumi.Output[str]:
        """Return what the stack is reached by."""
        if self._url is None:
            msg = f"{self.name}: a REST API has no URL before it is published."
            raise ValueError(msg)
        return self._url

    @property
    def behind(self) -> Behind:
        """Return how an API reaches the load balancer behind it."""
        if self.load_balancer is None or self.vpc_link_id is None:
            msg = f"{self.name} has no load balancer behind it; create it with `containers`."
            raise ValueError(msg)
        return Behind(load_balancer=self.load_balancer, link_id=self.vpc_link_id)

    def add(self, route: RestRoute) -> None:
        """Let a REST API lead somewhere once it is published."""
        self._rest_routes.append(route)

    def publish(self) -> None:
        """Open the entry, all of whose routes are there."""
        if self.kind != "rest-api":
            return
        args = self._args
        front = RestApi(
            self.name,
            routes=self._rest_routes,
            throttle=args.throttle,
            clients=args.clients,
            cache_gb=args.cache_gb,
            own_endpoint=self._domain is None,
            access_logs=args.access_logs,
            log_retention_days=args.log_retention_days,
            key_arn=args.key_arn,
            opts=self.opts(),
        )
        self.log_group_name = front.log_group_name
        rest_api_alarm(self, api_name=front.api.name, stage=front.stage.stage_name)
        self._guard(front.stage.arn)
        self._reached_by(front.url, api_id=front.api.id, stage=front.stage.stage_name)

    def _open_http_api(self) -> None:
        args = self._args
        front = HttpApi(
            self.name,
            throttle=args.throttle,
            own_endpoint=self._domain is None,
            access_logs=args.access_logs,
            log_retention_days=args.log_retention_days,
            key_arn=args.key_arn,
            opts=self.opts(),
        )
        self.api, self.log_group_name = front.api, front.log_group_name
        http_api_alarm(self, api_id=front.api.id)
        self._link()
        self._reached_by(front.url, api_id=front.api.id, stage=front.stage.name)

    def _link(self) -> None:
        """Let an API reach containers, if there are any."""
        if not self._args.containers:
            return
        self.load_balancer = LoadBalancer(
            self.name,
            network=self._network,
            internal=True,
            idle_timeout=self._args.idle_timeout,
            # An HTTP API says who called in another header.
            behind_proxy=self.kind == "rest-api",
            opts=self.opts(),
        )
        link = PrivateLink(
            self.child_name("link"),
            network=self._network,
            load_balancer=self.load_balancer,
            opts=self.opts(),
        )
        self.vpc_link_id = link.id

    def _open_load_balancer(self) -> None:
        args, domain = self._args, self._domain
        bucket = None
        if args.access_logs:
            bucket = access_log_bucket(
                self.child_name("logs"),
                region=self._network.region,
                guarded=args.deletion_protection,
                opts=self.opts(),
            )
        self.load_balancer = LoadBalancer(
            self.name,
            network=self._network,
            internal=False,
            certificate_arn=None if domain is None else domain.certificate_arn,
            host=None if domain is None else domain.host,
            deletion_protection=args.deletion_protection,
            access_log_bucket=bucket,
            idle_timeout=args.idle_timeout,
            opts=self.opts(),
        )
        load_balancer_alarm(self, load_balancer_suffix=self.load_balancer.load_balancer.arn_suffix)
        self._guard(self.load_balancer.load_balancer.arn)
        if domain is not None:
            self._lead_here(domain, self.load_balancer.alias)
        self._open(self.load_balancer.url)

    def _guard(self, arn: pulumi.Output[str]) -> None:
        """Let the web ACL look at every request."""
        if self._args.web_acl_arn is None:
            return
        aws.wafv2.WebAclAssociation(
            self.child_name(),
            resource_arn=arn,
            web_acl_arn=self._args.web_acl_arn,
            # One ACL at a time: the end of the old association, coming last, would be the end of the new one.
            opts=self.opts(delete_before_replace=True),
        )

    def _reached_by(self, url: pulumi.Output[str], *, api_id: pulumi.Output[str], stage: pulumi.Output[str]) -> None:
        """Let an API be reached by the stack's name, or else by its own."""
        domain = self._domain
        if domain is not None:
            named = ApiDomain(self.name, domain, api_id=api_id, stage=stage, opts=self.opts())
            self._lead_here(domain, named.alias)
            url = pulumi.Output.from_input(f"https://{domain.host}")
        self._open(url)

    def _open(self, url: pulumi.Output[str]) -> None:
        self._url = url
        self.register_outputs({"url": url, "kind": self.kind})

    def _lead_here(self, domain: Domain, alias: Alias) -> None:
        """Let the stack's name lead here. The record is the entry's own, so that no change of kind makes another."""
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
