"""The load of a rehearsal: a generator in a process of its own, steered and read from here."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from automation.errors import Exit, UserError
from automation.rehearse.samples import Figures, Sample, figures

CONNECTIONS = 64
REQUEST_SECONDS = 30.0

_ROOT = Path(__file__).resolve().parents[2]
_RISE = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
_STEP_SECONDS = 2.0
_STEPS_OF_A_RATE = 8
"""How many steps a rate may take to become steady: processes start meanwhile."""
_STEPS_THAT_LAST = 4
_SLOW_SECONDS = 0.5
"""A 95th percentile above this is no steady load: more comes than is answered, or something is still starting."""
_ANSWERED = 0.9
_FIRST_SECONDS = 60.0
_LEAST = 1.0


@dataclass
class Load:
    """Requests that are on their way at a rate."""

    process: subprocess.Popen[str]
    rate: float
    samples: list[Sample] = field(default_factory=list[Sample])

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def change(self, rate: float) -> None:
        """Go on at another rate."""
        self.rate = rate
        self._say(f"rate {rate}")

    def stop(self) -> None:
        """Send nothing more, and wait for the answers to what was sent."""
        self._say("stop")
        try:
            self.process.wait(REQUEST_SECONDS * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join()

    def go_on(self, seconds: float) -> None:
        """Let the load be there for some time.

        Raises:
            UserError: the generator has ended.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.2))

    def check(self) -> None:
        """See to it that requests are being sent.

        Raises:
            UserError: the generator has ended.
        """
        if self.process.poll() is not None:
            raise UserError(
                f"What sends the requests ended with code {self.process.returncode}.",
                hint="What it said is above.",
                code=Exit.FAILED,
            )

    def between(self, start: float, end: float) -> list[Sample]:
        """Return the requests that were due in [start, end), seconds since 1970, as far as they have ended."""
        return [one for one in list(self.samples) if start <= one.due < end]

    def close(self) -> None:
        """End the generator, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                # What was to be said to a generator that has ended is of no use to anybody.
                with suppress(BrokenPipeError):
                    pipe.close()

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.check()
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        """Take what the generator tells until it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.samples += [Sample(*row) for row in json.loads(line)]


@contextmanager
def sending(url: str, rate: float) -> Iterator[Load]:
    """Send requests for as long as the block lasts."""
    module = "automation.rehearse.generator"
    options = ["--url", url, "--rate", str(rate), "--connections", str(CONNECTIONS), "--timeout", str(REQUEST_SECONDS)]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # The terminal's Ctrl-C is for the command, which ends this one in order.
        start_new_session=True,
    )
    load = Load(process, rate)
    try:
        yield load
    finally:
        load.close()


def warm_up(load: Load, wanted: float, say: Callable[[str], None]) -> float:
    """Raise the rate to what is wanted, or to what is answered; return the rate that it stays at.

    The first requests start what answers them, and each new rate may start more: a rate is given up only when it did
    not become steady for a while. What was steady for a moment may have been a burst that a throttle let through, so
    the rate that it stays at has to be steady for longer.
    """
    _first_answer(load)
    rates = [max(_LEAST, wanted * share) for share in _RISE]
    refused = next((number for number, rate in enumerate(rates) if not _becomes_steady(load, rate)), len(rates))
    for number in range(refused - 1, 0, -1):
        if _becomes_steady(load, rates[number], _STEPS_THAT_LAST):
            break
        refused = number
    stays = rates[max(0, refused - 1)]
    if stays < wanted:
        load.change(stays)
        say(f"{rates[refused]:.0f} requests a second are more than is answered steadily; going on with {stays:.0f}.")
    return stays


def _first_answer(load: Load) -> None:
    """Wait until something is answered, or failed for good: whatever answers may have to start first."""
    end = time.monotonic() + _FIRST_SECONDS
    while not any(not one.failure for one in list(load.samples)) and time.monotonic() < end:
        load.go_on(_STEP_SECONDS / 4)


def _becomes_steady(load: Load, rate: float, steps: int = 1) -> bool:
    """Tell whether so many steps in a row are steady before it takes too many."""
    row = 0
    for _ in range(_STEPS_OF_A_RATE):
        row = 0 if _behind(_step(load, rate), rate) else row + 1
        if row == steps:
            return True
    return False


def _step(load: Load, rate: float) -> Figures:
    load.change(rate)
    start = time.time()
    load.go_on(_STEP_SECONDS)
    return figures(load.between(start, start + _STEP_SECONDS), _STEP_SECONDS)


def _behind(seen: Figures, rate: float) -> bool:
    # One may still be on its way, which at a low rate is a large share.
    answered = seen.requests - seen.failed + 1
    return answered < _ANSWERED * rate * _STEP_SECONDS or seen.p95 is None or seen.p95 > _SLOW_SECONDS
