"""Markdown as a reader sees it: rendered by a CommonMark renderer, then told apart into code and what is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
_CODE = frozenset({"code", "pre"})
_VOID = frozenset({"br", "hr"})


@dataclass
class Rendered(HTMLParser):
    """The tags of a document in their order, its texts outside of code and inside of it."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str | None]] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        (self.code if _CODE & set(self.open) else self.prose).append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def rendered(markdown: str) -> Rendered:
    """Render Markdown and read the HTML back."""
    page = Rendered()
    page.feed(_RENDERER.render(markdown))
    page.close()
    return page
