"""What the engine attaches to: the language host, and in the sandbox the providers, on one port of one process.

Prints one JSON line when it is ready: the `port` to attach to and, for the sandbox, the `endpoint` of its AWS API; or
the `problem` that keeps it from starting. Run by `cloud.py` for one command, by `background.py` for many.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from automation.language_host import LanguageHost
from sandbox import attachments
from sandbox.control.errors import AccountError

# Remote components and programs hold a worker while what they register is served here too.
_WORKERS = 128
_GRACE_SECONDS = 3
_MESSAGE_BYTES = 400 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
]


def main() -> int:
    """Serve until told to stop; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--account", type=Path, help="folder of the sandbox's account; without it only programs run")
    parser.add_argument("--program", type=Path, help="folder of the program, which providers run in")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when the parent process does")
    arguments = parser.parse_args()
    if arguments.program is not None:
        # As the engine has it for providers that it starts: a chart's folder may be relative to the program's.
        os.chdir(arguments.program)
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=_OPTIONS)
    host = LanguageHost(lists_packages=arguments.account is None)
    host.add_to(server)
    ready: dict[str, int | str] = {}
    if arguments.account is not None:
        from sandbox.server import add_to, serve_endpoint  # noqa: PLC0415 the sandbox is not loaded for AWS

        try:
            ready["endpoint"] = serve_endpoint(add_to(server, arguments.account))
        except AccountError as problem:
            _say({"problem": str(problem)})
            return 1
    ready["port"] = port = server.add_insecure_port("127.0.0.1:0")
    if arguments.account is not None:
        # Programs that this host runs see it, as they do where the engine runs them.
        os.environ["PULUMI_DEBUG_PROVIDERS"] = attachments(port)
    server.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if arguments.until_stdin_closes:
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    _say(ready)
    stop.wait()
    # An engine that outlives its command still gets the answers to what it asked for.
    server.stop(grace=_GRACE_SECONDS).wait()
    host.stop()
    return 0


def _say(message: Mapping[str, int | str]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
