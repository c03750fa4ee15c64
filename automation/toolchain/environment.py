"""The Python environment: uv, `.venv` as the lock file says, and the project itself in it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from automation.errors import Exit, UserError
from automation.toolchain.places import REQUIREMENTS, ROOT, VENV, cache
from automation.toolchain.versions import Version, ask, show
from automation.toolchain.work import Steps, drafts, run, say

PYTHON_MINIMUM: Version = (3, 11)
UV_MINIMUM: Version = (0, 8)

_STAMP = VENV / ".modeshift"
_INPUTS = (REQUIREMENTS / "dev.txt", ROOT / "pyproject.toml")
_COMPILED = (
    *("boto3", "botocore", "google", "grpc", "pulumi", "pulumi_awsx", "pulumi_docker", "pulumi_docker_build"),
    *("pydantic", "rich", "typer", "yaml"),
)


def require_python() -> None:
    """Refuse an interpreter that is too old.

    Raises:
        UserError: it is.
    """
    if sys.version_info < PYTHON_MINIMUM:
        raise UserError(
            f"Modeshift needs Python {show(PYTHON_MINIMUM)} or newer; this is {show(sys.version_info[:3])} "
            f"({sys.executable}).",
            hint="Install a newer Python and name it, for example: make PYTHON=python3.12 up",
        )


def fingerprint() -> str:
    """Return what the environment depends on: the lock, the project file, the Python version and its own place."""
    digest = hashlib.sha256(f"{VENV}\n{show(sys.version_info[:3])}\n".encode())
    for path in _INPUTS:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def ready() -> bool:
    """Tell whether the environment is what the lock file says, by the stamp set-up leaves when it is done."""
    try:
        return os.access(VENV / "bin" / "python", os.X_OK) and _STAMP.read_text() == fingerprint()
    except OSError:
        return False


def ensure(steps: Steps) -> None:
    """Make the environment what the lock file says.

    Raises:
        UserError: the lock file is missing or broken, or a package cannot be had.
    """
    if ready():
        return
    for path in _INPUTS:
        if not path.is_file():
            raise UserError(f"{path.relative_to(ROOT)} is missing.", hint="Restore it: git checkout -- requirements")
    uv = find_uv() or _install_uv(steps)
    with steps.step("Python environment"):
        _STAMP.unlink(missing_ok=True)
        if (ask(VENV / "bin" / "python", ["--version"]) or ())[:2] != sys.version_info[:2]:
            run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)])
        pip = [str(uv), "pip"]
        target = ["--quiet", "--python", str(VENV / "bin" / "python")]
        run(
            [*pip, "sync", *target, "--require-hashes", str(_INPUTS[0])],
            env=index(),
            progress=lambda _: "installing locked packages",
        )
        run([*pip, "install", *target, "--no-deps", "--editable", str(ROOT)], env=index())
    with steps.step("Byte code"):
        _compile()
    _STAMP.write_text(fingerprint())


def find_uv() -> Path | None:
    """Return a uv that is new enough: on PATH, or the one set-up installed. The environment's own may be replaced."""
    on_path = shutil.which("uv")
    candidates = [Path(on_path)] if on_path else []
    candidates.append(_uv())
    return next((uv for uv in candidates if (ask(uv, ["--version"]) or ()) >= UV_MINIMUM), None)


def drifted() -> list[str]:
    """Return the locked packages that the environment lacks or has in another version."""
    installed = {_normal(folder.stem) for folder in VENV.glob("lib/python*/site-packages/*.dist-info")}
    return [f"{name}=={version}" for name, version in _locked() if _normal(f"{name}-{version}") not in installed]


def locked_version(package: str) -> str:
    """Return the version of a package in the lock file, empty when it is not there."""
    return dict(_locked()).get(package, "")


def _locked() -> list[tuple[str, str]]:
    """Return name and version of every package that is locked for all platforms."""
    try:
        return re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+) \\$", _INPUTS[0].read_text(), re.MULTILINE)
    except OSError:
        return []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _install_uv(steps: Steps) -> Path:
    """Install uv for all checkouts, with this Python's pip or, where it has none, with that of a passing venv."""
    target = _uv()
    with steps.step("uv"), drafts(target.parent.parent) as draft:
        pip = [sys.executable, "-m", "pip"]
        if find_spec("pip") is None:
            pip[0] = str(draft / "venv" / "bin" / "python")
            _make_venv(draft / "venv")
        options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--target", str(draft / "uv")]
        run(
            [*pip, "install", *options, "--requirement", str(REQUIREMENTS / "uv.txt")],
            progress=lambda _: "downloading uv",
        )
        target.parent.mkdir(exist_ok=True)
        (draft / "uv" / "bin" / "uv").replace(target)
    return target


def _uv() -> Path:
    return cache() / "uv" / "bin" / "uv"


def _make_venv(folder: Path) -> None:
    try:
        run([sys.executable, "-m", "venv", str(folder)])
    except UserError as error:
        raise UserError(
            f"This Python has neither pip nor a working venv:\n{error.message}",
            hint="Install uv, or the venv package of this Python (Debian, Ubuntu: apt install python3-venv).",
            code=Exit.FAILED,
        ) from error


def index() -> dict[str, str]:
    """Let uv use the package index and certificates that pip was told to use, unless it was told otherwise."""
    pairs = (("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), ("SSL_CERT_FILE", "PIP_CERT"))
    return {uv: os.environ[pip] for uv, pip in pairs if pip in os.environ and uv not in os.environ}


def _compile() -> None:
    """Compile what every command imports: a preview starts 2.5 s sooner, even where Python may not write byte code."""
    packages = next(VENV.glob("lib/python*/site-packages"))
    aws = packages / "pulumi_aws"
    wanted = [packages / name for name in _COMPILED] + [aws / name for name in sorted(_imported_services())]
    present = [str(path) for path in [*wanted, *sorted(aws.glob("*.py"))] if path.exists()]
    if not present:
        return
    try:
        run([str(VENV / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", *present])
    except UserError as error:
        say(f"  Commands will start slower: {error.message}")


def _imported_services() -> set[str]:
    """Return the parts of pulumi_aws that the program imports, `from pulumi_aws import ec2` or `aws.ec2`."""
    sources = [path.read_text() for room in ("components", "stacks") for path in (ROOT / room).rglob("*.py")]
    text = "\n".join(sources)
    listed = " ".join(re.findall(r"^from pulumi_aws import (.+)$", text, re.MULTILINE))
    return {*re.findall(r"\w+", listed), *re.findall(r"\baws\.(\w+)", text)}
