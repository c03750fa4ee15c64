"""What CloudWatch has of ECS: use of the reservation, and Container Insights where the cluster has them on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.ecs.service import Service
    from sandbox.workloads.metrics import Metrics

_PERIOD = 60
_UNITS = 1024
_SAMPLE_SECONDS = 1.0


async def emit(context: Context, services: Mapping[str, Service]) -> None:
    """Measure the services once in a minute of AWS, each task by the average of what was measured since."""
    samples: dict[str, list[float]] = defaultdict(list)
    passed = 0.0
    while True:
        every = min(_SAMPLE_SECONDS, context.clock.real(_PERIOD))
        await asyncio.sleep(every)
        passed += every
        for service in services.values():
            for task in service.tasks:
                if task.live and task.container is not None:
                    samples[task.id].append(task.container.usage.cpu)
        if passed >= context.clock.real(_PERIOD):
            passed = 0.0
            for service in services.values():
                _measure(context.metrics, service, samples)
            samples.clear()


def _measure(metrics: Metrics, service: Service, samples: Mapping[str, list[float]]) -> None:
    wanted = service.wanted
    of = {"ClusterName": wanted.cluster, "ServiceName": wanted.name}
    live = [task for task in service.tasks if task.live]
    for task in live:
        cpu = samples.get(task.id)
        if task.last_status != "RUNNING" or task.container is None or not cpu:
            continue
        units = sum(cpu) / len(cpu) * _UNITS
        memory = task.container.usage.memory
        metrics.add("AWS/ECS", "CPUUtilization", of, units / task.revision.cpu * 100)
        metrics.add("AWS/ECS", "MemoryUtilization", of, memory / task.revision.memory * 100)
        if wanted.insights:
            values = {
                "CpuUtilized": units,
                "CpuReserved": task.revision.cpu,
                "MemoryUtilized": memory,
                "MemoryReserved": task.revision.memory,
            }
            for name, value in values.items():
                metrics.add("ECS/ContainerInsights", name, of, value)
    if wanted.insights:
        counts = {
            "DesiredTaskCount": service.desired,
            "RunningTaskCount": sum(task.last_status == "RUNNING" for task in live),
            "PendingTaskCount": sum(task.waiting for task in live),
            "DeploymentCount": len(service.deployments),
        }
        for name, count in counts.items():
            metrics.add("ECS/ContainerInsights", name, of, count)
