"""What is said of a user and what is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from unicodedata import normalize
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

LONGEST_PAGE = 100

# Control characters, line separators and overrides of the direction make one name look like another.
_HIDDEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
PLAIN = rf"^[^{_HIDDEN}]*$"
_VISIBLE = rf"^[^{_HIDDEN}]*[^\s{_HIDDEN}][^{_HIDDEN}]*$"


def _composed(text: str) -> str:
    return normalize("NFC", text)


def _email(text: str) -> str:
    from email_validator import validate_email  # noqa: PLC0415 reading needs it not

    return validate_email(text, check_deliverability=False, strict=True).normalized


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_VISIBLE),
    AfterValidator(_composed),
    Field(description="How the user is called.", examples=["Ada Example"]),
]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    AfterValidator(_email),
    Field(
        description="No two users have the same, whatever the case of its letters. It is not looked up.",
        examples=["ada@example.com"],
        json_schema_extra={"format": "email"},
    ),
]


class UserValues(BaseModel):
    """What a caller says of a user."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: Email
    name: Name


class UserChanges(BaseModel):
    """What is to change; the rest stays (JSON Merge Patch, RFC 7396)."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"minProperties": 1})

    # A factory, so that no default is documented: what is left out has none.
    email: Email = Field(default_factory=str)
    name: Name = Field(default_factory=str)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("there is nothing to change")
        return self


class User(BaseModel):
    """A user and who changed it: the name of the API key, or `anonymous` where no keys are set."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    name: str
    version: Annotated[int, Field(ge=1, description="Goes up with every change; the ETag is this in quotes.")]
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class UserPage(BaseModel):
    """Some of the users, the newest first."""

    items: list[User]
    next: Annotated[str | None, Field(description="The `cursor` of the page that follows; null on the last.")]
