"""What people should hear about a front door: errors that no service is to blame for are counted here too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi

from components.alarms import Severity, Watch, alarm
from components.base import Component

_ERRORS = Watch(
    suffix="errors",
    says="more than 10 responses with status 5xx in 5 minutes.",
    namespace="AWS/ApiGateway",
    metric="5xx",
    above=10,
    severity=Severity.CRITICAL,
)


def http_api_alarm(parent: Component, *, api_id: pulumi.Input[str]) -> None:
    """Create the alarm of an HTTP API."""
    alarm(parent, _ERRORS, {"ApiId": api_id})


def rest_api_alarm(parent: Component, *, api_name: pulumi.Input[str], stage: pulumi.Input[str]) -> None:
    """Create the alarm of a REST API."""
    of: Mapping[str, pulumi.Input[str]] = {"ApiName": api_name, "Stage": stage}
    alarm(parent, replace(_ERRORS, metric="5XXError"), of)


def load_balancer_alarm(parent: Component, *, load_balancer_suffix: pulumi.Input[str]) -> None:
    """Create the alarm of a load balancer on what it answers itself, because no service did."""
    watch = replace(_ERRORS, namespace="AWS/ApplicationELB", metric="HTTPCode_ELB_5XX_Count")
    alarm(parent, watch, {"LoadBalancer": load_balancer_suffix})
