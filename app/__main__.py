"""The entry of the image: the same artifact is a Lambda function, a Fargate task or a pod.

`python3 -m app` serves HTTP; a container that takes messages runs `python3 -m app.worker` instead, and whoever migrates
data by hand `python3 -m app.migrate`. On Lambda the image's command names the handler: `app.worker.lambda_handler`.
"""

from __future__ import annotations

import os
import sys

_LAMBDA_ENTRYPOINT = "/lambda-entrypoint.sh"
_HANDLER = "app.handler.lambda_handler"


def main() -> None:
    """Hand over to Lambda's own entry where Lambda started us; serve HTTP everywhere else."""
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        os.execv(_LAMBDA_ENTRYPOINT, [_LAMBDA_ENTRYPOINT, *(sys.argv[1:] or [_HANDLER])])  # noqa: S606 there is no shell to avoid
    # Lambda never needs these.
    from app.core.server import serve  # noqa: PLC0415
    from app.main import app, settings  # noqa: PLC0415

    serve(app, settings)


if __name__ == "__main__":
    main()
