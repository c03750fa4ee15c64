"""What the JSON schema of a value accepts is what the app takes, to the last character."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.services.netprobe.models.values import Host, IpAddress, Url

_LONG = [("a." * length)[: length - 1] + "a" for length in (250, 252, 253, 254, 255, 300)]
_TYPES = {"host": TypeAdapter(Host), "address": TypeAdapter(IpAddress), "url": TypeAdapter(Url)}


def _documented(kind: str, text: str) -> bool:
    schema: dict[str, Any] = _TYPES[kind].json_schema()
    return re.search(schema["pattern"], text) is not None and len(text) <= schema.get("maxLength", len(text))


def _taken(kind: str, text: str) -> bool:
    try:
        _TYPES[kind].validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("host", _LONG, ids=len)
@pytest.mark.parametrize("url", ["https://{}", "http://{}:8080/", "http://{}/a.b-c_d", "https://{}?a.b"])
def test_the_document_knows_how_long_a_host_may_be(url: str, host: str) -> None:
    assert _taken("url", url.format(host)) is _documented("url", url.format(host)) is (len(host) <= 253)
    assert _taken("host", host) is _documented("host", host) is (len(host) <= 253)


@pytest.mark.parametrize("kind", sorted(_TYPES))
@settings(max_examples=40)
@given(data=st.data())
def test_what_the_document_accepts_is_taken(kind: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(_TYPES[kind].json_schema()["pattern"]).map(str.strip))
    assert _taken(kind, text) is _documented(kind, text)
