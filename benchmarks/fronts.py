"""What the sandbox's front adds to a warm request, side by side with plain uvicorn and with MiniStack's HTTP API.

The same app three times with the same settings, asked for `/ready` on one connection, in short turns: by uvicorn; as
the function that `modeshift up` brings up, behind its HTTP API; and as a function of MiniStack's behind its HTTP API,
installed for this run from the package index. Each figure is the median of all turns' requests.
"""

from __future__ import annotations

import argparse
import http.client
import io
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import boto3  # noqa: E402 the project's root has to be on the path first
from rich.console import Console  # noqa: E402

from automation import operations  # noqa: E402
from automation.cloud import Cloud, open_session  # noqa: E402
from automation.project import find_project  # noqa: E402
from automation.rehearse.place import own_place  # noqa: E402
from benchmarks.servers import free_ports, running  # noqa: E402
from sandbox.control.account import Account  # noqa: E402

ADDED_LIMIT = 3.0
"""Milliseconds at the median."""
FASTER_LIMIT = 5.0
MINISTACK = "ministack==1.5.33"
_PATIENCE = 60


def main() -> None:
    """Measure all three, print them, and fail when one of the limits is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--requests", type=int, default=100, help="of each in a turn")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        url, environ = stack.enter_context(_sandbox())
        urls = {
            "uvicorn": stack.enter_context(_uvicorn(environ)),
            "sandbox": url,
            "MiniStack": stack.enter_context(_ministack(environ)),
        }
        taken: dict[str, list[float]] = {name: [] for name in urls}
        for turn in range(-1, arguments.turns):
            for name, url in urls.items():
                seconds = _ask(url, arguments.requests)
                # The first turn warms up.
                taken[name] += seconds if turn >= 0 else []
    medians = {name: statistics.median(seconds) * 1000 for name, seconds in taken.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} ms")
    added, faster = medians["sandbox"] - medians["uvicorn"], medians["MiniStack"] / medians["sandbox"]
    print(f"The sandbox's front adds {added:.2f} ms (limit {ADDED_LIMIT:g} ms).")
    print(f"It is {faster:.1f} times faster than MiniStack's (at least {FASTER_LIMIT:g}).")
    sys.exit(added > ADDED_LIMIT or faster < FASTER_LIMIT)


def _ask(url: str, times: int) -> list[float]:
    """Return how many seconds each of some requests took, one after the other on one connection."""
    parts = urlsplit(url)
    # Names such as `ID.execute-api.localhost` need not resolve; all of it is on this machine.
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=_PATIENCE)
    seconds: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", f"{parts.path}/ready", headers={"host": parts.netloc})
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.perf_counter() - began)
        if (answer.status, body) != (http.client.OK, b'{"status":"ready"}'):
            sys.exit(f"{url} answers {answer.status}: {body.decode()}")
    connection.close()
    return seconds


@contextmanager
def _uvicorn(environ: Mapping[str, str]) -> Iterator[str]:
    [port] = free_ports(1)
    # What a function measures goes to its log.
    here = {"HOST": "127.0.0.1", "PORT": str(port), "METRICS": "emf"}
    with running([sys.executable, "-m", "app"], port, {**environ, **here}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _sandbox() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the URL, and the variables of the function."""
    quiet = Console(quiet=True)
    with (
        own_place(find_project(REPOSITORY), None) as place,
        open_session(place.project, "dev", Cloud.SANDBOX) as session,
    ):
        brought = operations.up(session, quiet)
        if brought.local is None:
            sys.exit(f"dev does not run: {[error.message for error in brought.plan.errors()]}")
        account = Account(place.project.sandbox)
        [function] = (one for one in account.list_resources() if one.type == "aws:lambda/function:Function")
        account.close()
        environment: dict[str, Any] = function.outputs["environment"]
        yield brought.local.url, environment["variables"]


@contextmanager
def _ministack(variables: Mapping[str, str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        install = ["uv", "pip", "install", "--quiet", "--target", folder, MINISTACK]
        subprocess.run([sys.executable, "-m", *install], check=True)
        [port] = free_ports(1)
        environ = {"GATEWAY_PORT": str(port), "PYTHONPATH": folder}
        with running([sys.executable, "-m", "ministack"], port, environ):
            yield _deployed(f"http://127.0.0.1:{port}", variables)


def _deployed(endpoint: str, variables: Mapping[str, str]) -> str:
    """Make a function of the app and an HTTP API before it; return the API's URL."""

    def client(service: str) -> Any:  # noqa: ANN401 boto3 has no types of its own
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - signs for a server that checks nothing
        )

    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for path in sorted((REPOSITORY / "app").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(REPOSITORY))
    function = client("lambda").create_function(
        FunctionName="netprobe",
        # Its functions run on the Python that runs it, whatever this says.
        Runtime=f"python{sys.version_info[0]}.{sys.version_info[1]}",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler.lambda_handler",
        Code={"ZipFile": package.getvalue()},
        Timeout=30,
        Environment={"Variables": dict(variables)},
    )["FunctionArn"]
    apis = client("apigatewayv2")
    api = apis.create_api(Name="netprobe", ProtocolType="HTTP")
    integration = apis.create_integration(
        ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )
    apis.create_route(ApiId=api["ApiId"], RouteKey="$default", Target=f"integrations/{integration['IntegrationId']}")
    apis.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    return str(api["ApiEndpoint"])


if __name__ == "__main__":
    main()
