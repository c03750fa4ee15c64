"""Which Kubernetes versions EKS runs, and which releases of its add-ons go with them."""

from __future__ import annotations

from collections.abc import Mapping

# In standard or extended support, oldest first, from AWS's page about Kubernetes versions on EKS.
SUPPORTED = ("1.31", "1.32", "1.33", "1.34", "1.35")

# What the sandbox calls the newest release of an add-on, by version of Kubernetes. AWS has a new one every few weeks.
ADDONS: Mapping[str, Mapping[str, str]] = {
    "coredns": {
        "1.31": "v1.11.4-eksbuild.24",
        "1.32": "v1.11.4-eksbuild.24",
        "1.33": "v1.12.4-eksbuild.1",
        "1.34": "v1.12.4-eksbuild.1",
        "1.35": "v1.13.1-eksbuild.1",
    },
    "amazon-cloudwatch-observability": dict.fromkeys(SUPPORTED, "v4.5.0-eksbuild.1"),
    "metrics-server": dict.fromkeys(SUPPORTED, "v0.8.0-eksbuild.2"),
}
