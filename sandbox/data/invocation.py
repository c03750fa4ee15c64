"""Run a function of the account once, for real: its own package, its own environment, its own deadline."""

from __future__ import annotations

import json
import logging
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.data import processes
from sandbox.data.environment import described
from sandbox.data.errors import DataError

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_LOG = logging.getLogger(__name__)
_HANDLER = Path(__file__).with_name("handler.py")
_PROCESSORS = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_ARCHIVE_PATH = "path"


@dataclass(frozen=True)
class Outcome:
    """What a call came to; `failed` is what AWS calls a FunctionError, whose payload tells the error."""

    payload: str
    failed: bool = False


def invoke(account: Path, function: Resource, event: str, log: Path, checkout: Path) -> Outcome:
    """Call a function and wait for it; what it writes goes to a log.

    A function that is an image runs the app of `checkout`. Packages that were built for another Python or another
    processor are replaced by those of this environment, and the log says so.

    Raises:
        DataError: It cannot be run here at all.

    """
    job = described(account, function)
    with tempfile.TemporaryDirectory(prefix="modeshift-function-") as place:
        folder = Path(place)
        root, isolated = _unpack(function, folder / "task", log, checkout)
        request, seconds = str(uuid.uuid4()), float(str(function.outputs.get("timeout") or 3))
        environment = {**_surroundings(function, root), **job.environment, "_HANDLER": job.handler}
        answer = folder / "answer.json"
        # Without -I and -S this environment's packages are there too, and nothing else of it.
        command = [sys.executable, *(["-I", "-S"] if isolated else ["-P"]), _HANDLER, answer, request]
        command += [str(function.outputs["arn"]), repr(time.time() + seconds)]
        began = time.monotonic()
        with log.open("a") as output:
            output.write(f"START RequestId: {request} Version: {function.outputs.get('version', '$LATEST')}\n")
            output.flush()
            code = _run([*processes.guard("KILL"), *map(str, command)], environment, event, output, seconds)
            spent = (time.monotonic() - began) * 1000
            output.write(f"END RequestId: {request}\nREPORT RequestId: {request}\tDuration: {spent:.2f} ms\n")
        return _outcome(answer, request, code, seconds)


def _run(command: list[str], environment: Mapping[str, str], event: str, output: Any, seconds: float) -> int | None:  # noqa: ANN401 - an open file
    """Return the exit code of a call; None when its time was up."""
    try:
        done = subprocess.run(
            command,
            input=event.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            timeout=seconds,
            check=False,
            cwd=environment["LAMBDA_TASK_ROOT"],
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def _outcome(answer: Path, request: str, code: int | None, seconds: float) -> Outcome:
    if code is None:
        return _failure("Sandbox.Timedout", f"RequestId: {request} Error: Task timed out after {seconds:.2f} seconds")
    if not answer.exists():
        reason = f"with error: exit status {code}" if code else "without providing a reason"
        return _failure("Runtime.ExitError", f"RequestId: {request} Error: Runtime exited {reason}")
    told = json.loads(answer.read_text())
    if "error" in told:
        return Outcome(json.dumps(told["error"], separators=(",", ":")), failed=True)
    return Outcome(json.dumps(told["result"]))


def _failure(kind: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")), failed=True)


def _unpack(function: Resource, folder: Path, log: Path, checkout: Path) -> tuple[Path, bool]:
    """Return the folder of a function's code, and whether it has all that it needs in it."""
    outputs: dict[str, Any] = function.outputs
    if outputs.get("packageType") == "Image":
        _note(log, f"The image's app is the one in {checkout}.")
        return checkout, False
    code: dict[str, Any] = outputs.get("code") or {}
    package = Path(str(code.get(_ARCHIVE_PATH, "")))
    if not package.is_file():
        message = f"The package of the function {outputs['name']} is not here: {package}. Bring the stack up again."
        raise DataError(message)
    processor = (outputs.get("architectures") or ["x86_64"])[0]
    here = _PROCESSORS.get(platform.machine().lower(), ""), f"python{sys.version_info[0]}.{sys.version_info[1]}"
    fits = (processor, outputs.get("runtime")) == here
    replaced: set[str] = set()
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        if not fits:
            replaced = _installed() & {name.split("/", 1)[0] for name in names}
        archive.extractall(folder, [name for name in names if name.split("/", 1)[0] not in replaced])
    if not fits:
        wanted = f"{outputs.get('runtime')} on {processor}"
        _note(log, f"The package is for {wanted}; {len(replaced)} of its packages are this environment's instead.")
    return folder, fits


def _installed() -> set[str]:
    """Return the top-level names of this environment's packages."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return {path.name for folder in folders for path in Path(folder).iterdir()}


def _surroundings(function: Resource, root: Path) -> dict[str, str]:
    outputs = function.outputs
    name = str(outputs["name"])
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{outputs.get('runtime') or 'image'}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(outputs.get("memorySize") or 128),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(outputs.get("version") or "$LATEST"),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "sandbox",
        "LAMBDA_TASK_ROOT": str(root),
        "LANG": "en_US.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": ":UTC",
    }


def _note(log: Path, text: str) -> None:
    _LOG.info("%s", text)
    with log.open("a") as output:
        output.write(text + "\n")
