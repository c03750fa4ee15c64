"""The application load balancer of a stack: public as its front door, or internal behind an HTTP API."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.domain import Alias
from components.network import Network
from components.private_bucket import BucketStatement, PrivateBucket

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy."""

_HTTP = 80
_HTTPS = 443
_LOGS_KEPT_DAYS = 90
_NOTHING_HERE = json.dumps({"type": "about:blank", "title": "Not Found", "status": 404})


class LoadBalancer(Component):
    """An application load balancer with one production listener that answers 404 until a service has a rule.

    An internal one listens with HTTP inside the VPC and lets nobody in: who may reach it adds the rule. A public one
    listens with HTTPS when it has a certificate, and redirects HTTP there; without a certificate it is plain HTTP.
    Services add the rules by which requests leave it. `internal` replaces it; all else changes in place.

    Cost in us-east-1: 16.43 USD a month (730 hours at 0.0225), 0.008 for each capacity unit and hour (AWS price list:
    AWSELB), and for a public one 3.65 a month for its address in each zone. Access logs: 0.023 per GB and month.

    Example:
        >>> balancer = LoadBalancer("dev-front-door", network=network, internal=False, certificate_arn=certificate.arn)

    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        internal: bool,
        certificate_arn: pulumi.Input[str] | None = None,
        host: str | None = None,
        allowed_cidrs: Sequence[str] = ("0.0.0.0/0",),
        deletion_protection: bool = False,
        access_log_bucket: PrivateBucket | None = None,
        idle_timeout: int = 60,
        behind_proxy: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the load balancer.

        Args:
            name: Logical name, at most 24 characters (`naming.py`); children are called after it.
            network: Where it stands.
            internal: Reachable inside the VPC only.
            certificate_arn: Certificate of a public one.
            host: Name people reach it by; unset, the one AWS gives.
            allowed_cidrs: Who may reach a public one.
            deletion_protection: Refuse to delete it, in AWS.
            access_log_bucket: Where each request is recorded; see `access_log_bucket`.
            idle_timeout: Seconds without a byte after which a connection is closed.
            behind_proxy: Whoever may reach it says who called in `X-Forwarded-For`, so that it adds no hop to it.
            opts: Options of the component.

        """
        super().__init__("LoadBalancer", name, opts)
        if internal and certificate_arn is not None:
            msg = f"{name}: an internal load balancer serves plain HTTP inside the VPC; leave the certificate out."
            raise ValueError(msg)
        self.security_group = aws.ec2.SecurityGroup(
            self.child_name(),
            vpc_id=network.vpc_id,
            description=f"Load balancer {name}: requests in, to services out.",
            tags=self.tags(),
            opts=self.opts(),
        )
        if not internal:
            self._let_in(allowed_cidrs, [_HTTP] if certificate_arn is None else [_HTTP, _HTTPS])
        self.load_balancer = aws.lb.LoadBalancer(
            self.child_name(),
            load_balancer_type="application",
            internal=internal,
            security_groups=[self.security_group.id],
            subnets=network.private_subnet_ids if internal else network.public_subnet_ids,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_http2=True,
            enable_deletion_protection=deletion_protection,
            idle_timeout=idle_timeout,
            xff_header_processing_mode="preserve" if behind_proxy else None,
            access_logs=_access_logs(access_log_bucket),
            tags=self.tags(),
            # AWS writes a test file into the bucket, so its policy has to be there.
            opts=self.opts(depends_on=[] if access_log_bucket is None else [access_log_bucket]),
        )
        self.listener = self._plain_listener() if certificate_arn is None else self._tls_listeners(certificate_arn)
        scheme = "http" if certificate_arn is None else "https"
        self.url: pulumi.Output[str] = pulumi.Output.concat(scheme, "://", host or self.load_balancer.dns_name)
        self.alias = Alias(dns_name=self.load_balancer.dns_name, zone_id=self.load_balancer.zone_id)
        self.register_outputs({"url": self.url, "arn": self.load_balancer.arn})

    def _let_in(self, cidrs: Sequence[str], ports: Sequence[int]) -> None:
        for port in ports:
            for index, cidr in enumerate(sorted(cidrs)):
                suffix = f"in-{port}-{index}" if index else f"in-{port}"
                aws.vpc.SecurityGroupIngressRule(
                    self.child_name(suffix),
                    security_group_id=self.security_group.id,
                    description="Requests from outside",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=cidr,
                    tags=self.tags(suffix),
                    opts=self.opts(),
                )

    def _plain_listener(self) -> aws.lb.Listener:
        return aws.lb.Listener(
            self.child_name("http"),
            load_balancer_arn=self.load_balancer.arn,
            port=_HTTP,
            protocol="HTTP",
            default_actions=[_not_found()],
            tags=self.tags("http"),
            opts=self.opts(),
        )

    def _tls_listeners(self, certificate_arn: pulumi.Input[str]) -> aws.lb.Listener:
        production = aws.lb.Listener(
            self.child_name("https"),
            load_balancer_arn=self.load_balancer.arn,
            port=_HTTPS,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate_arn,
            default_actions=[_not_found()],
            tags=self.tags("https"),
            opts=self.opts(),
        )
        aws.lb.Listener(
            self.child_name("redirect"),
            load_balancer_arn=self.load_balancer.arn,
            port=_HTTP,
            protocol="HTTP",
            default_actions=[
                aws.lb.ListenerDefaultActionArgs(
                    type="redirect",
                    redirect=aws.lb.ListenerDefaultActionRedirectArgs(
                        protocol="HTTPS", port=str(_HTTPS), status_code="HTTP_301"
                    ),
                )
            ],
            tags=self.tags("redirect"),
            opts=self.opts(),
        )
        return production


def access_log_bucket(
    name: str, *, region: pulumi.Input[str], guarded: bool, opts: pulumi.ResourceOptions
) -> PrivateBucket:
    """Create the bucket for one stack's load balancer logs, which only this account's load balancers may write to.

    Logs are kept for 90 days. The delivery service takes S3's own encryption only, never a KMS key.
    """
    invoke = pulumi.InvokeOptions(parent=opts.parent)
    balancers = pulumi.Output.format(
        "arn:{0}:elasticloadbalancing:{1}:{2}:loadbalancer/*",
        aws.get_partition_output(opts=invoke).partition,
        region,
        aws.get_caller_identity_output(opts=invoke).account_id,
    )
    return PrivateBucket(
        name,
        versioned=False,
        expire_days=_LOGS_KEPT_DAYS,
        guarded=guarded,
        statements=[
            BucketStatement(
                principals={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                actions=["s3:PutObject"],
                path="AWSLogs/*",
                conditions={"ArnLike": {"aws:SourceArn": balancers}},
            )
        ],
        opts=opts,
    )


def _access_logs(
    bucket: PrivateBucket | None,
) -> aws.lb.LoadBalancerAccessLogsArgs | None:
    return None if bucket is None else aws.lb.LoadBalancerAccessLogsArgs(enabled=True, bucket=bucket.id)


def _not_found() -> aws.lb.ListenerDefaultActionArgs:
    return aws.lb.ListenerDefaultActionArgs(
        type="fixed-response",
        fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
            # The closest to application/problem+json that a load balancer can say.
            content_type="application/json",
            message_body=_NOTHING_HERE,
            status_code="404",
        ),
    )
