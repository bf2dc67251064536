"""Every text of the add-on's source that a user may read, with {} where a value stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "blender_pose3d"
# What runs only on a command line, where English is spoken, and what is no text.
_LEFT_OUT = ("batch", "translations", "headless.py", "report.py", "report_page.py")
# Not for a person who uses the add-on: file formats, logs, patterns, faults of a programmer.
_NOT_SHOWN = re.compile(
    r"Frames: .*|Frame Time: .*|\{\}(OFFSET|CHANNELS|End Site|\tOFFSET).*|Traceback .*|\{armature\} \{clip\}|A job runs once\."
    r"|.*Error[|:].*|No space left.*|Permission denied.*|No matching distribution.*|Pose3D in Blender .*|Set-up in .*|Ready: .*"
    r"|Python \{\}: .*|Continuing a set-up.*|\{\}: broke off.*|\{\}: \{\} bytes.*|\{\} is not \{\}|\{\} \{\}",
    re.DOTALL,
)
_CALLS = frozenset({"Evidence", "Pose3DError", "report", "poll_message_set", "label", "draw_message", "message", "translated"})
_KEYWORDS = frozenset({"text", "heading", "hint", "name", "description", "title"})


def message_strings() -> dict[str, str]:
    """Text -> the file that it stands in."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if not any(part in _LEFT_OUT for part in path.relative_to(PACKAGE).parts):
            for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(text, str(path.relative_to(PACKAGE)))
    return found


def _texts(tree: ast.Module) -> Iterator[str]:
    skipped = {id(node) for node in _docstrings(tree)}
    # The pieces of an f-string are not texts of their own.
    skipped |= {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        if isinstance(part, ast.Constant)
    }
    told = {id(value) for node in ast.walk(tree) if isinstance(node, ast.Call) for value in _told(node)}
    for node in ast.walk(tree):
        text = template(node)
        if text is None or id(node) in skipped or not any(c.isalpha() for c in text.replace("{}", "")):
            continue
        if _NOT_SHOWN.fullmatch(text):
            continue
        if (id(node) in told and (" " in text or text[:1].isupper())) or _is_sentence(text):
            yield text


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def _told(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _CALLS:
        yield from call.args
    yield from (keyword.value for keyword in call.keywords if keyword.arg in _KEYWORDS)


def template(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _is_sentence(text: str) -> bool:
    return " " in text.strip() and (text[:1].isupper() or text[:1] in "“'{")
