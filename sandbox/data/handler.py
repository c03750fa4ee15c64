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


def main() -> None:
    target, deadline = sys.argv[1], float(sys.argv[4])
    # Names of packages here may be those of the function; only its own folder counts, and what Python brings.
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"]]
    try:
        answer = {"result": json.loads(json.dumps(_call(json.load(sys.stdin), Context(deadline))))}
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        frames = traceback.extract_tb(error.__traceback__)[1:]
        answer = {
            "error": {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "requestId": sys.argv[2],
                "stackTrace": traceback.format_list(frames),
            }
        }
    with open(target, "w") as file:  # noqa: PTH123 - nothing is imported that is not needed
        json.dump(answer, file)


def _call(event: object, context: Context) -> object:
    name, _, function = os.environ["_HANDLER"].rpartition(".")
    return getattr(importlib.import_module(name.replace("/", ".")), function)(event, context)


if __name__ == "__main__":
    main()
