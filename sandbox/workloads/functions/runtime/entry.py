"""Start Lambda's client in a function's process: what is on the path is the function's own code and that client.

Imports nothing of the sandbox, and of Python only what the client loads anyway.
"""

import os
import sys


def main() -> None:
    handler, client = sys.argv[1], sys.argv[2]
    # The first entry is this file's folder where Python puts it there; a function sees its own code first.
    sys.path[:] = [os.environ["LAMBDA_TASK_ROOT"], *(path for path in sys.path if path != os.path.dirname(__file__))]  # noqa: PTH120
    if client:
        sys.path.append(client)
    sys.argv[:] = [os.environ["LAMBDA_TASK_ROOT"], handler]
    try:
        from awslambdaric.__main__ import main as run  # noqa: PLC0415 - found only with the path above
    except ImportError:
        # No wheel for this machine: the same protocol, without what needs a compiler.
        sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
        from plain_client import main as run  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
    run(sys.argv)


if __name__ == "__main__":
    main()
