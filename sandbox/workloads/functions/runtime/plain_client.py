"""Speak the Runtime API in plain Python, where Lambda's client has no wheel; errors are told as that tells them."""

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence

_BASE = "/2018-06-01/runtime"


class Unusable(Exception):  # noqa: N818 - what is wrong with a function, as Lambda's own client says it
    """A function that cannot be called, or whose answer cannot be told."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Context:
    """What a handler is told of its call."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._deadline = int(headers.get("lambda-runtime-deadline-ms", "0"))
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline - int(time.time() * 1000))


class Api:
    """The local end of the Runtime API."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def get(self, path: str) -> tuple[Mapping[str, str], bytes]:
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: bytes, **headers: str) -> None:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self._ask("POST", path, body, {"content-type": "application/json", **told})

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[Mapping[str, str], bytes]:
        self._connection.request(method, _BASE + path, body, dict(headers))
        answer = self._connection.getresponse()
        return {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def main(arguments: Sequence[str]) -> None:
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = _handler(arguments[1])
    except Exception as error:  # noqa: BLE001 - whatever it is, Lambda tells it in one form
        told = _told(error, "")
        api.post("/init/error", _encoded(told), lambda_runtime_function_error_type=str(told["errorType"]))
        sys.exit(1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        api.get("/restore/next")
    while True:
        _serve(api, handler)


def _serve(api: Api, handler: Callable[[object, Context], object]) -> None:
    headers, body = api.get("/invocation/next")
    request = headers["lambda-runtime-aws-request-id"]
    if trace := headers.get("lambda-runtime-trace-id"):
        os.environ["_X_AMZN_TRACE_ID"] = trace
    try:
        answer = _marshalled(handler(json.loads(body), Context(headers)))
    except Exception as error:  # noqa: BLE001 - whatever it is, Lambda tells it in one form
        told = _told(error, request)
        sys.stdout.write(f"[ERROR] {told['errorType']}: {told['errorMessage']}\n")
        api.post(f"/invocation/{request}/error", _encoded(told))
    else:
        api.post(f"/invocation/{request}/response", answer)


def _handler(name: str) -> Callable[[object, Context], object]:
    module, _, function = name.rpartition(".")
    if not module:
        raise Unusable("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise Unusable("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}") from None
    except SyntaxError as error:
        raise Unusable("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}") from None
    if not hasattr(loaded, function):
        raise Unusable("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module}'")
    return getattr(loaded, function)


def _marshalled(result: object) -> bytes:
    if isinstance(result, bytes):
        return result
    try:
        return _encoded(result)
    except (TypeError, ValueError) as error:
        raise Unusable("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _encoded(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _told(error: Exception, request: str) -> dict[str, object]:
    kind = error.kind if isinstance(error, Unusable) else type(error).__name__
    frames = [] if isinstance(error, Unusable) else traceback.extract_tb(error.__traceback__)[1:]
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request,
        "stackTrace": traceback.format_list(frames),
    }
