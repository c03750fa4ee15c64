"""AWS's services for code that must not block: boto3's clients, made when first needed, called in threads.

boto3 comes with Lambda's runtime and its base image, and is imported by the first call: a cold start that only serves
health pays nothing. Region, credentials and endpoints are boto3's own business (`AWS_REGION`, `AWS_ENDPOINT_URL`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final

from app.core.problems import ProblemError

_THREADS: Final = 32
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 10
_RETRY_AFTER: Final = "5"
_CREDENTIALS: Final = frozenset(
    "ExpiredToken ExpiredTokenException InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId "
    "InvalidSignatureException SignatureDoesNotMatch TokenRefreshRequired InvalidToken".split()
)
_RIGHTS: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}
)


class AwsError(ProblemError):
    """AWS did not do what it was asked; over HTTP it is a problem with status 503.

    `code` is AWS's own word for it, empty where it was not reached. The text says nothing of names or accounts.
    """

    def __init__(self, service: str, operation: str, code: str, reason: str) -> None:
        detail = f"This service cannot do {service}:{operation} at the moment: {reason}"
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": _RETRY_AFTER})
        self.code = code


class Aws:
    """Clients of AWS's services for one environment; `close` ends its threads."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="aws")

    async def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 boto3's shapes
        """Return the answer of an operation, called as boto3 calls it (`get_item`).

        Raises:
            AwsError: there is none.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, service, operation, request)

    def close(self) -> None:
        """End the threads, and the connections."""
        self._pool.shutdown()
        for client in self._clients.values():
            client.close()

    def _call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: PLC0415

        try:
            answer = getattr(self._client(service), operation)(**request)
            if "Body" in answer:
                # Read here: what streams would block the loop that asked.
                answer["Body"] = answer["Body"].read()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise AwsError(service, operation, code, _reason(code)) from error
        except NoCredentialsError as error:
            raise AwsError(service, operation, "NoCredentials", "it has no credentials of AWS.") from error
        except BotoCoreError as error:
            raise AwsError(service, operation, "", f"AWS was not reached ({type(error).__name__}).") from error
        return answer

    def _client(self, service: str) -> Any:  # noqa: ANN401 boto3 has no types
        with self._making:
            if service not in self._clients:
                from boto3.session import Session  # noqa: PLC0415
                from botocore.config import Config  # noqa: PLC0415

                # With LOG_LEVEL=DEBUG it would log what is written and how it is signed.
                logging.getLogger("botocore").setLevel(logging.WARNING)
                config = Config(
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_READ_SECONDS,
                    retries={"mode": "standard", "max_attempts": 3},
                    max_pool_connections=_THREADS,
                )
                # Of our own: the one that boto3 shares is not made for several threads.
                self._session = self._session or Session(region_name=self._region)
                self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]


def _reason(code: str) -> str:
    if code in _CREDENTIALS:
        return f"AWS does not accept its credentials ({code}). Give it a role, or renew them."
    if code in _RIGHTS:
        return f"its role does not allow it ({code}). Its manifest names what it may do."
    return f"AWS answers {code or 'with an error'}."
