"""Ask AWS for something that a person wants, and say in words why it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from automation.errors import Exit, UserError

T = TypeVar("T")

_DENIED = frozenset(["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"])


def asked(ask: Callable[[], T], doing: str, *permissions: str) -> T:
    """Return AWS's answer.

    Args:
        ask: The call.
        doing: What is asked for, as it follows "AWS does not".
        permissions: Actions that it takes.

    Raises:
        UserError: AWS refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and most commands need no AWS

    try:
        return ask()
    except ClientError as error:
        code, words = str(error.response["Error"].get("Code")), str(error.response["Error"].get("Message"))
        if code in _DENIED:
            hint = f"Your role needs {' and '.join(permissions)}. AWS says: {words}"
        else:
            hint = f"{code}: {words}"
        raise UserError(f"AWS does not {doing}.", hint=hint, code=Exit.FAILED) from None
    except BotoCoreError as error:
        raise UserError(
            f"AWS does not {doing}: {error}",
            hint="Sign in, as with `aws sso login`, and set AWS_PROFILE; `aws sts get-caller-identity` must answer.",
            code=Exit.FAILED,
        ) from None


def missing(ask: Callable[[], T], *codes: str) -> T | None:
    """Return AWS's answer, or None where it says by one of these codes that there is no such thing."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 slow, and most commands need no AWS

    try:
        return ask()
    except ClientError as error:
        if error.response["Error"].get("Code") in codes:
            return None
        raise
