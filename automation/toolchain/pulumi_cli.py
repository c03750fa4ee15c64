"""The Pulumi CLI: found, else installed by Pulumi's installer, else built from `tools/`. Cached for all checkouts."""

from __future__ import annotations

import shutil
import threading
import urllib.request
from pathlib import Path

from automation.errors import Exit, UserError
from automation.toolchain import go
from automation.toolchain.places import TOOLS, cache
from automation.toolchain.versions import Version, ask, remembered
from automation.toolchain.work import Steps, drafts, run, say

PULUMI_VERSION = "3.259.0"
PULUMI_MINIMUM: Version = (3, 226, 0)
PULUMI_BELOW: Version = (4, 0, 0)

_INSTALLER = "https://get.pulumi.com/install.sh"
_PROBE_SECONDS = 3.0
_INSTALL_SECONDS = 300.0
_BUILD_BYTES = 4 * 1024**3
_PACKAGES = 1700
_VERSION_SYMBOL = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
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
    """Build the CLI; what that takes meanwhile is 3 GB."""
    free = shutil.disk_usage(draft).free
    if free < _BUILD_BYTES:
        raise UserError(
            f"Building the Pulumi CLI needs 4 GB for a few minutes; {draft.parent} has {free / 1024**3:.1f} GB.",
            hint="Free some, or set XDG_CACHE_HOME to a folder on another disk.",
            code=Exit.FAILED,
        )
    go.build(
        TOOLS,
        "cmd/pulumi",
        draft / "installed" / "bin" / "pulumi",
        draft,
        flags=("-ldflags", f"-s -w -X {_VERSION_SYMBOL}=v{PULUMI_VERSION}"),
        packages=_PACKAGES,
        otherwise=_BY_HAND,
    )
