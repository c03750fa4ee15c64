"""The lines that Lambda's platform writes to a function's log, with what was measured.

Source: Lambda developer guide (python-logging, lambda-runtime-environment), and the billing of initialisation since
August 2025 (aws.amazon.com/blogs/compute, "AWS Lambda standardizes billing for INIT Phase").
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Report:
    """What a call took."""

    request: str
    seconds: float
    memory_size: int
    memory_used: int
    init: float | None = None
    """Seconds of the initialisation, for the first call of a worker that was started for it."""
    restore: float | None = None
    """Seconds it took to go on from a snapshot."""
    status: str = ""

    def line(self) -> str:
        """Return the line that begins with REPORT."""
        billed = self.seconds + (self.init or 0)
        parts = [
            f"REPORT RequestId: {self.request}",
            f"Duration: {self.seconds * 1000:.2f} ms",
            f"Billed Duration: {math.ceil(billed * 1000)} ms",
            f"Memory Size: {self.memory_size} MB",
            f"Max Memory Used: {self.memory_used} MB",
        ]
        if self.init is not None:
            parts.append(f"Init Duration: {self.init * 1000:.2f} ms")
        if self.restore is not None:
            parts.append(f"Restore Duration: {self.restore * 1000:.2f} ms")
            parts.append(f"Billed Restore Duration: {math.ceil(self.restore * 1000)} ms")
        if self.status:
            parts.append(f"Status: {self.status}")
        return "\t".join([*parts, ""])


def timed_out(request: str, seconds: float) -> str:
    """Return the line that tells of a call whose time was up."""
    now = datetime.now(UTC)
    moment = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
    return f"{moment} {request} Task timed out after {seconds:.2f} seconds"


def init_report(seconds: float, phase: str, status: str) -> str:
    """Return the line that tells of an initialisation that did not work."""
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: {phase}\tStatus: {status}"


def stream(version: str) -> str:
    """Return the name of a worker's log stream."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"
