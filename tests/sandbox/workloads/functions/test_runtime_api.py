"""The Runtime API as a client sees it: a program that speaks HTTP and knows the developer guide (runtimes-api)."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from sandbox.workloads.functions.answers import MOST_RESPONSE
from sandbox.workloads.functions.runtime_api import Event, RuntimeApi

pytestmark = pytest.mark.e2e

ARN = "arn:aws:lambda:us-east-1:123456789012:function:dev-echo:live"
ACCEPTED = b'{"status":"OK"}'
TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0")


class Client:
    """Asks the API for something below its version."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self._base = f"http://{address}/2018-06-01/runtime/"
        self._session = session

    async def next(self) -> tuple[aiohttp.ClientResponse, bytes]:
        async with self._session.get(self._base + "invocation/next") as answer:
            return answer, await answer.read()

    async def post(self, path: str, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
        async with self._session.post(self._base + path, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.read()


def speak(test: Callable[[RuntimeApi, Client], Awaitable[None]]) -> None:
    async def story() -> None:
        api = RuntimeApi()
        await api.open()
        try:
            async with aiohttp.ClientSession() as session:
                await test(api, Client(api.address, session))
        finally:
            await api.close()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_an_event_comes_with_what_the_guide_says() -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        event = Event(ARN, '{"key":"ü"}'.encode(), time.time() + 30)
        reply = api.hand(event)
        answer, body = await client.next()
        assert (answer.status, body) == (200, event.payload)
        # Lambda's client hands bytes to the handler when there is a charset, and breaks without a type.
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Lambda-Runtime-Aws-Request-Id"] == event.request
        assert answer.headers["Lambda-Runtime-Deadline-Ms"] == str(int(event.deadline * 1000))
        assert answer.headers["Lambda-Runtime-Invoked-Function-Arn"] == ARN
        assert TRACE.fullmatch(answer.headers["Lambda-Runtime-Trace-Id"])
        assert await client.post(f"invocation/{event.request}/response", b"[1]") == (202, ACCEPTED)
        assert ((await reply).payload, (await reply).failed) == (b"[1]", False)

    speak(test)


def test_whoever_asks_is_held_until_there_is_an_event() -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        asked = asyncio.create_task(client.next())
        assert await api.ready is False
        await asyncio.sleep(0.2)
        assert api.waits.is_set()
        assert not asked.done()
        api.hand(Event(ARN, b"7", time.time() + 1))
        assert (await asked)[1] == b"7"
        assert not api.waits.is_set()

    speak(test)


def test_an_error_is_an_answer_that_failed() -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        event = Event(ARN, b"{}", time.time() + 30)
        reply = api.hand(event)
        await client.next()
        body = json.dumps({"errorMessage": "no", "errorType": "ValueError", "stackTrace": []}).encode()
        assert await client.post(f"invocation/{event.request}/error", body) == (202, ACCEPTED)
        assert ((await reply).payload, (await reply).failed) == (body, True)

    speak(test)


def test_an_answer_is_for_the_present_event_and_comes_once() -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        event = Event(ARN, b"{}", time.time() + 30)
        reply = api.hand(event)
        await client.next()
        status, said = await client.post("invocation/another/response", b"1")
        assert (status, json.loads(said)["errorType"]) == (400, "InvalidRequestID")
        assert not reply.done()
        assert (await client.post(f"invocation/{event.request}/response", b"2"))[0] == 202
        status, said = await client.post(f"invocation/{event.request}/response", b"3")
        assert (status, json.loads(said)["errorType"]) == (403, "InvalidStateTransition")
        assert (await reply).payload == b"2"

    speak(test)


@pytest.mark.parametrize(("size", "status"), [(MOST_RESPONSE, 202), (MOST_RESPONSE + 1, 413), (7_000_000, 413)])
def test_an_answer_may_have_six_megabytes_and_a_hundred_bytes(size: int, status: int) -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        event = Event(ARN, b"{}", time.time() + 30)
        reply = api.hand(event)
        await client.next()
        assert (await client.post(f"invocation/{event.request}/response", b"x" * size))[0] == status
        assert (len((await reply).payload), (await reply).too_large) == ((size, False) if status == 202 else (0, True))

    speak(test)


@pytest.mark.parametrize("phase", ["init", "restore"])
def test_what_goes_wrong_before_the_first_event_is_kept(phase: str) -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        body = b'{"errorMessage":"No module named \'app\'","errorType":"Runtime.ImportModuleError"}'
        kind = {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"}
        assert await client.post(f"{phase}/error", body, **kind) == (202, ACCEPTED)
        assert api.problem == body
        assert not api.ready.done()

    speak(test)


def test_a_snapshot_waits_where_it_was_taken() -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        async def restored() -> int:
            url = f"http://{api.address}/2018-06-01/runtime/restore/next"
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status

        waiting = asyncio.create_task(restored())
        assert await api.ready is True
        await asyncio.sleep(0.1)
        assert not waiting.done()
        api.restore()
        assert await waiting == 200

    speak(test)


def test_there_is_nothing_else() -> None:
    async def test(api: RuntimeApi, client: Client) -> None:
        assert (await client.post("secrets"))[0] == 404

    speak(test)
