"""What exists in an account under given tags, as AWS's own tagging API tells it."""

from __future__ import annotations

from collections.abc import Mapping

from automation.cloud import Session
from automation.errors import Exit, UserError


def tagged(session: Session, tags: Mapping[str, str], resource_type: str = "") -> list[str]:
    """Return the ARNs of everything that carries all these tags, sorted.

    Raises:
        UserError: AWS does not answer, or not without credentials.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and most commands need no AWS

    filters = [{"Key": key, "Values": [value]} for key, value in sorted(tags.items())]
    try:
        pages = session.aws_client("resourcegroupstaggingapi").get_paginator("get_resources")
        types = [resource_type] if resource_type else []
        return sorted(
            mapping["ResourceARN"]
            for page in pages.paginate(ResourceTypeFilters=types, TagFilters=filters)
            for mapping in page["ResourceTagMappingList"]
        )
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"AWS does not answer: {error}",
            hint="Sign in, as with `aws sso login`, and set AWS_PROFILE; `aws sts get-caller-identity` must answer.",
            code=Exit.FAILED,
        ) from None
