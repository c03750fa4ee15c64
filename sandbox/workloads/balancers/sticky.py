"""Cookies by which a client comes back to the same target group or target.

As in AWS they tell nothing to whoever reads them, and each has a second one for requests from other sites.
"""

from __future__ import annotations

import hmac
import secrets
import time
from email.utils import formatdate
from http.cookies import CookieError, SimpleCookie

from sandbox.workloads.http.messages import Headers, Request

GROUP = "AWSALBTG"
TARGET = "AWSALB"
_KEY = secrets.token_bytes(32)


def is_meant(request: Request, cookie: str, who: str) -> bool:
    """Whether a client was sent to somebody before."""
    value = mark(who)
    return any(hmac.compare_digest(value, given) for given in _given(request, cookie))


def cookies(request: Request, cookie: str, who: str, seconds: int) -> Headers:
    """Return what makes a client come back to somebody for some seconds after its last request."""
    value, expires = mark(who), formatdate(time.time() + seconds, usegmt=True)
    plain = f"{cookie}={value}; Expires={expires}; Path=/"
    secure = "; Secure" if request.scheme == "https" else ""
    return [
        ("Set-Cookie", plain),
        ("Set-Cookie", f"{cookie}CORS={value}; Expires={expires}; Path=/; SameSite=None{secure}"),
    ]


def mark(who: str) -> str:
    """Return what stands for somebody in a cookie."""
    return hmac.new(_KEY, who.encode(), "sha256").hexdigest()


def _given(request: Request, cookie: str) -> list[str]:
    given: list[str] = []
    for text in request.values("cookie"):
        try:
            read = SimpleCookie(text)
        except CookieError:
            continue
        given += [read[name].value for name in (cookie, f"{cookie}CORS") if name in read]
    return given
