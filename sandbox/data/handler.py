"""Call a function's handler once, as Lambda would: run by `invocation.py`, alone in a process.

Reads the event from standard input and writes one JSON document to the file that it is given: what the handler
returned, or the error as Lambda words it. Imports nothing of the sandbox: the function's own package is what is on the
path.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable


class Context:
    """What a handler is told of its call."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "sandbox"
        self.invoked_function_arn = sys.argv[3]
        self.aws_request_id = sys.argv[2]
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


class Unusable(Exception):  # noqa: N818 - what is wrong with a function, as Lambda's own runtime says it
    """A function that cannot be called, or whose answer cannot be told."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main() -> None:
    target, request, deadline = sys.argv[1], sys.argv[2], float(sys.argv[4])
    # Names of packages here may be those of the function; only its own folder counts, and what Python brings.
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"]]
    try:
        answer = {"result": _told(_handler()(json.load(sys.stdin), Context(deadline)))}
    except Exception as error:  # noqa: BLE001 - whatever it is, Lambda tells it in one form
        kind = error.kind if isinstance(error, Unusable) else type(error).__name__
        frames = [] if isinstance(error, Unusable) else traceback.extract_tb(error.__traceback__)[1:]
        answer = {
            "error": {
                "errorMessage": str(error),
                "errorType": kind,
                "requestId": request,
                "stackTrace": traceback.format_list(frames),
            }
        }
    with open(target, "w") as file:  # noqa: PTH123 - nothing is imported that is not needed
        json.dump(answer, file)


def _handler() -> Callable[[object, Context], object]:
    name, _, function = os.environ["_HANDLER"].rpartition(".")
    try:
        module = importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Unusable("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from None
    if not hasattr(module, function):
        raise Unusable("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{name}'")
    return getattr(module, function)


def _told(result: object) -> object:
    try:
        return json.loads(json.dumps(result))
    except (TypeError, ValueError) as error:
        raise Unusable("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


if __name__ == "__main__":
    main()
