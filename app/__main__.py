"""The entry of the image: the same artifact is a Lambda function, a Fargate task or a pod."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_LAMBDA_ENTRYPOINT = "/lambda-entrypoint.sh"
_HANDLER = "app.handler.lambda_handler"

_KEEP_ALIVE = 75
"""Longer than a load balancer keeps a connection idle (60 s); shorter shows as stray 502s."""
_GRACE = 20
"""For requests under way at SIGTERM; shorter than the 30 s after which ECS and Kubernetes kill."""


def main() -> None:
    """Hand over to Lambda's own entry where Lambda started us; serve HTTP everywhere else."""
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        os.execv(_LAMBDA_ENTRYPOINT, [_LAMBDA_ENTRYPOINT, _HANDLER])  # noqa: S606 there is no shell to avoid
    _serve()


def _serve() -> None:
    import uvicorn  # noqa: PLC0415 Lambda never needs it

    from app.main import app, settings  # noqa: PLC0415

    # uvicorn drains on SIGTERM and then raises it anew; without this the task's exit code would be that of a kill.
    signal.signal(signal.SIGTERM, _stopped)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
