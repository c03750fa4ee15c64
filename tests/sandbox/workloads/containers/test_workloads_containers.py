"""Containers as processes: what they are told, how they end, and what they may not do."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from sandbox.workloads.containers import measure
from sandbox.workloads.containers.confine import MARK
from sandbox.workloads.containers.containers import Containers
from sandbox.workloads.containers.process import Container
from sandbox.workloads.containers.spec import OUT_OF_MEMORY, CannotStartError, ContainerSpec, HealthCheck
from sandbox.workloads.context import Context

_PATIENCE = 60


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def run(tmp_path: Path, test: Callable[[Containers, Context], Awaitable[None]], *, speed: float = 100) -> None:
    """Run a test with containers, which are all gone after it."""

    async def whole() -> None:
        context = Context.of(tmp_path / "account", tmp_path, speed)
        containers = Containers(context)
        try:
            await asyncio.wait_for(test(containers, context), _PATIENCE)
        finally:
            await containers.close()
            context.logs.close()

    asyncio.run(whole())


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - what is waited for is another process
        await asyncio.sleep(0.02)


def lines(context: Context, group: str = "g") -> list[str]:
    return [line.text for line in context.logs.read(group)]


def spec(code: str, **more: object) -> ContainerSpec:
    given = {"id": "one", "subject": "dev-it", "log_group": "g", "log_stream": "s", "processes": 32, **more}
    return ContainerSpec(command=python(code), **given)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_container_is_told_its_own_address_and_folder_and_nothing_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING_OF_MINE", "x")
    code = "import os;[print(k,v,sep='=') for k,v in os.environ.items()];open(os.environ['BEAT'],'w').write('x')"

    async def test(containers: Containers, context: Context) -> None:
        told = {"BEAT": "/tmp/heartbeat", "PORT": "8080", "NAME": "/tmpfs"}
        container = await containers.start(spec(code, environment=told))
        assert (await container.wait()).exit_code == 0
        await until(lambda: not containers.describe())
        seen = dict(line.split("=", 1) for line in lines(context) if "=" in line)
        assert seen["HOST"] == "127.0.0.1"
        assert int(seen["PORT"]) == container.port != 8080
        assert seen["BEAT"] == str(context.folder / "containers/one/tmp/heartbeat")
        assert seen["NAME"] == "/tmpfs"
        assert "SOMETHING_OF_MINE" not in seen
        assert not (context.folder / "containers/one").exists()

    run(tmp_path, test)


def test_the_end_of_a_container_is_its_exit_code(tmp_path: Path) -> None:
    async def test(containers: Containers, _: Context) -> None:
        ended = await (await containers.start(spec("raise SystemExit(3)"))).wait()
        assert (ended.exit_code, ended.reason) == (3, "")

    run(tmp_path, test)


def test_a_container_may_ask_for_access_wherever_its_user_may_go(tmp_path: Path) -> None:
    (closed := tmp_path / "closed").mkdir()
    closed.chmod(0o700)
    (inside := closed / "inside").mkdir()

    async def test(containers: Containers, _: Context) -> None:
        # Not the same question as reading it: access(2) is about the real user, who may be one of the container's own.
        asks = f"import os; raise SystemExit(not os.access({str(inside)!r}, os.R_OK))"
        container = await containers.start(spec(asks))
        assert (await container.wait()).exit_code == 0

    run(tmp_path, test)


def test_a_command_that_does_not_exist_never_runs(tmp_path: Path) -> None:
    async def test(containers: Containers, _: Context) -> None:
        with pytest.raises(CannotStartError, match='exec: "nope": executable file not found'):
            await containers.start(ContainerSpec(id="one", subject="dev-it", command=("nope",)))
        with pytest.raises(CannotStartError):
            await containers.start(spec("", folder=tmp_path / "nowhere"))
        assert containers.describe() == {}

    run(tmp_path, test)


def test_what_ignores_being_asked_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import os,signal,subprocess,sys,time;signal.signal(signal.SIGTERM,signal.SIG_IGN);"
        "p=subprocess.Popen([sys.executable,'-c','import time;time.sleep(600)'],start_new_session=True);"
        "print('child',p.pid,flush=True);time.sleep(600)"
    )

    async def test(containers: Containers, context: Context) -> None:
        container = await containers.start(spec(code, stop_timeout=0.2))
        await until(lambda: lines(context))
        child = int(lines(context)[0].split()[1])
        ended = await container.stop()
        assert ended.exit_code == 137
        assert not alive(container.pid)
        # It had gone into a session of its own.
        await until(lambda: not alive(child))

    run(tmp_path, test)


def test_what_is_asked_to_end_may_finish(tmp_path: Path) -> None:
    code = (
        "import signal,sys,time;signal.signal(signal.SIGTERM,lambda *_:(print('bye'),sys.exit(0)));"
        "print('up');time.sleep(600)"
    )

    async def test(containers: Containers, context: Context) -> None:
        container = await containers.start(spec(code))
        await until(lambda: "up" in lines(context))
        assert (await container.stop()).exit_code == 0
        await until(lambda: "bye" in lines(context))

    run(tmp_path, test)


def test_too_much_memory_ends_a_container_in_the_words_of_aws(tmp_path: Path) -> None:
    async def test(containers: Containers, _: Context) -> None:
        code = (
            "import time\nkept=[]\nfor _ in range(400): kept.append(bytearray(4<<20)); time.sleep(.01)\ntime.sleep(600)"
        )
        container = await containers.start(spec(code, memory=96))
        ended = await container.wait()
        assert ended.out_of_memory
        assert (ended.exit_code, ended.reason) == (137, OUT_OF_MEMORY)

    run(tmp_path, test)


def test_usage_is_what_was_measured(tmp_path: Path) -> None:
    async def test(containers: Containers, _: Context) -> None:
        container = await containers.start(spec("kept=bytearray(64<<20)\nwhile True: pass"))
        await until(lambda: container.usage.cpu > 0.05 and container.usage.memory > 64)
        assert containers.describe()["one"]["processes"] == 1
        container.kill()
        assert (await container.wait()).exit_code == 137

    run(tmp_path, test)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel is not asked to limit processes")
def test_a_fork_bomb_ends_and_takes_nothing_with_it(tmp_path: Path) -> None:
    bomb = "import os\nwhile True:\n try: os.fork()\n except OSError: pass"

    async def test(containers: Containers, context: Context) -> None:
        container = await containers.start(spec(bomb, processes=8))
        other = await containers.start(spec("print('up');import time;time.sleep(600)", id="other", log_stream="o"))
        ended = await container.wait()
        assert "processes that the sandbox allows" in ended.reason
        await until(lambda: "up" in lines(context))
        assert other.ended is None
        marks = [p for p in psutil.pids() if _mark(p).endswith("#one")]
        assert marks == []

    run(tmp_path, test)


def _mark(pid: int) -> str:
    try:
        return psutil.Process(pid).environ().get(MARK, "")
    except (psutil.Error, OSError):
        return ""


def test_lines_arrive_whole_and_long_ones_in_pieces(tmp_path: Path) -> None:
    async def test(containers: Containers, context: Context) -> None:
        code = "import sys;print('é'*9000);print('short');sys.stderr.write('no end')"
        await (await containers.start(spec(code))).wait()
        await until(lambda: not containers.describe())
        found = lines(context)
        assert [len(text) for text in found[:2]] == [8192, 808]
        assert sorted(found[2:]) == ["no end", "short"]

    run(tmp_path, test)


def test_a_flood_of_lines_leaves_the_loop_to_others(tmp_path: Path) -> None:
    async def test(containers: Containers, context: Context) -> None:
        container = await containers.start(spec("while True: print('x'*200)"))
        await until(lambda: lines(context))
        worst = 0.0
        for _ in range(20):
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before)
        assert worst < 5
        container.kill()
        await container.wait()

    run(tmp_path, test)


def test_a_full_disk_loses_lines_and_not_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(containers: Containers, context: Context) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("sandbox.workloads.logs._Stream", full)
        ended = await (await containers.start(spec("print('lost')"))).wait()
        await until(lambda: not containers.describe())
        assert ended.exit_code == 0
        assert context.logs.lost == 1

    run(tmp_path, test)


def test_the_health_of_a_container_is_what_its_command_says(tmp_path: Path) -> None:
    file = tmp_path / "well"
    check = HealthCheck(
        command=python(f"import os,sys;sys.exit(not os.path.exists({str(file)!r}))"), interval=1, retries=2
    )

    async def test(containers: Containers, _: Context) -> None:
        container = await containers.start(spec("import time;time.sleep(600)", health_check=check))
        await until(lambda: container.health == "UNHEALTHY")
        file.touch()
        await until(lambda: container.health == "HEALTHY")
        container.kill()

    run(tmp_path, test)


def test_failures_do_not_count_while_a_container_starts(tmp_path: Path) -> None:
    check = HealthCheck(command=("false",), interval=1, retries=1, start_period=300)

    async def test(containers: Containers, _: Context) -> None:
        container = await containers.start(spec("import time;time.sleep(600)", health_check=check))
        await asyncio.sleep(2.5)
        assert container.health == "UNKNOWN"
        container.kill()

    run(tmp_path, test, speed=1)


def test_a_command_beside_a_container_is_told_the_same_and_ends_in_time(tmp_path: Path) -> None:
    async def test(containers: Containers, _: Context) -> None:
        container = await containers.start(spec("import time;time.sleep(600)", environment={"NAME": "x"}))
        done = await container.execute(("sh", "-c", 'echo "$NAME $PORT"; exit 4'), 30)
        assert (done.exit_code, done.output) == (4, f"x {container.port}\n")
        assert (await container.execute(("sleep", "600"), 0.2)).exit_code is None
        container.kill()

    run(tmp_path, test)


def test_ports_of_containers_that_do_not_listen_yet_are_not_given_again(tmp_path: Path) -> None:
    async def test(containers: Containers, context: Context) -> None:
        given: list[int] = []
        free = context.ports.free
        context.ports.free = lambda: given.pop() if given else free()  # type: ignore[method-assign]
        first = await containers.start(spec("import time;time.sleep(600)"))
        given.extend([first.port, first.port])
        second = await containers.start(spec("import time;time.sleep(600)", id="two"))
        assert second.port != first.port

    run(tmp_path, test)


def test_what_an_earlier_process_left_is_ended_first(tmp_path: Path) -> None:
    context = Context.of(tmp_path / "account", tmp_path)
    environment = {**os.environ, MARK: f"{(tmp_path / 'account').resolve()}#old"}

    async def test(containers: Containers, _: Context) -> None:
        left = await asyncio.create_subprocess_exec(
            *python("import time;time.sleep(600)"), env=environment, start_new_session=True
        )
        await containers.start(spec("import time;time.sleep(600)"))
        assert await left.wait() == -9

    run(tmp_path, test)
    context.logs.close()


def test_what_starts_at_once_is_not_taken_for_what_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = measure.marked

    def slowly(mark: str) -> list[int]:
        # Long enough for whoever does not wait to have started.
        time.sleep(0.5)
        return look(mark)

    monkeypatch.setattr(measure, "marked", slowly)

    async def test(containers: Containers, context: Context) -> None:
        code = "import time; time.sleep(60)"
        started = await asyncio.gather(*(containers.start(spec(code, id=f"n{number}")) for number in range(3)))
        assert [container.ended for container in started] == [None] * 3
        assert all(alive(container.pid) for container in started)
        assert len(list((context.folder / "containers").iterdir())) == 3

    run(tmp_path, test)


def test_many_start_and_end_at_once(tmp_path: Path) -> None:
    code = (
        "import http.server,os;http.server.HTTPServer((os.environ['HOST'],int(os.environ['PORT'])),"
        "http.server.BaseHTTPRequestHandler).serve_forever()"
    )

    async def test(containers: Containers, _: Context) -> None:
        several: list[Container] = await asyncio.gather(*(containers.start(spec(code, id=f"c{n}")) for n in range(6)))
        assert len({one.port for one in several}) == 6
        for one in several:
            await until(lambda one=one: _answers(one.port))
        await asyncio.gather(*(one.stop() for one in several))
        await until(lambda: not containers.describe())

    run(tmp_path, test)


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
