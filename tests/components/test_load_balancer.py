"""Load balancers: who may reach them, what they answer, and where requests are recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.load_balancer import LoadBalancer, access_log_bucket
from components.network import Network

Deploy = Callable[..., Any]
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/c"


@pytest.fixture
def balancer(deploy: Deploy) -> Deploy:
    """Deploy a load balancer in a network and return everything it registered; its value is the URL."""

    def run(**choices: Any) -> Any:
        return deploy(lambda: LoadBalancer("dev-door", network=Network("dev-network", flow_logs=False), **choices).url)

    return run


def entries(recorded: Any) -> set[tuple[int, str]]:
    rules = [r for r in recorded.all("SecurityGroupIngressRule") if r.parent.endswith("LoadBalancer::dev-door")]
    return {(rule.inputs["fromPort"], rule.inputs["cidrIpv4"]) for rule in rules}


def test_internal_one_stands_in_private_subnets_and_lets_nobody_in(balancer: Deploy) -> None:
    recorded = balancer(internal=True)
    made = recorded.one("lb/loadBalancer:LoadBalancer").inputs
    assert made["internal"] is True
    assert made["subnets"] == ["dev-network-private-1", "dev-network-private-2"]
    assert entries(recorded) == set()
    assert recorded.one("Listener").inputs["protocol"] == "HTTP"


def test_public_one_stands_in_public_subnets_behind_hardened_defaults(balancer: Deploy) -> None:
    recorded = balancer(internal=False, deletion_protection=True, idle_timeout=120)
    made = recorded.one("lb/loadBalancer:LoadBalancer").inputs
    assert made["subnets"] == ["dev-network-public-1", "dev-network-public-2"]
    assert made["dropInvalidHeaderFields"] is True
    assert made["desyncMitigationMode"] == "defensive"
    assert made["enableHttp2"] is True
    assert made["enableDeletionProtection"] is True
    assert made["idleTimeout"] == 120
    assert entries(recorded) == {(80, "0.0.0.0/0")}
    assert recorded.value == "http://dev-door-1a2b3c4.us-east-1.elb.amazonaws.com"


def test_only_the_named_networks_get_in(balancer: Deploy) -> None:
    recorded = balancer(internal=False, allowed_cidrs=["203.0.113.0/24", "198.51.100.0/24"])
    assert entries(recorded) == {(80, "198.51.100.0/24"), (80, "203.0.113.0/24")}


def test_with_a_certificate_plain_requests_are_sent_to_tls(balancer: Deploy) -> None:
    recorded = balancer(internal=False, certificate_arn=CERTIFICATE, host="api.example.com")
    by_port = {listener.inputs["port"]: listener.inputs for listener in recorded.all("Listener")}
    assert by_port[443]["certificateArn"] == CERTIFICATE
    assert by_port[443]["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    (action,) = by_port[80]["defaultActions"]
    assert (action["type"], action["redirect"]["protocol"], action["redirect"]["statusCode"]) == (
        "redirect",
        "HTTPS",
        "HTTP_301",
    )
    assert entries(recorded) == {(80, "0.0.0.0/0"), (443, "0.0.0.0/0")}
    assert recorded.value == "https://api.example.com"


def test_what_no_service_owns_is_answered_as_the_app_would(balancer: Deploy) -> None:
    (action,) = balancer(internal=True).one("Listener").inputs["defaultActions"]
    answer = action["fixedResponse"]
    assert answer["statusCode"] == "404"
    assert json.loads(answer["messageBody"]) == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_certificate_inside_the_network_is_refused(balancer: Deploy) -> None:
    with pytest.raises(ValueError, match="plain HTTP inside the VPC"):
        balancer(internal=True, certificate_arn=CERTIFICATE)


def test_requests_are_recorded_where_only_load_balancers_of_this_account_write(deploy: Deploy) -> None:
    def program() -> None:
        network = Network("dev-network", flow_logs=False)
        bucket = access_log_bucket("dev-logs", region="us-east-1", guarded=False, opts=network.opts())
        LoadBalancer("dev-door", network=network, internal=False, access_log_bucket=bucket)

    recorded = deploy(program)
    made = recorded.one("lb/loadBalancer:LoadBalancer")
    assert made.inputs["accessLogs"] == {"enabled": True, "bucket": "dev-logs-id"}
    assert "aws:s3/bucketPolicy:BucketPolicy::dev-logs" in made.depends_on
    _, delivery = json.loads(recorded.one("BucketPolicy").inputs["policy"])["Statement"]
    assert delivery["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert delivery["Resource"].endswith("/AWSLogs/*")
    own = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/*"
    assert delivery["Condition"] == {"ArnLike": {"aws:SourceArn": own}}
    (rule,) = recorded.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"
    kept = {rule["id"]: rule for rule in recorded.one("BucketLifecycleConfiguration").inputs["rules"]}
    assert kept["expire"]["expiration"] == {"days": 90}
    assert kept["unfinished-uploads"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
