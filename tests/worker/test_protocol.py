from __future__ import annotations

import json

import pytest

from blender_pose3d.worker.protocol import Error, Garbage, Progress, Result, Start, Unknown, Warning_, parse_line


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ('{"event": "start", "protocol": 1, "command": "infer", "stages": ["detect"]}', Start(1, "infer", ("detect",))),
        ('{"event": "progress", "stage": "detect", "done": 12, "total": 300}\n', Progress("detect", 12, 300)),
        ('{"event": "progress", "stage": "detect", "done": 12, "total": null, "fps": 3}', Progress("detect", 12, None)),
        ('{"event": "warning", "message": "é"}', Warning_("é")),
        ('{"event": "result", "output": "a.npz", "summary": {"frames": 3}}', Result("a.npz", {"frames": 3})),
        ('{"event": "error", "message": "No.", "hint": "Do."}', Error("No.", "Do.")),
        ('{"event": "error", "message": "No.", "hint": null}', Error("No.", "")),
        ('{"event": "later", "x": 1}', Unknown("later")),
        ("", None),
        ("  \n", None),
    ],
)
def test_lines(line, event):
    assert parse_line(line) == event


@pytest.mark.parametrize(
    "line",
    [
        "I0000 12:00 graph started",
        "{",
        "[1]",
        "null",
        "{}",
        '{"event": null}',
        '{"event": "start"}',
        '{"event": "start", "protocol": "x", "stages": []}',
        '{"event": "start", "protocol": 1, "stages": "detect"}',
        '{"event": "progress", "stage": "detect"}',
        '{"event": "progress", "stage": "detect", "done": NaN, "total": 1}',
        '{"event": "progress", "stage": "detect", "done": -1, "total": 1}',
        '{"event": "progress", "stage": "detect", "done": true, "total": 1}',
        '{"event": "progress", "stage": ["detect"], "done": 1, "total": 1}',
        '{"event": "start", "protocol": 1e999, "stages": []}',
        '{"event": "result", "output": null}',
        '{"event": "result", "output": "a", "summary": [1]}',
        "[" * 100_000,
    ],
)
def test_rubbish_never_raises(line):
    event = parse_line(line)
    assert isinstance(event, Garbage) and line.startswith(event.text[:400])


def test_long_rubbish_is_cut():
    assert len(parse_line("x" * 10_000).text) == 500


def test_every_example_of_the_contract_is_understood():
    """The lines in ARCHITECTURE.md are what the worker's authors write against."""
    from pathlib import Path

    text = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith('{"event"')]
    assert len(lines) == 5
    for line in lines:
        data, _end = json.JSONDecoder().raw_decode(line.replace("{…}", "{}"))
        assert not isinstance(parse_line(json.dumps(data)), Garbage | Unknown | None), line
