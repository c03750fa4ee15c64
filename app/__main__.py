"""The entry of the image: the same artifact is a Lambda function, a Fargate task or a pod."""

from __future__ import annotations

import os

_LAMBDA_ENTRYPOINT = "/lambda-entrypoint.sh"
_HANDLER = "app.handler.lambda_handler"


def main() -> None:
    """Hand over to Lambda's own entry where Lambda started us; serve HTTP everywhere else."""
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        os.execv(_LAMBDA_ENTRYPOINT, [_LAMBDA_ENTRYPOINT, _HANDLER])  # noqa: S606 there is no shell to avoid
    # Lambda never needs these.
    from app.core.server import serve  # noqa: PLC0415
    from app.main import app, settings  # noqa: PLC0415

    serve(app, settings)


if __name__ == "__main__":
    main()
