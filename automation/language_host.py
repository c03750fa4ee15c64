"""A small Pulumi language host, for machines that lack the official `pulumi-language-python`.

Point the engine at it with `PULUMI_DEBUG_LANGUAGES=python:PORT`; plain `pulumi preview` and `pulumi up` then run the
project's `__main__.py` with this environment's interpreter, each time in a process of its own (`run_program.py`).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import threading
from concurrent import futures
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING

import grpc
from google.protobuf import empty_pb2

# First of all, since it loads the protocol without the rest of the SDK: a host starts with every command.
from sandbox.control.protos import plugin_pb2

# isort: split
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, language_pb2, language_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_RUNNER = Path(__file__).with_name("run_program.py")
# The program has shown its error; the engine has nothing to add.
_SHOWN = 32
_GRACE_SECONDS = 2.0
_WORKERS = 16


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs for any number of engines at once.

    With `lists_packages` it names the provider plugins that the installed SDKs need, for the engine to install;
    leave it off when the providers are attached, since the engine would look for the plugins all the same.
    """

    def __init__(self, *, lists_packages: bool = False) -> None:
        self._lists_packages = lists_packages
        # Engines are told apart by their connection.
        self._engines: dict[str, str] = {}
        self._programs: dict[_Program, str] = {}

    def add_to(self, server: grpc.Server) -> None:
        """Serve on a server that may serve other things too."""
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(self, server)

    def stop(self) -> None:
        """End every program that still runs."""
        for program in list(self._programs):
            program.stop()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """Remember where the engine takes log lines."""
        self._engines[context.peer()] = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Return the version of the Pulumi SDK, with which this host speaks."""
        del request, context
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """Name the provider plugins of the installed SDKs."""
        del request, context
        packages = _provider_packages() if self._lists_packages else ()
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Say who installs: this host runs in an environment that is already set up."""
        del request, context
        said = f"The dependencies are those of {sys.prefix}; `make up` installs them.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=said.encode())

    def About(self, request: language_pb2.AboutRequest, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        """Describe the interpreter."""
        del request, context
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the installed packages."""
        del request, context
        installed = sorted({(one.metadata["Name"], one.version) for one in importlib.metadata.distributions()})
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=version) for name, version in installed]
        )

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        """Ask nothing: there is one interpreter to run with."""
        del request, context
        return language_pb2.RuntimeOptionsResponse()

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        """Run a program and return how it ended; it ends at the latest with the engine that asked for it."""
        peer = context.peer()
        engine = self._engines.get(peer, "")
        program = _Program(request, engine)
        self._programs[program] = peer
        try:
            if not context.add_callback(program.stop):
                program.stop()
            return program.result(engine)
        finally:
            del self._programs[program]

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End the programs that this engine runs."""
        del request
        for program, peer in list(self._programs.items()):
            if peer == context.peer():
                program.stop()
        return empty_pb2.Empty()


class _Program:
    """One run of a program, in a session of its own so that whatever it starts can be ended with it."""

    def __init__(self, request: language_pb2.RunRequest, engine: str) -> None:
        self._stopped = threading.Event()
        self._killer = threading.Timer(_GRACE_SECONDS, self._signal, [signal.SIGKILL])
        self._killer.daemon = True
        folder = request.info.program_directory or request.pwd
        self._process = subprocess.Popen(
            [sys.executable, str(_RUNNER)],
            cwd=request.pwd or folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        # Config goes through the pipe, not the environment, where other processes could read its secrets. The pipe
        # stays open: the program ends when it closes, however this process ends.
        self._tell(
            {
                "monitor": request.monitor_address,
                "engine": engine,
                "project": request.project,
                "stack": request.stack,
                "organization": request.organization or "organization",
                "root_directory": request.info.root_directory or folder,
                "parallel": request.parallel,
                "dry_run": request.dryRun,
                "config": dict(request.config),
                "secret_keys": list(request.configSecretKeys),
                "program": str(Path(folder, request.info.entry_point or request.program or ".")),
                "arguments": list(request.args),
            }
        )

    def _tell(self, document: dict[str, object]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(document) + "\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """Ask the program to end, and see to it soon after."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._signal(signal.SIGTERM)
            self._killer.start()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def result(self, engine: str) -> language_pb2.RunResponse:
        """Wait for the end, passing on what the program prints."""
        output = _Output(self._process, engine)
        code = self._wait()
        output.finish()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if code == 0:
            return language_pb2.RunResponse()
        if code == _SHOWN or self._stopped.is_set():
            return language_pb2.RunResponse(bail=True)
        if code < 0:
            return language_pb2.RunResponse(error=f"the program was ended by {signal.Signals(-code).name}")
        return language_pb2.RunResponse(error=f"the program exited with code {code}")

    def _wait(self) -> int:
        code = self._process.wait()
        if self._stopped.is_set():
            self._killer.cancel()
            self._signal(signal.SIGKILL)
        return code


class _Output:
    """Passes what a program prints to the engine, line by line, as the official host does."""

    def __init__(self, process: subprocess.Popen[str], engine: str) -> None:
        self._channel = grpc.insecure_channel(engine)
        self._engine = engine_pb2_grpc.EngineStub(self._channel)
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        self._threads = [
            threading.Thread(target=self._pass_on, args=(pipe, stream), daemon=True)
            for pipe, stream in zip(pipes, count(1), strict=False)
        ]
        for thread in self._threads:
            thread.start()

    def _pass_on(self, pipe: IO[str], stream: int) -> None:
        with closing(pipe):
            for line in pipe:
                request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=line, streamId=stream)
                # An engine that is gone reads no more; the pipe is drained all the same, so that nobody blocks.
                with suppress(grpc.RpcError, ValueError):
                    self._engine.Log(request)

    def finish(self) -> None:
        """Wait until everything is passed on; something the program left running may keep its output open."""
        for thread in self._threads:
            thread.join(timeout=_GRACE_SECONDS)
        self._channel.close()


def _provider_packages() -> list[plugin_pb2.PackageDependency]:
    """Return the plugin that each installed provider SDK names in its `pulumi-plugin.json`."""
    packages: list[plugin_pb2.PackageDependency] = []
    for module in sorted(name for name in importlib.metadata.packages_distributions() if name.startswith("pulumi_")):
        found = importlib.util.find_spec(module)
        path = Path(found.origin).with_name("pulumi-plugin.json") if found and found.origin else None
        if path is None or not path.is_file():
            continue
        described = json.loads(path.read_text(encoding="utf-8"))
        if described.get("resource"):
            packages.append(
                plugin_pb2.PackageDependency(
                    name=described["name"],
                    kind="resource",
                    version=f"v{described['version'].removeprefix('v')}",
                    server=described.get("server", ""),
                )
            )
    return packages


@contextmanager
def serve(*, port: int = 0, lists_packages: bool = False) -> Generator[int, None, None]:
    """Serve a language host on the loopback interface for as long as the block lasts; yield its port."""
    host = LanguageHost(lists_packages=lists_packages)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=_WORKERS))
    host.add_to(server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        host.stop()
        server.stop(grace=_GRACE_SECONDS).wait()


def main() -> None:
    """Serve until ended, after one line on standard output that says where."""
    parser = argparse.ArgumentParser(description="Serve a Pulumi language host for Python programs.")
    parser.add_argument("--port", type=int, default=0, help="port on the loopback interface; 0 takes a free one")
    parser.add_argument("--packages", action="store_true", help="name the provider plugins of the installed SDKs")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with serve(port=arguments.port, lists_packages=arguments.packages) as port:
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        if arguments.until_stdin_closes:
            threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        ended.wait()


if __name__ == "__main__":
    main()
