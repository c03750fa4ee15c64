"""No body is longer than the setting says, whatever its header says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

Answers = Callable[..., list[httpx.Response]]


def _post(content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Request:
    fitting = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return httpx.Request("POST", "http://app/things", content=content, headers=fitting)


async def _in_parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_a_body_may_be_as_long_as_the_setting_and_no_longer(answers: Answers) -> None:
    fits, exceeds = b'{"a":"123"}', b'{"a":"1234"}'
    replies = answers(_post(fits), _post(exceeds), MAX_BODY_BYTES=str(len(fits)))
    assert [reply.status_code for reply in replies] == [200, 413]
    assert replies[1].json()["detail"] == f"The body may have {len(fits)} bytes."


def test_a_body_of_unknown_length_is_counted_as_it_comes(answers: Answers) -> None:
    fits, exceeds = _in_parts(b'{"a":', b'"123"}'), _in_parts(b'{"a":', b'"1234', b'"}')
    replies = answers(_post(fits), _post(exceeds), MAX_BODY_BYTES="11")
    assert "content-length" not in replies[1].request.headers
    assert [reply.status_code for reply in replies] == [200, 413]
    assert replies[1].headers["content-type"] == "application/problem+json"


def test_a_header_that_understates_the_length_changes_nothing(answers: Answers) -> None:
    (reply,) = answers(_post(b'{"a":"1234"}', content_length="2"), MAX_BODY_BYTES="11")
    assert reply.status_code == 413


@pytest.mark.parametrize("length", ["12", "262145", "9" * 18, "9" * 19, "9" * 5000])
def test_a_body_that_announces_too_much_is_not_read(answers: Answers, length: str) -> None:
    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    (reply,) = answers(_post(untouched(), content_length=length), MAX_BODY_BYTES="11")
    assert reply.status_code == 413


@pytest.mark.parametrize("length", ["", "-5", "1e3", "x"])
def test_a_length_that_is_none_is_counted_instead(answers: Answers, length: str) -> None:
    request = _post(_in_parts(b"{}"))
    request.headers.update([(b"content-length", length.encode())])
    (reply,) = answers(request, MAX_BODY_BYTES="11")
    assert reply.status_code == 200
