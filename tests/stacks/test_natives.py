"""What a package holds of compiled files is what a process loads of them, and still loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asyncpg.protocol.protocol
import pytest

from stacks.natives import loaded

WITH_SYMBOLS = Path(asyncpg.protocol.protocol.__file__)


@pytest.mark.skipif(sys.platform != "linux", reason="what is loaded here is no ELF file")
def test_a_library_without_what_debuggers_read_is_smaller_and_works(tmp_path: Path) -> None:
    content = WITH_SYMBOLS.read_bytes()
    smaller = loaded(content)
    (tmp_path / WITH_SYMBOLS.name).write_bytes(smaller)
    program = (
        "import asyncpg.protocol, importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('asyncpg.protocol.protocol', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(module.Protocol.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / WITH_SYMBOLS.name)], capture_output=True, text=True, check=False
    )

    assert len(smaller) < len(content) / 2
    assert done.stdout == "Protocol\n", done.stderr
    assert loaded(smaller) == smaller


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"print()\n", b"\x7fELF\x01\x01" + bytes(100)])
def test_what_is_no_library_stays_as_it_is(content: bytes) -> None:
    assert loaded(content) == content
