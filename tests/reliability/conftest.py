"""What the reliability tests share: which of them run, and the table at the end.

`pytest.mark.kind("clip")`: the test is one case of that kind. One that tries many says so by the fixture `tried` instead.
`pytest.mark.reliability`: takes too long for every day; runs with `--reliability` (`python3 build.py test --reliability`) only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.table import Outcome, as_markdown, write_between_markers

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "reliability.md"
OUTCOMES = pytest.StashKey[list[Outcome]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reliability")
    group.addoption("--reliability", action="store_true", help="run the long reliability tests too")
    group.addoption("--write", action="store_true", help="write the table into docs/reliability.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = []
    config.addinivalue_line("markers", "reliability: takes too long for every day; runs with --reliability")
    config.addinivalue_line("markers", "kind(name): the test is one case of that kind in the table of the reliability tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long_ones_too = config.getoption("--reliability", default=False)
    left_out = [item for item in items if item.get_closest_marker("reliability") and not long_ones_too]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[[str, str, bool], None]:
    """`tried(kind, name, passed)` enters one case of many that a test tries; the test itself fails where it finds that right."""

    def enter(kind: str, name: str, passed: bool) -> None:
        request.config.stash[OUTCOMES].append(Outcome(kind, name, "passed" if passed else "failed"))

    return enter


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = (yield).get_result()
    kind = item.get_closest_marker("kind")
    if kind and (report.when == "call" or not report.passed):
        item.config.stash[OUTCOMES].append(Outcome(kind.args[0], item.nodeid, report.outcome))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    outcomes = config.stash[OUTCOMES]
    if not outcomes or not config.getoption("--reliability", default=False):
        return
    table = as_markdown(outcomes)
    terminalreporter.section("reliability: cases by kind")
    terminalreporter.write_line(table)
    if config.getoption("--write", default=False):
        write_between_markers(DOCUMENT, table)
        terminalreporter.write_line(f"Wrote the table into {DOCUMENT}.")
