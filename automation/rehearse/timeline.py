"""What happened while the load was there: the command's own steps, and what the sandbox says of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from automation.cloud import Session
from automation.rehearse.report import Happening
from automation.screen import Screen
from automation.shift.report import Report as ShiftReport

_LOOKS_SECONDS = 2.0


class Timeline:
    """Steps as they are noted, and the sandbox's events as they are read."""

    def __init__(self) -> None:
        self._happenings: list[Happening] = []
        self._seen = 0

    def note(self, text: str, level: str = "info") -> None:
        """Keep a step of the command, which happens now."""
        self._happenings.append(Happening(time=time.time(), source="command", text=text, level=level))

    def read(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take those of the sandbox's events that were not there the last time."""
        for event in events:
            if int(event["number"]) <= self._seen:
                continue
            self._seen = int(event["number"])
            self._happenings.append(
                Happening(
                    time=float(event["time"]),
                    source="sandbox",
                    subject=str(event["subject"]),
                    text=str(event["text"]),
                    level=str(event["level"]),
                )
            )

    def between(self, start: float, end: float) -> list[Happening]:
        """Return what happened, the earliest first."""
        return sorted((one for one in self._happenings if start <= one.time <= end), key=lambda one: one.time)


class Steps(ShiftReport):
    """What a shift says, with the times at which it said it."""

    def __init__(self, screen: Screen, timeline: Timeline) -> None:
        super().__init__(screen)
        self._timeline = timeline

    def note(self, event: str, **facts: object) -> None:
        """Keep an event for programs, and its time."""
        super().note(event, **facts)
        self._timeline.note(_said(event, facts), "info" if facts.get("ok", True) else "error")


class Alarms:
    """The alarms that went off meanwhile, by the same call that asks AWS."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.aws_client("cloudwatch")
        self._rang: dict[str, str] = {}
        self._stop = threading.Event()
        self.known = True
        """Whether alarms could be asked for at all."""

    @property
    def rang(self) -> Mapping[str, str] | None:
        """Return the alarms that went off, each with why; None where nobody can say."""
        return dict(self._rang) if self.known else None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the alarms for as long as the block lasts."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and only this asks

        while True:
            try:
                found = self._client.describe_alarms(StateValue="ALARM")["MetricAlarms"]
            except (BotoCoreError, ClientError):
                self.known = False
                return
            for alarm in found:
                self._rang.setdefault(str(alarm["AlarmName"]), str(alarm.get("StateReason") or "no reason given"))
            if self._stop.wait(_LOOKS_SECONDS):
                return


def _said(event: str, facts: Mapping[str, object]) -> str:
    """Return an event of a shift in words."""
    words = {
        "step": f"step {facts.get('step')}: {facts.get('share')} % of the traffic on the new compute",
        "watched": f"step {facts.get('step')} watched: {facts.get('verdict')}, {facts.get('reason')}",
        "rolled-back": f"all traffic went back: {facts.get('reason')}",
        "paused": f"paused at step {facts.get('step')}: {facts.get('reason')}",
        "stopped": f"stopped before any traffic had moved: {facts.get('reason')}",
        "removed": "the old compute is removed",
    }
    return words.get(event, event)
