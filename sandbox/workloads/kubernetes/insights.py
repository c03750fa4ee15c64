"""What Container Insights records of a namespace (CloudWatch user guide: Container-Insights-metrics-EKS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.workloads.kubernetes.pod import Pod
    from sandbox.workloads.metrics import Metrics

_NAMESPACE = "ContainerInsights"
_MIB = 1024 * 1024


def record(metrics: Metrics, cluster: str, namespace: str, pods: Sequence[Pod]) -> None:
    """Note what pods use now, as measured, and how many run."""
    dimensions = {"ClusterName": cluster, "Namespace": namespace}
    running = [pod for pod in pods if pod.running and pod.container is not None]
    metrics.add(_NAMESPACE, "namespace_number_of_running_pods", dimensions, float(len(running)))
    for pod in running:
        assert pod.container is not None
        usage, template = pod.container.usage, pod.template
        if template.cpu_limit:
            share = 100 * usage.cpu / template.cpu_limit
            metrics.add(_NAMESPACE, "pod_cpu_utilization_over_pod_limit", dimensions, share)
        if template.memory_limit:
            share = 100 * usage.memory * _MIB / template.memory_limit
            metrics.add(_NAMESPACE, "pod_memory_utilization_over_pod_limit", dimensions, share)
        metrics.add(_NAMESPACE, "pod_number_of_container_restarts", dimensions, float(pod.restarts))
