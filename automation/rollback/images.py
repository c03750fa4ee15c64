"""Whether an image of an earlier version is still in its registry."""

from __future__ import annotations

import re
from typing import Final

from automation.cloud import Session
from automation.errors import UserError

_ECR: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>.+)@(?P<digest>sha256:\w+)"
)
_GONE: Final = {"ImageNotFoundException", "RepositoryNotFoundException"}


def refuse_gone(session: Session, version: str, image: str) -> str:
    """Refuse a version whose image is gone; return what keeps this from being known, nothing when the image is there.

    Raises:
        UserError: the registry does not have it.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 loads slowly, and few commands need it

    found = _ECR.fullmatch(image)
    if found is None:
        return f"{image} is in no registry that can be asked"
    try:
        session.aws_client("ecr", found["region"]).describe_images(
            registryId=found["account"], repositoryName=found["name"], imageIds=[{"imageDigest": found["digest"]}]
        )
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in _GONE:
            raise UserError(
                f"The image of version {version} is gone: {image}.",
                hint="The registry keeps the last images and all that were released; choose a later version.",
            ) from None
        return f"the registry of {image} answers {code}"
    except BotoCoreError as error:
        return f"the registry of {image} cannot be asked: {error}"
    return ""
