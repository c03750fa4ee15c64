"""What a cold start costs: from the first import to the first response of the packaged handler.

Side by side in one run with a bare FastAPI app behind Mangum that answers the same JSON from the same dependencies.
Each start is a process of its own, the two take turns, and the ratio is the median of the pairs': a machine that is
slow for a while is slow for both. Like on Lambda, nothing has been compiled before and nothing can be kept: the package
holds no byte code and its folder is read only. A second line measures both with byte code, as in the image.

The package is the one that is deployed, run by Lambda's version of Python on the machine's own architecture. Where
there is no such Python, the same locked dependencies are installed for the one that runs this.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from stacks.bundle import bundle  # noqa: E402 the project's root has to be on the path first
from stacks.wheels import PYTHON_VERSION  # noqa: E402

LIMIT = 1.3

_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "x86_64"}
_BARE = """
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/health")
async def health():
    return {"status": "ok"}


lambda_handler = Mangum(app, lifespan="off")
"""
_EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/health",
    "rawQueryString": "",
    "headers": {"host": "example.com", "x-forwarded-for": "203.0.113.9"},
    "requestContext": {"http": {"method": "GET", "path": "/health", "sourceIp": "203.0.113.9"}, "stage": "$default"},
    "isBase64Encoded": False,
}
_PROGRAM = """
import sys, time
folder, module, event = sys.argv[1:]
sys.path.insert(0, folder)
begun = time.perf_counter()
import importlib
reply = importlib.import_module(module).lambda_handler(eval(event), None)
taken = time.perf_counter() - begun
assert reply["statusCode"] == 200 and reply["body"] == '{"status":"ok"}', reply
print(taken, len(sys.modules), file=sys.stderr)
"""


def main() -> None:
    """Measure both, with and without byte code, print a table, and fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--python", default=f"python{PYTHON_VERSION}", help="an interpreter of Lambda's version")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "package"
        python = _package(folder, options.python)
        (folder / "bare.py").write_text(_BARE)
        rows = [("as the zip, without byte code", *_measure(python, folder, options.runs))]
        subprocess.run([python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", folder], check=False)
        rows.append(("as the image, with byte code", *_measure(python, folder, options.runs)))
    print(f"{'':32}{'modeshift':>22}{'bare':>22}{'ratio':>8}")
    for name, ours, bare in rows:
        print(f"{name:32}{_described(ours):>22}{_described(bare):>22}{_ratio(ours, bare):>8.2f}")
    _, ours, bare = rows[0]
    ratio = _ratio(ours, bare)
    print(f"cold start of the zip: {ratio:.2f} times a bare one (limit {LIMIT})")
    sys.exit(ratio > LIMIT)


def _package(folder: Path, python: str) -> str:
    """Unpack what Lambda would, or its stand-in; return the interpreter that can run it."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if sys.platform == "linux" and architecture and _runs(python):
        with zipfile.ZipFile(bundle(REPOSITORY, architecture).path) as package:
            package.extractall(folder)
        print(f"the {architecture} package on Python {PYTHON_VERSION}")
        return python
    print(f"no {python} here: the same dependencies, installed for Python {platform.python_version()}")
    uv = Path(sys.executable).with_name("uv")
    install = [uv, "pip", "install", "--quiet", "--target", folder, "--python", sys.executable, "--no-compile-bytecode"]
    subprocess.run([*install, "--require-hashes", "--requirements", REPOSITORY / "requirements/app.txt"], check=True)
    shutil.rmtree(folder / "pydantic/v1")  # as both packages do
    shutil.copytree(REPOSITORY / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    return sys.executable


def _runs(python: str) -> bool:
    try:
        said = subprocess.run([python, "--version"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return False
    return said.startswith(f"Python {PYTHON_VERSION}.")


def _measure(python: str, folder: Path, runs: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each start, ours and the bare one's, taken in turns."""
    times: dict[str, list[float]] = {"app.handler": [], "bare": []}
    for _ in range(runs):
        for module, taken in times.items():
            command = [python, "-I", "-B", "-c", _PROGRAM, folder, module, repr(_EVENT)]
            done = subprocess.run(
                command, env={}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
            )
            taken.append(float(done.stderr.split()[-2]))
    return times["app.handler"], times["bare"]


def _ratio(ours: list[float], bare: list[float]) -> float:
    return statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))


def _described(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.0f} ms (best {min(times) * 1000:.0f})"


if __name__ == "__main__":
    main()
