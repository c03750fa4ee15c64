"""References in MODESHIFT_SECRETS become values, each secret fetched once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from app.core.secrets import Reference, SecretsError, SecretsManager, load, names

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:api-a1b2c3"
OTHER = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-a1b2c3"


@pytest.fixture
def stubs() -> Iterator[dict[str, Stubber]]:
    """One stubbed Secrets Manager per region; everything a test expects must have been asked."""
    made: dict[str, Stubber] = {}
    for region in ("us-east-1", "eu-west-1"):
        client = boto3.client(
            "secretsmanager", region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
        )
        made[region] = Stubber(client)
        made[region].activate()
    yield made
    for stub in made.values():
        stub.assert_no_pending_responses()


def _load(environ: dict[str, str], stubs: dict[str, Stubber]) -> dict[str, str]:
    load(environ, lambda region: cast("SecretsManager", stubs[region].client))
    return environ


def _expect(stub: Stubber, value: object, **request: str) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    stub.add_response("get_secret_value", {"SecretString": text}, request)


def test_nothing_to_resolve_asks_nobody(stubs: dict[str, Stubber]) -> None:
    assert _load({"A": "1"}, stubs) == {"A": "1"}


def test_keys_of_one_secret_cost_one_request(stubs: dict[str, Stubber]) -> None:
    references = {"USER": f"{ARN}:user::", "PASSWORD": f"{ARN}:password::", "WHOLE": OTHER}
    _expect(stubs["us-east-1"], {"user": "ada", "password": "p:w"}, SecretId=ARN)
    _expect(stubs["eu-west-1"], "all of it", SecretId=OTHER)
    environ = _load({"MODESHIFT_SECRETS": json.dumps(references)}, stubs)
    assert (environ["USER"], environ["PASSWORD"], environ["WHOLE"]) == ("ada", "p:w", "all of it")


def test_stage_and_version_are_asked_for(stubs: dict[str, Stubber]) -> None:
    _expect(stubs["us-east-1"], {"k": 5}, SecretId=ARN, VersionStage="AWSPREVIOUS")
    _expect(stubs["us-east-1"], {"k": True}, SecretId=ARN, VersionId="1" * 32)
    references = {"A": f"{ARN}:k:AWSPREVIOUS:", "B": f"{ARN}:k::{'1' * 32}"}
    environ = _load({"MODESHIFT_SECRETS": json.dumps(references)}, stubs)
    assert (environ["A"], environ["B"]) == ("5", "true")


@pytest.mark.parametrize(
    "text", ["hunter2", "arn:aws:s3:::bucket", "arn:aws:secretsmanager::1:secret:x", f"{ARN}:k:s:v:more"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(SecretsError, match="holds for TOKEN is no reference to a secret") as raised:
        Reference.parse("TOKEN", text)
    assert text not in str(raised.value)


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_variable_that_is_no_object_is_refused(stubs: dict[str, Stubber], text: str) -> None:
    with pytest.raises(SecretsError, match="MODESHIFT_SECRETS"):
        _load({"MODESHIFT_SECRETS": text}, stubs)


@pytest.mark.parametrize("value", ["not json", '["list"]', '{"other": "hunter2"}'])
def test_a_missing_key_is_named_and_the_value_is_not(stubs: dict[str, Stubber], value: str) -> None:
    _expect(stubs["us-east-1"], value, SecretId=ARN)
    with pytest.raises(SecretsError, match=r"for TOKEN .* has no JSON key 'token'") as raised:
        _load({"MODESHIFT_SECRETS": json.dumps({"TOKEN": f"{ARN}:token::"})}, stubs)
    assert "hunter2" not in str(raised.value)


def test_a_refusal_names_the_variable_and_the_secret(stubs: dict[str, Stubber]) -> None:
    stubs["us-east-1"].add_client_error("get_secret_value", "AccessDeniedException", "not allowed")
    environ = {"MODESHIFT_SECRETS": json.dumps({"TOKEN": ARN})}
    with pytest.raises(SecretsError, match=f"secret for TOKEN .{ARN}. cannot be read: .*AccessDenied"):
        _load(environ, stubs)
    assert "TOKEN" not in environ


def test_a_binary_secret_is_refused(stubs: dict[str, Stubber]) -> None:
    answer: dict[str, Any] = {"SecretBinary": b"\x00"}
    stubs["us-east-1"].add_response("get_secret_value", answer, {"SecretId": ARN})
    with pytest.raises(SecretsError, match="binary"):
        _load({"MODESHIFT_SECRETS": json.dumps({"TOKEN": ARN})}, stubs)


def _optional(**keys: str) -> dict[str, str]:
    return {"MODESHIFT_OPTIONAL_SECRETS": json.dumps({name: f"{ARN}:{key}::" for name, key in keys.items()})}


def test_what_is_optional_and_missing_stays_unset(stubs: dict[str, Stubber]) -> None:
    _expect(stubs["us-east-1"], {"one": "1"}, SecretId=ARN)
    assert _load(_optional(ONE="one", TWO="two"), stubs) == {"ONE": "1"}


def test_an_optional_secret_without_a_value_stays_unset(stubs: dict[str, Stubber]) -> None:
    stubs["us-east-1"].add_client_error("get_secret_value", "ResourceNotFoundException", "no value for AWSCURRENT")
    assert _load(_optional(ONE="one"), stubs) == {}


def test_an_optional_secret_that_must_not_be_read_is_an_error(stubs: dict[str, Stubber]) -> None:
    stubs["us-east-1"].add_client_error("get_secret_value", "AccessDeniedException", "not allowed")
    environ = _optional(ONE="one")
    with pytest.raises(SecretsError, match="AccessDenied"):
        _load(environ, stubs)
    assert environ == _optional(ONE="one"), "the next try finds what it needs"


def test_names_tells_what_would_be_set() -> None:
    environ = {"MODESHIFT_SECRETS": json.dumps({"A": ARN}), **_optional(B="b")}
    assert sorted(names(environ)) == ["A", "B"]
    assert not names({})
