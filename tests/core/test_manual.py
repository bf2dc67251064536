"""The manual's page, made from README.md."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from blender_pose3d.core.manual import anchor, as_html, headings

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Fails where a tag is not closed; ids and text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.ids += [value or "" for name, value in attributes if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def test_the_readme_is_whole() -> None:
    page = Page(as_html(README, title="Pose3D"))
    assert page.ids == [anchor(title) for title in headings(README)] and len(set(page.ids)) == len(page.ids) > 12
    words = "".join(page.words)
    for told in ("Import Pose From Video", "python3 build.py demo", "pose3d_confidence", "where the motion begins"):
        assert told.replace(" ", "") in words, told
    assert "**" not in words and "](" not in words and "docs/pictures" not in words


def test_each_kind_of_block() -> None:
    text = "# A & B\n\n* one **two**\n* `a<b`\n\n1. first\n2. second\n\n| | |\n|---|---|\n| *x* | y |\n\n"
    text += "```\n# no heading *\n```\n[a](https://b.invalid) [c](d.md)\n"
    page = as_html(text, title="t")
    assert headings(text) == ["A & B"]
    for part in (
        '<h1 id="a-b">A &amp; B</h1>',
        "<ul><li>one <b>two</b></li><li><code>a&lt;b</code></li></ul>",
        "<ol><li>first</li><li>second</li></ol>",
        "<table><tr><td><i>x</i></td><td>y</td></tr></table>",
        "<pre># no heading *</pre>",
        '<p><a href="https://b.invalid">a</a> c</p>',
    ):
        assert part in page, (part, page)
    assert not re.search(r"<script|javascript:", as_html("<script>x</script> [a](javascript:x)", title="t"))
