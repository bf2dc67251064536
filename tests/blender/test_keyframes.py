"""What keying leaves alone, and how the keys lie, in every Blender."""

from __future__ import annotations

import re
from pathlib import Path

CHECKS = Path(__file__).with_name("keyframe_checks.py")


def test_keyframes(run_in_blender, tmp_path):
    done = run_in_blender(CHECKS, tmp_path)
    assert "FAILED" not in done.stdout and done.returncode == 0, done.stdout[-6000:]
    listed = re.findall(r"^    (\w+),$", CHECKS.read_text(encoding="utf-8").partition("\nCHECKS")[2], re.MULTILINE)
    assert listed and re.findall(r"^ok (\w+)$", done.stdout, re.MULTILINE) == listed, done.stdout
