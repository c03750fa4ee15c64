"""One stack's part of a report: what changes in words, then on demand every change, cost, policy and drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from automation.markdown.escape import VALUE, code, details, fenced, html_code, one_line, sentence, size
from automation.markdown.extras import (
    cost_details,
    cost_words,
    drift_details,
    drift_words,
    policy_details,
    policy_words,
)
from automation.markdown.fit import fit
from automation.markdown.inputs import StackReport
from automation.markdown.listing import Detail, heading, listing
from automation.plan import Op, Plan
from automation.plan.remarks import Gravity, Remark, noun, remarks

_MARK = {Gravity.DANGER: "🛑 ", Gravity.WARNING: "⚠️ ", Gravity.NOTE: ""}
_REMARKS_LIMIT = 12_000
_DIAGNOSTICS_LIMIT = 6_000
_LONGEST_LINE = 1_000
_FULL_VALUE = 2_000
_UNBOUNDED = 1 << 30


@dataclass(frozen=True)
class Section:
    """Renders one stack at any level of detail."""

    stack: StackReport

    @cached_property
    def remarks(self) -> list[Remark]:
        return remarks(self.stack.plan)

    @cached_property
    def decisive(self) -> list[str]:
        """What fails a preview or asks for a decision; it comes first and is never left out."""
        stack = self.stack
        return [*policy_words(stack.policies), *cost_words(stack.cost), *drift_words(stack.drift)]

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say but that nothing changes."""
        return self.stack.ok and not self.stack.changes and not self.remarks and not self.decisive

    def full(self) -> str:
        """Return everything there is to say."""
        return self._joined(Detail.ALL, _FULL_VALUE, _UNBOUNDED)

    def at(self, detail: Detail, limit: int) -> str:
        """Return the section at a level of detail; at the last one it has at most `limit` bytes."""
        if detail < Detail.ESSENCE:
            return self._joined(detail, VALUE, 1)
        essence, title = list(self._essence()), self._title()

        def rest(left: int) -> str:
            tally = Counter(what for what, _ in essence[-left:])
            return f"- … and {left} more: {', '.join(f'{count} {what}' for what, count in tally.items())}"

        return "\n".join([title, "", *fit([line for _, line in essence], limit - size(title) - 2, rest)])

    def _joined(self, detail: Detail, most: int, scale: int) -> str:
        words = [*self.decisive, *fit(self._words(detail), _REMARKS_LIMIT * scale, lambda left: f"- … and {left} more")]
        parts = [self._title(), *self._failure(scale), "\n".join(words), *self._details(detail, most)]
        return "\n\n".join(part for part in parts if part)

    def _title(self) -> str:
        return f"### {code(self.stack.name)}{'' if self.stack.ok else ': the preview failed'}"

    def _failure(self, scale: int) -> Iterator[str]:
        if self.stack.ok:
            return
        yield "❌ **This is not complete**: the preview ended with an error, so more may change than is shown."
        if errors := _messages(self.stack.plan):
            yield fenced(fit(errors, _DIAGNOSTICS_LIMIT * scale, lambda left: f"… and {noun(left, 'more line')}"))

    def _words(self, detail: Detail) -> list[str]:
        shown = [one for one in self.remarks if detail < Detail.NO_NOTES or one.gravity is not Gravity.NOTE]
        lines = list(_bullets(shown))
        if left := len(self.remarks) - len(shown):
            lines.append(f"- {noun(left, 'note')} left out")
        return lines

    def _details(self, detail: Detail, most: int) -> Iterator[str]:
        plan = self.stack.plan
        if self.stack.changes:
            counts = plan.counts()
            tally = [f"{counts[op]} to {op}" for op in (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE) if counts[op]]
            summary = f"All changes of {html_code(self.stack.name)}: {', '.join(tally)}"
            yield details(summary, fenced(listing(plan, detail, most), "diff"))
        if detail < Detail.NO_NOTES:
            yield from cost_details(self.stack.cost)
            yield from policy_details(self.stack.policies)
            yield from drift_details(self.stack.drift, most)

    def _essence(self) -> Iterator[tuple[str, str]]:
        """Yield what is never left out before anything else is, gravest first, each with what it counts as."""
        plan = self.stack.plan
        by_gravity = {gravity: [one for one in self.remarks if one.gravity is gravity] for gravity in Gravity}
        if not self.stack.ok:
            yield "lines of errors", "❌ **This is not complete**: the preview ended with an error."
            yield from (("lines of errors", f"- ❌ {code(line, VALUE)}") for line in _messages(plan))
        yield from (("decisions", line) for line in self.decisive)
        yield from (("dangers", line) for line in _bullets(by_gravity[Gravity.DANGER]))
        for op, what in ((Op.REPLACE, "replacements"), (Op.DELETE, "deletions")):
            gone = sorted((c for c in plan.changed() if c.op is op), key=lambda c: (not c.destructive, c.type, c.name))
            yield from ((what, f"- {code(heading(change), VALUE)}") for change in gone)
        yield from (("warnings", line) for line in _bullets(by_gravity[Gravity.WARNING]))


def _bullets(found: Iterable[Remark]) -> Iterator[str]:
    return (f"- {_MARK[one.gravity]}{sentence(one.words)}" for one in found)


def _messages(plan: Plan) -> list[str]:
    """Return the lines of each error once, with the resource it is about."""
    seen: dict[str, None] = {}
    for error in plan.errors():
        name = error.urn.rsplit("::", 1)[-1] if error.urn and "pulumi:pulumi:Stack" not in error.urn else ""
        seen[f"{one_line(name)}: {error.message}" if name else error.message] = None
    return [line[:_LONGEST_LINE] for message in seen for line in message.splitlines()]
