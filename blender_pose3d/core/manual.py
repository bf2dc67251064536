"""The manual as a page for a browser, made from README.md: the little of Markdown that is written there.

Known: headings, paragraphs, lists, tables, fenced code, `code`, **bold**, *italic* and links. Pictures and links to other files
of the repository are left out, since an installed extension does not have them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "h1,h2,h3{line-height:1.2;margin-top:2em}code,pre{background:#f0f0f0;border-radius:4px;padding:.1em .3em}"
    "pre{padding:.8em;overflow:auto}td,th{text-align:left;vertical-align:top;padding:.3em .8em .3em 0}"
    "table{border-collapse:collapse}tr{border-bottom:1px solid #ddd}:target{background:#fff3c4}"
    "@media(prefers-color-scheme:dark){body{background:#1d1d1d;color:#ddd}code,pre{background:#333}tr{border-color:#444}"
    "a{color:#8ab4f8}:target{background:#4a4020}}"
)


def anchor(title: str) -> str:
    """Of a heading, as code forges make it, too."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def headings(text: str) -> list[str]:
    """The titles of a Markdown text's headings, in order; a # in a code block is none."""
    return [match[2] for block in _blocks(text) if (match := re.fullmatch(r"(#{1,6}) (.*)", block))]


def as_html(text: str, *, title: str) -> str:
    body = "\n".join(_as_html(block) for block in _blocks(text))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _blocks(text: str) -> Iterator[str]:
    """Headings, fenced code and what stands between empty lines."""
    lines: list[str] = []
    in_code = False
    for line in [*text.splitlines(), ""]:
        if line.startswith("```"):
            if not in_code and lines:
                yield "\n".join(lines)
                lines = []
            in_code = not in_code
            lines.append(line)
            if not in_code:
                yield "\n".join(lines)
                lines = []
        elif not in_code and (not line.strip() or line.startswith("#")):
            if lines:
                yield "\n".join(lines)
                lines = []
            if line.strip():
                yield line.strip()
        else:
            lines.append(line)
    if lines:
        yield "\n".join(lines)


def _as_html(block: str) -> str:
    if match := re.fullmatch(r"(#{1,6}) (.*)", block):
        level = len(match[1])
        return f'<h{level} id="{anchor(match[2])}">{_inline(match[2])}</h{level}>'
    lines = block.splitlines()
    if block.startswith("```"):
        return f"<pre>{html.escape(chr(10).join(lines[1:-1]))}</pre>"
    if block.startswith("|"):
        rows = [[_inline(cell.strip()) for cell in line.strip().strip("|").split("|")] for line in lines]
        told = [row for row in rows if any(row) and not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
        return f"<table>{''.join(f'<tr>{_cells(row)}</tr>' for row in told)}</table>"
    if match := re.match(r"(\*|\d+\.) ", block):
        kind = "ul" if match[1] == "*" else "ol"
        items = re.split(r"^(?:\*|\d+\.) ", block, flags=re.MULTILINE)[1:]
        return f"<{kind}>{''.join(f'<li>{_inline(item.strip())}</li>' for item in items)}</{kind}>"
    paragraph = _inline(block)
    return f"<p>{paragraph}</p>" if paragraph.strip() else ""


def _cells(row: list[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in row)


def _inline(text: str) -> str:
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)\n?", "", text)
    pieces = re.split(r"`([^`]+)`", text)
    return "".join(f"<code>{html.escape(piece)}</code>" if i % 2 else _marked(piece) for i, piece in enumerate(pieces))


def _marked(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+|#[^)\s]+)\)", r'<a href="\2">\1</a>', text)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*", r"<i>\1</i>", text)
