"""Offline AWS: a resource provider behind the real engine, and the few API calls that commands make."""

PACKAGES = ("aws", "awsx", "eks", "kubernetes")
"""The packages whose resources the sandbox serves."""


def attachments(port: int) -> str:
    """Return the value of `PULUMI_DEBUG_PROVIDERS` that attaches an engine to what listens on a port."""
    return ",".join(f"{package}:{port}" for package in PACKAGES)
