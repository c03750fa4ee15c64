"""All stacks as one comment that always fits, and as a full text in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from automation.markdown.escape import code, size
from automation.markdown.fit import split
from automation.markdown.inputs import Basis, StackReport
from automation.markdown.listing import Detail
from automation.markdown.overview import overview
from automation.markdown.section import Section
from automation.plan.remarks import noun

COMMENT_LIMIT = 65_536
"""What GitHub takes, in characters; counted here in bytes, which are never fewer."""
SUMMARY_LIMIT = 1_000_000
"""What one step may add to a job summary, in bytes, with room for what else it says."""

MARKER_ROOM = 256

_RESERVED = MARKER_ROOM + 768
_SMALLEST_SECTION = 1_200
_MOST_QUIET = 20


@dataclass(frozen=True)
class Report:
    """What to post."""

    comment: str
    """At most as long as asked for."""
    summary: list[str]
    """Everything, in parts that each fit a job summary; joined with newlines they are the artifact."""


def report(
    stacks: Sequence[StackReport], *, basis: Basis = Basis.LIVE, notice: str = "", limit: int = COMMENT_LIMIT
) -> Report:
    """Return the report on all stacks.

    Args:
        stacks: what is known of each, in the order to show them in.
        basis: what the plans were made against.
        notice: where it happened, when that is not AWS.
        limit: most bytes of the comment with a line of up to `MARKER_ROOM` that its poster puts before it.
    """
    sections = [Section(stack) for stack in stacks]
    top = overview(stacks, basis, notice, limit // 2)
    quiet = _quiet([section.stack.name for section in sections if section.quiet])
    loud = [section for section in sections if not section.quiet]
    whole = [overview(stacks, basis, notice, SUMMARY_LIMIT), *(section.full() for section in loud), quiet]
    return Report(_comment(top, loud, quiet, limit), split(_paragraphs(whole), SUMMARY_LIMIT))


def _comment(top: str, sections: Sequence[Section], quiet: str, limit: int) -> str:
    """Return the comment: the longest section gives way first, one level at a time, until all fit."""
    room = limit - size(top) - size(quiet) - _RESERVED
    order = sorted(range(len(sections)), key=lambda i: sections[i].stack.ok)
    told = [sections[i] for i in sorted(order[: max(1, room // _SMALLEST_SECTION)])]
    share = room // max(1, len(told)) - 2
    levels = [Detail.NO_NOISE] * len(told)
    texts = [section.at(Detail.NO_NOISE, share) for section in told]
    while _length(texts) > room and min(levels) < Detail.ESSENCE:
        place = max((i for i, level in enumerate(levels) if level < Detail.ESSENCE), key=lambda i: size(texts[i]))
        levels[place] = Detail(levels[place] + 1)
        texts[place] = told[place].at(levels[place], share)
    for place, level in enumerate(levels):
        if level is Detail.ESSENCE:
            spare = room - _length(texts)
            texts[place] = told[place].at(level, max(share, size(texts[place]) + spare))
    return _paragraphs([top, *texts, quiet, _left_out(levels, len(sections) - len(told))])


def _length(texts: Sequence[str]) -> int:
    return sum(size(text) + 2 for text in texts)


def _paragraphs(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _quiet(names: Sequence[str]) -> str:
    """Return one line for all stacks about which there is nothing else to say."""
    shown = [code(name) for name in names[:_MOST_QUIET]]
    rest = [f"{noun(len(names) - len(shown), 'more stack')}"] if len(names) > len(shown) else []
    return f"No changes: {', '.join([*shown, *rest])}." if names else ""


def _left_out(levels: Sequence[Detail], untold: int) -> str:
    """Return what a reader of a shortened comment must know."""
    tally = Counter(level for level in levels if level > Detail.NO_NOISE)
    lines = [f"In {noun(tally[level], 'stack')}: without {level.leaves_out}." for level in sorted(tally)]
    lines += [f"{noun(untold, 'more stack')} in the job summary only."] if untold else []
    start = "Shortened to fit a comment; the job summary and the artifact have all of it."
    return f"<sub>{' '.join([start, *lines])}</sub>" if lines else ""
