"""What people should hear about a database, whatever its size."""

from __future__ import annotations

import re

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component

_GIB = 1024**3
_LEAST_FREE = 0.05
_BUSY_PERCENT = 80
_MANY = 0.6
_MOST_CONNECTIONS = 5000
_BYTES_PER_CONNECTION = 9_531_392
# GiB of memory by size for each family's first letter: memory per vCPU is what tells the letters apart.
_MEMORY = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16}
_TIMES = {"c": 0.5, "r": 2, "x": 4, "z": 2}
_CLASS = re.compile(r"db\.(?P<family>[a-z])[a-z0-9]*\.(?P<times>\d*)(?P<size>[a-z]+)")


def database_alarms(
    parent: Component, *, identifier: pulumi.Input[str], instance_class: str, storage_gb: int
) -> tuple[aws.cloudwatch.MetricAlarm, ...]:
    """Create the alarms of one database: storage that did not grow in time, CPU, and connections running out."""
    connections = most_connections(instance_class)
    watches = [
        # RDS grows storage below 10 % after five minutes; less than this, and it could not.
        Watch(
            suffix="storage",
            says=f"less than {_LEAST_FREE:.0%} of {storage_gb} GB is free, and storage has not grown.",
            namespace="AWS/RDS",
            metric="FreeStorageSpace",
            statistic="Minimum",
            above=int(_LEAST_FREE * storage_gb * _GIB),
            low=True,
            severity=Severity.CRITICAL,
            periods=3,
        ),
        Watch(
            suffix="cpu",
            says=f"CPU above {_BUSY_PERCENT} % for 15 minutes.",
            namespace="AWS/RDS",
            metric="CPUUtilization",
            statistic="Average",
            above=_BUSY_PERCENT,
            severity=Severity.WARNING,
            periods=3,
        ),
        Watch(
            suffix="connections",
            says=f"more than {connections} connections, near the most that {instance_class} takes.",
            namespace="AWS/RDS",
            metric="DatabaseConnections",
            statistic="Maximum",
            above=connections,
            severity=Severity.CRITICAL,
        ),
    ]
    return tuple(alarm(parent, watch, {"DBInstanceIdentifier": identifier}) for watch in watches)


def most_connections(instance_class: str) -> int:
    """Return how many connections are many for an instance class.

    RDS for PostgreSQL allows a connection for each 9,531,392 bytes of what the system leaves of the memory, 5,000 at
    most. Of a small instance it leaves three quarters, so 60 % of what the whole would allow is 80 % of what there is.

    Raises:
        ValueError: It is no instance class.

    """
    match = _CLASS.fullmatch(instance_class)
    if match is None or match["size"] not in _MEMORY:
        msg = f"{instance_class} is no instance class of RDS; name one such as db.t4g.micro or db.m7g.large."
        raise ValueError(msg)
    memory = _MEMORY[match["size"]] * int(match["times"] or 1) * _TIMES.get(match["family"], 1)
    return int(_MANY * min(_MOST_CONNECTIONS, memory * _GIB / _BYTES_PER_CONNECTION))
