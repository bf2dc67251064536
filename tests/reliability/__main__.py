"""`python -m tests.reliability [--write] [PYTEST ARGUMENTS]`: all reliability tests, and the table of what they tried."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.exit(pytest.main(["-c", str(HERE.parents[1] / "pyproject.toml"), str(HERE), "--reliability", *sys.argv[1:]]))
