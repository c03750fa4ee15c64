"""What the Invoke API and Lambda's platform say when a call does not work, word for word.

Sources: payloads that LocalStack recorded from AWS (tests/aws/services/lambda_, test_lambda.snapshot.json); the errors
of Invoke in botocore's model of Lambda; the developer guide (invocation-retries, gettingstarted-limits).
"""

from __future__ import annotations

import json

MOST_REQUEST = 6_291_456
MOST_EVENT = 1_048_576
MOST_RESPONSE = 6_291_556
"""Bytes: 6 MiB, and a hundred for what AWS adds."""


def failure(kind: str, message: str) -> bytes:
    """Return the payload of a call that failed outside of the handler."""
    return json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")).encode()


def timed_out(request: str, seconds: float) -> bytes:
    """Return the payload of a call whose time was up."""
    return failure("Sandbox.Timedout", f"RequestId: {request} Error: Task timed out after {seconds:.2f} seconds")


def exited(request: str, code: int) -> bytes:
    """Return the payload of a call whose process ended."""
    return failure("Runtime.ExitError", f"RequestId: {request} Error: {exit_reason(code)}")


def exit_reason(code: int) -> str:
    """Return how a process ended, as Lambda says it."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code < 0:
        return f"Runtime exited with error: signal: {_SIGNALS.get(-code, str(-code))}"
    return f"Runtime exited with error: exit status {code}"


_SIGNALS = {6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}


def too_large_a_response() -> bytes:
    """Return the payload of a call that answered too much."""
    return failure(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({MOST_RESPONSE} bytes).",
    )


def not_found(arn: str) -> bytes:
    """Return the body of a 404."""
    return json.dumps({"Type": "User", "Message": f"Function not found: {arn}"}).encode()


def too_large(limit: int) -> bytes:
    """Return the body of a 413."""
    text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return json.dumps({"Type": "User", "message": text}).encode()


def not_json(problem: str) -> bytes:
    """Return the body of a 400."""
    return json.dumps({"Type": "User", "message": f"Could not parse request body into json: {problem}"}).encode()


def throttled(reason: str) -> bytes:
    """Return the body of a 429."""
    return json.dumps({"Reason": reason, "Type": "User", "message": "Rate Exceeded."}).encode()
