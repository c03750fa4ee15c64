"""Requests and answers for the OpenAPI document."""

from __future__ import annotations

from typing import Any

_TIMINGS = {
    "resolve_ms": 12.4,
    "connect_ms": 18.2,
    "tls_ms": None,
    "first_byte_ms": None,
    "transfer_ms": None,
    "total_ms": 30.6,
}
_REACHED = {
    "ok": True,
    "reached": True,
    "host": "example.com",
    "address": "23.192.228.80",
    "family": "ipv4",
    "addresses": ["23.192.228.80", "23.215.0.136"],
    "timings": _TIMINGS,
    "elapsed_ms": 30.9,
    "age_seconds": 0,
    "expectations": [],
    "error": None,
}


def _attempts(*times: float) -> dict[str, Any]:
    mean = round(sum(times) / len(times), 3)
    spread = len(times) > 1
    attempts = [{"ok": True, "address": "23.192.228.80", "time_ms": time, "error": None} for time in times]
    statistics = {
        "sent": len(times),
        "received": len(times),
        "loss_percent": 0,
        "min_ms": min(times),
        "mean_ms": mean,
        "max_ms": max(times),
        "deviation_ms": 0.327 if spread else None,
        "jitter_ms": 0.6 if spread else None,
    }
    return {"attempts": attempts, "statistics": statistics}


_QUESTIONS = {
    "tcp": {"three": {"summary": "Three connections", "value": {"host": "example.com", "port": 443}}},
    "http": {
        "phases": {"summary": "Where the time goes", "value": {"url": "https://example.com/"}},
        "health": {
            "summary": "A health check",
            "value": {
                "url": "https://example.com/health",
                "expect": {
                    "status": ["200-299"],
                    "json_values": [{"path": "$.status", "equals": "ok"}],
                    "max_timings": {"total_ms": 800},
                    "min_days_to_expiry": 14,
                },
            },
        },
    },
    "dns": {
        "mail": {"summary": "Mail servers", "value": {"name": "example.com", "type": "MX"}},
        "elsewhere": {
            "summary": "An address, as another resolver knows it",
            "value": {
                "name": "example.com",
                "type": "AAAA",
                "resolver": "9.9.9.9",
                "expect": {"rcode": "NOERROR", "answer_contains": "2600:"},
            },
        },
    },
    "tls": {
        "expiry": {
            "summary": "Trusted, and for two weeks to come",
            "value": {"host": "example.com", "expect": {"min_days_to_expiry": 14}},
        },
        "behind": {
            "summary": "One server behind a name",
            "value": {"host": "example.com", "address": "23.192.228.80", "server_name": "www.example.com"},
        },
    },
    "ping": {
        "loss": {
            "summary": "Ten echo requests",
            "value": {"host": "example.com", "count": 10, "expect": {"max_loss_percent": 10}},
        }
    },
    "batch": {
        "mixed": {
            "summary": "Name, port and page",
            "value": {
                "probes": [
                    {"probe": "dns", "name": "example.com"},
                    {"probe": "tcp", "host": "example.com", "port": 443},
                    {"probe": "http", "url": "https://example.com/"},
                ]
            },
        }
    },
}

_TCP = {"probe": "tcp", **_REACHED, "port": 443, **_attempts(18.2, 17.6, 18.3)}
_HTTP = {
    "probe": "http",
    **_REACHED,
    "timings": {
        "resolve_ms": 12.4,
        "connect_ms": 18.2,
        "tls_ms": 24.9,
        "first_byte_ms": 19.3,
        "transfer_ms": 0.4,
        "total_ms": 75.2,
    },
    "port": 443,
    **_attempts(62.8),
    "status": 200,
    "http_version": "1.1",
    "headers": {"content-type": "text/html", "content-length": "513"},
    "content_type": "text/html",
    "location": None,
    "body_bytes": 513,
    "body_complete": True,
    "tls": {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "alpn": "http/1.1",
        "not_after": "2027-01-15T23:59:59Z",
        "days_to_expiry": 54.6,
    },
    "hops": [],
}
_DNS = {
    "probe": "dns",
    **_REACHED,
    "address": None,
    "family": None,
    "addresses": [],
    "timings": {**_TIMINGS, "resolve_ms": None, "connect_ms": None, "first_byte_ms": 4.1, "total_ms": 4.1},
    "type": "MX",
    **_attempts(4.1),
    "resolver": None,
    "rcode": "NOERROR",
    "answers": [{"name": "example.com.", "type": "MX", "ttl": 300, "value": "0 ."}],
    "authoritative": False,
    "truncated": False,
    "authenticated": True,
    "transport": "udp",
}
_TLS = {
    "probe": "tls",
    **_REACHED,
    "timings": {**_TIMINGS, "tls_ms": 24.9, "total_ms": 55.5},
    "expectations": [
        {
            "expectation": "verified",
            "passed": True,
            "expected": "trusted",
            "actual": "trusted",
            "reason": "The server is trusted; expected trusted.",
        }
    ],
    "port": 443,
    "server_name": "example.com",
    "verified": True,
    "verify_error": None,
    "version": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "alpn": "http/1.1",
    "days_to_expiry": 54.6,
    "certificates": [
        {
            "subject": "CN=example.com",
            "issuer": "CN=Example CA,O=Example,C=US",
            "alternative_names": ["example.com", "www.example.com"],
            "serial": "ad893bafa68b0b7fb7a404f06ecaf9a",
            "not_before": "2026-10-15T00:00:00Z",
            "not_after": "2027-01-15T23:59:59Z",
            "days_to_expiry": 54.6,
            "key_type": "EC secp256r1",
            "key_bits": 256,
            "signature_algorithm": "ecdsa-with-SHA384",
            "sha256": "455943cf819425761d1f950263ebf54755d8d684c25535943976f488bc79d23b",
        }
    ],
    "chain_complete": True,
}
_PING = {"probe": "ping", **_REACHED, **_attempts(18.2, 17.6, 18.3), "method": "icmp", "port": None}
_ANSWERS: dict[str, dict[str, Any]] = {
    "tcp": _TCP,
    "http": _HTTP,
    "dns": _DNS,
    "tls": _TLS,
    "ping": _PING,
    "batch": {"ok": True, "elapsed_ms": 82.3, "results": [_DNS, _TCP, _HTTP]},
}


def questions(name: str) -> dict[str, Any]:
    """Return example requests of a route."""
    return _QUESTIONS[name]


def answer(name: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route with an example of its answer."""
    return {200: {"content": {"application/json": {"example": _ANSWERS[name]}}}}
