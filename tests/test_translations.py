"""Every message in the add-on's source has its German; tests/blender/test_translations.py asks for labels and tooltips."""

from __future__ import annotations

import ast
import importlib.util
import string

import pytest

from tests.message_strings import PACKAGE, message_strings, template


def german() -> dict[str, str]:
    """Without the package around it, which needs Blender."""
    spec = importlib.util.spec_from_file_location("pose3d_german", PACKAGE / "translations" / "de.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.GERMAN


def test_every_message_has_its_german() -> None:
    known = german()
    missing = {text: place for text, place in message_strings().items() if text not in known}
    assert not missing, "not in blender_pose3d/translations/de.py:\n" + "\n".join(f"{p}: {t!r}" for t, p in missing.items())


def test_what_the_engine_warns_of_has_its_german() -> None:
    source = ast.parse((PACKAGE.parent / "lifter" / "cli.py").read_text(encoding="utf-8"))
    warnings = next(node for node in ast.walk(source) if isinstance(node, ast.FunctionDef) and node.name == "_warnings")
    calls = [node for node in ast.walk(warnings) if isinstance(node, ast.Call) and ast.unparse(node.func) == "found.append"]
    said = [template(call.args[0]) for call in calls]
    assert len(said) >= 4 and all(text in german() for text in said), said


def shown_in_the_sidebar() -> dict[str, list[str]]:
    """What stands left and right of the middle of the panels: names of fields; of switches, and of what menus offer."""
    source = ast.parse((PACKAGE / "props.py").read_text(encoding="utf-8"))
    groups = ("Pose3DMotion", "Pose3DOutput", "Pose3DLive", "Pose3DSettings")
    found: dict[str, list[str]] = {"left": [], "right": []}
    for group in (node for node in source.body if isinstance(node, ast.ClassDef) and node.name in groups):
        for field in (node.annotation for node in group.body if isinstance(node, ast.AnnAssign)):
            assert isinstance(field, ast.Call)
            given = {word.arg: word.value for word in field.keywords}
            is_switch = ast.unparse(field.func).endswith("BoolProperty")
            if isinstance(name := given.get("name"), ast.Constant):
                found["right" if is_switch else "left"].append(name.value)
            if isinstance(items := given.get("items"), ast.List):
                offered = [item.elts[1] for item in items.elts if isinstance(item, ast.Tuple)]
                found["right"] += [label.value for label in offered if isinstance(label, ast.Constant)]
    return found


def test_labels_fit_into_a_sidebar_as_wide_as_blender_makes_it() -> None:
    most = {"left": 15, "right": 18}
    shown = {side: [german()[text] for text in texts] for side, texts in shown_in_the_sidebar().items()}
    assert len(shown["left"]) > 20 and len(shown["right"]) > 30
    cut = {text: len(text) for side, texts in shown.items() for text in texts if len(text) > most[side]}
    assert not cut, cut


def test_values_have_their_places() -> None:
    """As many {} in the German as in the English; other braces are part of the text."""
    for english, other in german().items():
        slots = english.count("{}")
        if slots == 0:
            continue
        fields = [name for _, name, _, _ in string.Formatter().parse(other) if name is not None]
        assert len(fields) == slots and set(fields) <= {"", *map(str, range(slots))}, (english, other)
        assert other.format(*"abcdefgh"[:slots]), english


def test_no_text_is_there_twice() -> None:
    tree = ast.parse((PACKAGE / "translations" / "de.py").read_text(encoding="utf-8"))
    table = next(node.value for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict))
    keys = [key.value for key in table.keys if isinstance(key, ast.Constant)]
    assert len(keys) == len(set(keys)), sorted(key for key in set(keys) if keys.count(key) > 1)


@pytest.mark.parametrize("text", ["'{}' is not an armature.", "Choose the video again."])
def test_the_collector_sees_messages(text: str) -> None:
    assert text in message_strings()
