"""The comment on what pull requests do, word for word; `python -m tests.automation.scenarios` writes them anew."""

from __future__ import annotations

import pytest

from tests.automation.scenarios import GOLDEN, SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_comment_is_the_one_that_was_looked_at(name: str) -> None:
    assert SCENARIOS[name]().comment == (GOLDEN / f"{name}.md").read_text()


def test_no_comment_lies_about_without_a_scenario() -> None:
    assert {path.stem for path in GOLDEN.glob("*.md")} == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_full_text_says_all_that_the_comment_says_in_words(name: str) -> None:
    posted = SCENARIOS[name]()
    whole = "\n".join(posted.summary)
    sentences = [line for line in posted.comment.splitlines() if line.startswith("- ") and "`" in line]
    assert [line for line in sentences if line not in whole] == []
