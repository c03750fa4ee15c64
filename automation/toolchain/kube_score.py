"""kube-score, which checks Kubernetes objects. `python3 -m automation.toolchain.kube_score` checks the chart's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from automation.errors import UserError
from automation.toolchain.go_tool import GoTool
from automation.toolchain.places import ROOT, VENV
from automation.toolchain.work import Steps, say

KUBE_SCORE = GoTool("kube-score", packages=330)
CHART = ROOT / "charts" / "service"

_OPTIONAL = "container-seccomp-profile"


def findings(program: Path, manifest: str) -> str:
    """Return what is critical or worth a warning in a manifest, empty when nothing is."""
    command = [str(program), "score", "--output-format", "ci", "--enable-optional-test", _OPTIONAL, "-"]
    answer = subprocess.run(command, input=manifest, capture_output=True, text=True, check=False)
    if not answer.stdout:
        return answer.stderr.strip() or "kube-score saw nothing to check."
    return "\n".join(line for line in answer.stdout.splitlines() if not line.startswith(("[OK]", "[SKIPPED]")))


def _check(program: Path) -> int:
    for values in sorted(CHART.glob("ci/*-values.yaml")):
        command = [str(VENV / "bin" / "helm"), "template", "chart", str(CHART), "--namespace", "chart"]
        manifest = subprocess.run([*command, "--values", str(values)], stdout=subprocess.PIPE, text=True, check=False)
        if manifest.returncode:
            return manifest.returncode
        if found := findings(program, manifest.stdout):
            say(f"charts/service with {values.name}:\n{found}")
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_check(KUBE_SCORE.ensure(Steps())))
    except UserError as error:
        say(f"{error.message}\n{error.hint}".rstrip())
        sys.exit(int(error.code))
