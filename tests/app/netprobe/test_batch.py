"""Batches: every probe has its own outcome, in order, in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.services.netprobe import models
from app.services.netprobe.limits import LimitError
from app.services.netprobe.probes import batch, tcp

Client = Callable[..., httpx.Response]
Serve = Callable[[Callable[[socket.socket], None]], int]


def probes(*ports: int, **more: object) -> list[dict[str, Any]]:
    return [{"probe": "tcp", "host": "127.0.0.1", "port": port, "count": 1, **more} for port in ports]


def send(client: Client, *requests: dict[str, Any], **more: object) -> dict[str, Any]:
    answer = client("POST", "/v1/probes/batch", {"probes": requests, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_results_are_in_the_order_of_the_request(
    local: Client, serve: Serve, web: Callable[[bytes], int], closed_port: int
) -> None:
    port = serve(lambda connection: None)
    page = {"probe": "http", "url": f"http://127.0.0.1:{web(b'HTTP/1.1 204 No Content' + bytes((13, 10, 13, 10)))}/"}
    reply = send(local, *probes(closed_port, port), page, {"probe": "ping", "host": "10.0.0.1", "count": 1})
    assert [each["probe"] for each in reply["results"]] == ["tcp", "tcp", "http", "ping"]
    assert [each["ok"] for each in reply["results"]] == [False, True, True, False]
    assert [each["error"] and each["error"]["kind"] for each in reply["results"]] == [
        "refused",
        None,
        None,
        "no_public_address",
    ]
    assert not reply["ok"]
    assert send(local, *probes(port), page)["ok"]


def test_a_crash_of_one_probe_harms_no_other(
    local: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = serve(lambda connection: None), serve(lambda connection: None)
    probe = tcp.probe

    async def crash(request: models.TcpQuery, *more: Any) -> None:
        if request.port == bad:
            raise RuntimeError("password=hunter2")
        await probe(request, *more)

    monkeypatch.setattr(tcp, "probe", crash)
    reply = send(local, *probes(good, bad, good))
    assert [each["ok"] for each in reply["results"]] == [True, False, True]
    error = reply["results"][1]["error"]
    assert (error["kind"], error["failure_source"]) == ("internal", "us")
    assert "hunter2" not in str(reply)
    assert "hunter2" in caplog.text


def run_all(run: Callable[[Any], Any], *, count: int, timeout: float = 5) -> models.BatchResult:
    request = models.BatchRequest.model_validate({"probes": probes(*range(1, count + 1)), "timeout": timeout})
    return asyncio.run(batch.run_all(request, run))


def test_even_what_runs_the_probes_may_crash() -> None:
    async def run(request: Any) -> Any:
        if request.port == 2:
            raise RuntimeError
        if request.port == 3:
            raise LimitError("You have had enough.", 5)
        return request.blank().model_copy(update={"ok": True})

    result = run_all(run, count=4)
    assert [each.ok for each in result.results] == [True, False, False, True]
    assert [each.model_dump()["port"] for each in result.results] == [1, 2, 3, 4]
    errors = [each.error for each in result.results if each.error]
    assert [(each.kind, each.failure_source) for each in errors] == [("not_run", "us")] * 2
    assert errors[1].reason == "You have had enough."


def test_so_many_run_at_a_time() -> None:
    under_way, most = 0, 0

    async def run(request: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return request.blank()

    run_all(run, count=16)
    assert most == 4


def test_the_time_is_for_all_of_them() -> None:
    given: list[float] = []

    async def run(request: Any) -> Any:
        given.append(request.timeout)
        await asyncio.sleep(min(request.timeout, 0.25))
        return request.blank().model_copy(update={"ok": True})

    result = run_all(run, count=16, timeout=0.6)
    assert result.elapsed_ms < 2000
    assert given[0] <= 0.6
    assert given == sorted(given, reverse=True)
    assert [each.ok for each in result.results] == sorted((each.ok for each in result.results), reverse=True)
    last = result.results[-1].error
    assert last is not None
    assert (last.kind, last.failure_source) == ("not_run", "us")


def test_a_refused_port_is_named_with_its_place(public: Client) -> None:
    answer = public("POST", "/v1/probes/batch", {"probes": probes(443, 22)})
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["body.probes.1.port"]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        probes(*[443] * 17),
        [{"host": "example.com", "port": 443}],
        [{"probe": "smtp", "host": "example.com"}],
        [{"probe": "tcp", "url": "http://example.com/"}],
    ],
    ids=["none", "too many", "no kind", "unknown kind", "of another kind"],
)
def test_a_batch_that_makes_no_sense_is_refused(public: Client, requests: list[object]) -> None:
    assert public("POST", "/v1/probes/batch", {"probes": requests}).status_code == 422


def test_nothing_inside_is_reached_by_a_batch(public: Client, serve: Serve) -> None:
    reached: list[object] = []
    serve(reached.append)
    reply = send(public, {"probe": "tcp", "host": "127.0.0.1", "port": 443})
    assert reply["results"][0]["error"]["kind"] == "no_public_address"
    assert reached == []
