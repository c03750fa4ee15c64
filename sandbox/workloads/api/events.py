"""CloudWatch Logs' call for the events of a group."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from sandbox.workloads.api.filters import filter_of
from sandbox.workloads.api.protocol import AwsError, Call
from sandbox.workloads.api.view import View

if TYPE_CHECKING:
    from sandbox.workloads.logs import Line

_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_MOST = 10_000
_PODS = re.compile(r"/aws/containerinsights/[^/]+/application")
_TOKEN = re.compile(r"(\d+)\.(\d+)")


async def filter_log_events(view: View, call: Call) -> dict[str, Any]:
    """Answer FilterLogEvents: a page may be empty and yet not be the last, as on AWS."""
    group = str(
        call.parameters.get("logGroupName") or call.parameters.get("logGroupIdentifier", "").rpartition("log-group:")[2]
    )
    logs = view.context.logs
    if group not in logs.groups() and not any(one.outputs.get("name") == group for one in view.snapshot.of(_GROUP)):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    matches = filter_of(call.parameters.get("filterPattern", ""))
    start, seen = _place(call)
    end, most = call.parameters.get("endTime"), int(call.parameters.get("limit", _MOST))
    before = float("inf") if end is None else (int(end) + 1) / 1000
    lines = logs.read(
        group, start=start / 1000, stream=call.parameters.get("logStreamNamePrefix", ""), limit=seen + most, end=before
    )
    page = lines[seen:]
    events = [event for line in page if matches((event := _event(line))["message"])]
    streams = call.parameters.get("logStreamNames")
    answer: dict[str, Any] = {
        "events": [event for event in events if not streams or event["logStreamName"] in streams],
        "searchedLogStreams": [],
    }
    if len(page) == most:
        last = _milliseconds(page[-1])
        same = sum(_milliseconds(line) == last for line in lines)
        answer["nextToken"] = f"{last}.{same}"
    return answer


def _place(call: Call) -> tuple[int, int]:
    """Return from which time on to read, and how many of the first lines have been seen before."""
    token = call.parameters.get("nextToken")
    if token is None:
        return int(call.parameters.get("startTime", 0)), 0
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(found[1]), int(found[2])


def _event(line: Line) -> dict[str, Any]:
    time = _milliseconds(line)
    stream, message = _of_pod(line) if _PODS.fullmatch(line.group) else (line.stream, line.text)
    named = hashlib.sha256(f"{line.stream}\0{line.time!r}\0{line.text}".encode(errors="surrogatepass")).hexdigest()
    return {
        "eventId": named,
        "logStreamName": stream,
        "message": message,
        "timestamp": time,
        "ingestionTime": time,
    }


def _of_pod(line: Line) -> tuple[str, str]:
    """Return stream and record as Fluent Bit of Container Insights writes them for a line of a container."""
    namespace, pod, container = ([*line.stream.split("/"), "", "", ""])[:3]
    record = {
        "log": line.text,
        "kubernetes": {"pod_name": pod, "namespace_name": namespace, "container_name": container},
    }
    return f"application.var.log.containers.{pod}_{namespace}_{container}.log", json.dumps(record)


def _milliseconds(line: Line) -> int:
    return int(line.time * 1000)


ANSWERS = {("logs", "FilterLogEvents"): filter_log_events}
