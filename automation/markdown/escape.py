"""Text from outside made harmless: it shows as it is and can neither format, link, mention nor end what holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from automation.plan.remarks import Quoted, Words

NAME = 120
"""Most characters of a name."""
VALUE = 240
"""Most characters of a value."""

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile(r"\s*[\r\n]+\s*")
# What our own sentences consist of; any other character shows that a part of one came from outside.
_OWN_WORDS = re.compile(r"[A-Za-z0-9 .,;:()%×→’-]*")
_INERT = re.compile(r"[^A-Za-z0-9 ,+=/-]")


def size(text: str) -> int:
    """Return a text's length in bytes: however GitHub counts characters, there are never fewer."""
    return len(text.encode(errors="surrogatepass"))


def visible(text: str) -> str:
    """Return a text whose every character shows, line ends apart, and which looks like no HTML comment."""
    if not (text.isascii() and text.isprintable()):
        text = _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text.replace("<!--", "<!\u200b--")


def one_line(text: str, most: int = NAME) -> str:
    """Return a text as one line of at most so many characters."""
    line = text[: 2 * most + 1]
    line = (line if line.isprintable() else _LINE_ENDS.sub(" ", line).replace("\t", " ")).strip()
    return visible(line if len(line) <= most else line[: most - 1] + "…")


def code(text: str, most: int = NAME) -> str:
    """Return a text as a code span, where nothing formats, links or mentions."""
    line = one_line(text, most)
    if not line:
        return "*empty*"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0)) if "`" in line else "`"
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def html_code(text: str, most: int = NAME) -> str:
    """Return a text as code for places where Markdown's own does not hold: table cells and HTML."""
    return f"<code>{_INERT.sub(lambda match: f'&#{ord(match[0])};', one_line(text, most))}</code>"


def sentence(words: Words) -> str:
    """Return a sentence with every part from outside as code."""
    return "".join(
        code(part, VALUE) if isinstance(part, Quoted) or not _OWN_WORDS.fullmatch(part) else part for part in words
    )


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Return lines as a code block whose fence is longer than any in it."""
    body = visible("\n".join(lines))
    longest = max((len(run) for run in re.findall("`{3,}", body)), default=2) if "```" in body else 2
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def details(summary: str, body: str) -> str:
    """Return a part that opens on demand; `summary` is HTML."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def table(header: Iterable[str], alignment: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; `alignment` has a letter per column, `r` for the right."""
    rules = ["--:" if letter == "r" else "---" for letter in alignment]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rules, *rows))
