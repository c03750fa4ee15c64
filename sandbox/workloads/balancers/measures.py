"""What a load balancer counts, by the names and dimensions of AWS/ApplicationELB."""

from __future__ import annotations

from sandbox.workloads.metrics import Metrics

NAMESPACE = "AWS/ApplicationELB"


class Measures:
    """The counters of one load balancer. `group` is the end of a target group's ARN."""

    def __init__(self, metrics: Metrics, suffix: str) -> None:
        self._metrics = metrics
        self._suffix = suffix

    def add(self, name: str, value: float = 1.0, group: str = "") -> None:
        """Count for the load balancer and, if there is one, for the group too."""
        self._metrics.add(NAMESPACE, name, {"LoadBalancer": self._suffix}, value)
        if group:
            self._metrics.add(NAMESPACE, name, {"LoadBalancer": self._suffix, "TargetGroup": group}, value)

    def chosen(self, group: str, healthy: int) -> None:
        """Count a request for which there is a target."""
        self.add("RequestCount", group=group)
        # A sum over a period is the average over the targets.
        share = 1 / max(1, healthy)
        for dimensions in ({"TargetGroup": group}, {"TargetGroup": group, "LoadBalancer": self._suffix}):
            self._metrics.add(NAMESPACE, "RequestCountPerTarget", dimensions, share)

    def answered(self, group: str, status: int, seconds: float) -> None:
        """Count what a target answered, and how long it took until it began."""
        self.add(f"HTTPCode_Target_{status // 100}XX_Count", group=group)
        self.add("TargetResponseTime", seconds, group=group)

    def own(self, status: int) -> None:
        """Count an error that the load balancer answers itself."""
        self.add(f"HTTPCode_ELB_{status // 100}XX_Count")
        if status in {500, 502, 503, 504}:
            self.add(f"HTTPCode_ELB_{status}_Count")

    def health(self, group: str, healthy: int, unhealthy: int) -> None:
        """Note how many targets are healthy right now, and how many are not."""
        dimensions = {"LoadBalancer": self._suffix, "TargetGroup": group}
        self._metrics.add(NAMESPACE, "HealthyHostCount", dimensions, healthy)
        self._metrics.add(NAMESPACE, "UnHealthyHostCount", dimensions, unhealthy)
