"""Which room may import what: ARCHITECTURE.md's table, read from the source. ruff holds the bans that are the same everywhere."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STANDARD = set(sys.stdlib_module_names)


@dataclass(frozen=True)
class Import:
    """One import as the file has it: the top-level name of an absolute one, or the room of blender_pose3d of a relative one."""

    file: Path
    line: int
    package: str
    is_relative: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.package}"


def imports(folder: str) -> Iterator[Import]:
    place = ROOT / folder
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(file, node.lineno, alias.name.split(".")[0], False)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield Import(file, node.lineno, (node.module or "").split(".")[0], False)
            elif isinstance(node, ast.ImportFrom):
                above = file.parents[node.level - 1].relative_to(ROOT).parts
                for name in [node.module] if node.module else [alias.name for alias in node.names]:
                    parts = (*above, *name.split("."))
                    yield Import(file, node.lineno, parts[1] if len(parts) > 1 else parts[0], True)


def absolute(folder: str) -> list[Import]:
    return [item for item in imports(folder) if not item.is_relative]


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("blender_pose3d/core", STANDARD | {"numpy"}),
        ("blender_pose3d/worker", STANDARD),
        (
            "blender_pose3d",
            STANDARD | {"numpy", "bpy", "mathutils", "blf", "bmesh", "gpu", "gpu_extras", "bpy_extras", "addon_utils", "bl_ui"},
        ),
        ("build.py", STANDARD | {"bpy", "blender_pose3d", "tests"}),
    ],
)
def test_only_these_are_imported(folder: str, allowed: set[str]) -> None:
    assert [str(item) for item in absolute(folder) if item.package not in allowed] == []


def test_lifter_knows_neither_blender_nor_the_extension() -> None:
    assert [str(item) for item in absolute("lifter") if item.package in {"bpy", "mathutils", "blender_pose3d"}] == []


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("core", {"worker", "bridge", "ops", "ui", "props", "prefs", "registration", "headless"}),
        ("worker", {"bridge", "ops", "ui", "props", "prefs", "registration", "headless"}),
        ("bridge", {"worker", "ops", "ui", "props", "prefs", "registration", "headless"}),
    ],
)
def test_the_arrows_point_one_way(room: str, never: set[str]) -> None:
    relative = [item for item in imports(f"blender_pose3d/{room}") if item.is_relative]
    assert [str(item) for item in relative if item.package in never] == []


def test_bpy_is_not_imported_before_registration() -> None:
    """`blender_pose3d` and `core` must import in a plain Python."""
    tree = ast.parse((ROOT / "blender_pose3d/__init__.py").read_text(encoding="utf-8"))
    names = [alias.name for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]
    assert names == ["annotations"]


def test_the_reader_of_imports_sees_them() -> None:
    """The tests above would pass on an empty list."""
    assert {"numpy", "torch", "cv2"} <= {item.package for item in absolute("lifter")}
    assert any(item.is_relative and item.package == "core" for item in imports("blender_pose3d/worker"))
