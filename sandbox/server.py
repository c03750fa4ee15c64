"""Serve the sandbox to Pulumi engines: `python -m sandbox.server --account FOLDER`.

The process prints one JSON line, `{"port": N}`, when it is ready; an engine attaches with
`PULUMI_DEBUG_PROVIDERS=aws:N,awsx:N,eks:N,kubernetes:N` in its environment.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from sandbox.control.errors import AccountError

if TYPE_CHECKING:
    import grpc

    from sandbox.control.account import Account

_HOST = "127.0.0.1"
# Remote components hold a worker while their children, served here too, are registered.
_WORKERS = 128
_MESSAGE_BYTES = 400 * 1024 * 1024
_START_SECONDS = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.server", description=__doc__)
    parser.add_argument("--account", type=Path, required=True, help="folder of the account")
    parser.add_argument("--port", type=int, default=0, help="port on the loopback interface; 0 takes a free one")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when the parent process does")
    parser.add_argument("--catalog", type=Path, help="folder of another schema.json and facts/")
    arguments = parser.parse_args(argv)
    try:
        _serve(arguments.account, arguments.port, arguments.catalog, until_stdin_closes=arguments.until_stdin_closes)
    except AccountError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


@contextmanager
def running(account: Path, catalog: Path | None = None) -> Iterator[int]:
    """Run a server as a process of its own and yield its port; it ends with the block or with this process.

    Raises:
        AccountError: The account cannot be used; the message says why and what to do.

    """
    command = [sys.executable, "-m", "sandbox.server", "--account", str(account.resolve()), "--until-stdin-closes"]
    if catalog is not None:
        command += ["--catalog", str(catalog.resolve())]
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A terminal's Ctrl-C is the engine's to handle; it still needs its provider then.
        start_new_session=True,
    )
    log: list[str] = []
    with process:
        stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
        reader.start()
        try:
            ready = stdout.readline()
            if not ready:
                reader.join(_START_SECONDS)
                raise AccountError("".join(log).strip() or f"The sandbox ended at once, with {process.wait()}.")
            yield json.loads(ready)["port"]
        finally:
            stdin.close()
            try:
                process.wait(timeout=_START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def add_to(server: grpc.Server, folder: Path, catalog: Path | None = None) -> Account:
    """Serve an account on a gRPC server that may serve other things too; return the account, to be closed at last."""
    from sandbox.control.account import Account  # noqa: PLC0415
    from sandbox.control.answers import answering  # noqa: PLC0415
    from sandbox.control.facts import Catalog  # noqa: PLC0415
    from sandbox.control.protos import provider_pb2_grpc  # noqa: PLC0415
    from sandbox.control.provider import Provider  # noqa: PLC0415
    from sandbox.works import Works  # noqa: PLC0415

    account = Account(folder)
    # Programs run where this process does, so the code of what they deploy is here.
    provider = Provider(account, Catalog(catalog) if catalog else Catalog(), Works(account, Path.cwd()))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(answering(provider), server)
    return account


def serve_endpoint(account: Account) -> str:
    """Serve the AWS API of an account on a thread of its own; return its URL."""
    from sandbox.control.endpoint import endpoint  # noqa: PLC0415

    server = endpoint(account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def _serve(folder: Path, port: int, catalog: Path | None, *, until_stdin_closes: bool) -> None:
    # Imported here, so that a program that only wants `running` does not load a server.
    import grpc  # noqa: PLC0415

    server = grpc.server(
        ThreadPoolExecutor(_WORKERS),
        options=[
            ("grpc.max_receive_message_length", _MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ],
    )
    account = add_to(server, folder, catalog)
    port = server.add_insecure_port(f"{_HOST}:{port}")
    server.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if until_stdin_closes:
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    stop.wait()
    server.stop(grace=None).wait()
    account.close()


if __name__ == "__main__":
    sys.exit(main())
