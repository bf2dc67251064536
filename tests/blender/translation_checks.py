"""Runs inside a Blender: `translation_checks.py -- CHECK…`. Prints a line for each check, ends with 0 when all hold.

Not collected by pytest; test_translations.py starts it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d import translations  # noqa: E402
from blender_pose3d.bridge.rig_reader import choose_mapping  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.preset import ROLES  # noqa: E402
from blender_pose3d.core.review import Row, faults, title_of  # noqa: E402
from blender_pose3d.translations.de import GERMAN  # noqa: E402
from blender_pose3d.ui import message  # noqa: E402
from tests.blender import addon_checks, rig_builders, script  # noqa: E402
from tests.message_strings import message_strings  # noqa: E402

_TOOLTIP = None
_OWN_CONTEXT = {"text": "text_ctxt", "heading": "heading_ctxt"}


def shown_by_blender(registration: ModuleType) -> Iterator[tuple[str, str, str | None]]:
    """(where, text, translation context, None for a tooltip) of the labels and tooltips of the registered classes."""
    for cls in registration._CLASSES:
        rna = cls.bl_rna
        if issubclass(cls, bpy.types.Operator):
            rna = getattr(bpy.ops.pose3d, cls.bl_idname.split(".")[1]).get_rna_type()
            yield cls.__name__, cls.bl_label, rna.translation_context
            yield cls.__name__, rna.description, _TOOLTIP
        elif issubclass(cls, bpy.types.Panel | bpy.types.Menu):
            yield cls.__name__, cls.bl_label, getattr(cls, "bl_translation_context", "*")
            yield cls.__name__, getattr(cls, "bl_description", ""), _TOOLTIP
        bases = [
            base
            for base in cls.__mro__
            if base.__module__ in ("bpy_types", "_bpy_types", "bpy.types") and hasattr(base, "bl_rna")
        ]
        inherited = {prop.identifier for base in bases for prop in base.bl_rna.properties}
        for prop in cls.bl_rna.properties:
            # What has no tooltip is shown without its name, too.
            if prop.identifier in inherited or prop.is_hidden or not prop.description:
                continue
            where = f"{cls.__name__}.{prop.identifier}"
            yield where, prop.name, prop.translation_context
            yield where, prop.description, _TOOLTIP
            if prop.type == "ENUM":
                for item in prop.enum_items:
                    yield where, item.name, prop.translation_context
                    yield where, item.description, _TOOLTIP


def drawn(package: Path) -> Iterator[tuple[str, str, str | None]]:
    """(where, text, translation context) of what the panels draw by themselves."""
    for path in sorted((package / "ui").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
            given |= {k.arg: translations.OWN_CONTEXT for k in node.keywords if ast.unparse(k.value) == "OWN_CONTEXT"}
            for name, own in _OWN_CONTEXT.items():
                if any(c.isalpha() for c in str(given.get(name) or "")) and given.get("translate") is not False:
                    yield path.name, given[name], given.get(own) or ("Operator" if node.func.attr == "operator" else "*")


def check_every_label_and_tooltip() -> None:
    with addon_checks.registered():
        from blender_pose3d import registration

        texts = [(where, text) for where, text, _ in shown_by_blender(registration) if any(c.isalpha() for c in text)]
        assert len(texts) > 150, len(texts)
        missing = sorted({f"{where}: {text!r}" for where, text in texts if text not in GERMAN})
        assert not missing, "not in blender_pose3d/translations/de.py:\n" + "\n".join(missing)
        used = {text for _, text in texts} | set(message_strings())
        stale = sorted(text for text in GERMAN if text not in used and not _is_a_part(text))
        print(f"{len(texts)} labels and tooltips; in the table and found nowhere: {stale}")


def shown_otherwise(registration: ModuleType, table: Mapping[str, str]) -> list[str]:
    """Labels and tooltips that Blender shows in other words than the table's, in the language that it speaks now."""
    spoken, wrong = bpy.app.translations, []
    for where, text, context in (*shown_by_blender(registration), *drawn(Path(registration.__file__).parent)):
        shown = spoken.pgettext_tip(text) if context is _TOOLTIP else spoken.pgettext_iface(text, context)
        if text in table and shown != table[text]:
            wrong.append(f"{where}: {text!r} in {context!r} is {shown!r}, not {table[text]!r}")
    return wrong


def _is_a_part(text: str) -> bool:
    """Of a message, filled in by the code: it begins in lower case or with a space."""
    return text[:1].islower() or text[:1] == " "


def check_messages_with_values() -> None:
    def german(text: str) -> str:
        return translations.in_language(text, "de_DE")

    assert german("Made the action “Held Gang”, frames 1 to 42, preset Rigify.") == (
        "Die Aktion „Held Gang“ wurde gemacht, Bilder 1 bis 42, Vorgabe Rigify."
    )
    assert german("Made the action “A”, frames 1 to 42, preset B. The scene stops before that, at frame 9.") == (
        "Die Aktion „A“ wurde gemacht, Bilder 1 bis 42, Vorgabe B. Die Szene endet davor, bei Bild 9."
    )
    assert german("Made the action “A B”, frames 1 to 42. The scene stops before that, at frame 9.") == (
        "Die Aktion „A B“ wurde gemacht, Bilder 1 bis 42. Die Szene endet davor, bei Bild 9."
    )
    assert german("Made the action “A B”, frames 1 to 42.") == "Die Aktion „A B“ wurde gemacht, Bilder 1 bis 42."
    assert german("2026-01-02 03:04, 27 frames, 0.1 MB") == "2026-01-02 03:04, 27 Bilder, 0.1 MB"
    assert german("The motion engine is not set up.") == "Der Bewegungsrechner ist nicht eingerichtet."
    assert german("No clip is chosen.\nNothing of ours.") == "Es ist kein Clip gewählt.\nNothing of ours."
    assert german("The end of its log:\nline 1\nline 2") == "Das Ende seines Protokolls:\nline 1\nline 2"
    assert translations.in_language("No clip is chosen.", "fr_FR") == "No clip is chosen."
    assert translations.in_language("No clip is chosen.", "de") == "Es ist kein Clip gewählt."


def check_the_table_of_bones_is_german() -> None:
    """What plays a part of the body, and why: by a preset, by names and by shape."""
    english = re.compile(r"\b(the|of|is|and|one|names|where|show|sure|left|right|arms?|legs?|hips)\b", re.IGNORECASE)
    for role in ROLES:
        assert title_of(role) in GERMAN, title_of(role)
    for build in ("plain", "a_pose"):
        for named in (True, False):
            figure = rig_builders.build(build)
            if not named:
                for number, bone in enumerate(figure.data.bones):
                    bone.name = f"b{number}"
            mapping = choose_mapping(figure, preset="auto", presets_folder=ROOT / "rigs")
            for row in mapping.rows():
                text = f"{GERMAN[title_of(row['role'])]}: 100% sure: {row['reason']}."
                said = re.sub(r"„.*?“|'.*?'|Vorgabe .* nennt", "", translations.in_language(text, "de_DE"))
                assert not english.search(said), (text, said)
    assert {row["how"] for row in mapping.rows() if row["bone"]} == {"shape"}
    empty = [fault.sentence for fault in faults([Row(role, "") for role in ROLES], ["b0"])]
    roles = ", ".join(role.replace("_", " ") for role in ROLES if "_" in role)
    for text in (*empty, f"The source has no bone for: {roles}."):
        said = translations.in_language(text, "de_DE")
        assert not english.search(said), (text, said)


def check_errors_and_polls_are_said_in_the_language() -> None:
    from blender_pose3d.core import errors

    error = Pose3DError("No clip is chosen.", hint="Choose the video again.")
    with addon_checks.registered():
        assert error.sentence == "No clip is chosen. Choose the video again.", "no German Blender here"
        errors.say_in(lambda text: translations.in_language(text, "de_DE"))
        assert (
            error.sentence == "Es ist kein Clip gewählt. Das Video noch einmal wählen." and error.message == "No clip is chosen."
        )
    assert error.sentence == "No clip is chosen. Choose the video again.", "given back"
    said: list[str] = []

    class Operator:
        poll_message_set = staticmethod(said.append)

    for _ in range(2):
        translations.with_translated_polls(Operator)
    before, translations.translated = translations.translated, lambda text: translations.in_language(text, "de_DE")
    try:
        Operator.poll_message_set("There is no scene")
    finally:
        translations.translated = before
    assert said == ["Es gibt keine Szene"]


def check_blender_knows_the_words() -> None:
    """Registered and taken back: Blender refuses a second registration of the same name, where it knows languages at all."""
    if not bpy.app.build_options.international:
        return
    with addon_checks.registered():
        pass
    with addon_checks.registered():
        try:
            bpy.app.translations.register(translations._NAME, {})
        except ValueError:
            pass
        else:
            raise AssertionError("the texts were not registered")


def check_blender_shows_the_tables_words() -> None:
    """Where its own catalogue has another translation of a word, too."""
    if not bpy.app.build_options.international:
        return
    with addon_checks.registered():
        from blender_pose3d import registration

        view = bpy.context.preferences.view
        view.language, view.use_translate_interface, view.use_translate_tooltips = "de_DE", True, True
        try:
            wrong = shown_otherwise(registration, GERMAN)
        finally:
            view.language = "en_US"
        assert not wrong, "\n".join(wrong)


def check_every_panel_has_a_question_mark() -> None:
    """Each opens the manual at a section that there is, and F1 over an operator or a setting does, too."""
    from blender_pose3d.ops import manual

    manifest = addon_checks.test_folder() / "blender_manifest.toml"
    assert manual.read_website(manifest) == ""
    manifest.write_text('id = "pose3d"\nwebsite = "https://pose3d.invalid/manual/"\n')
    assert manual.read_website(manifest) == "https://pose3d.invalid/manual"
    with addon_checks.registered(), addon_checks.variable("POSE3D_HOME", str(addon_checks.test_folder())):
        from blender_pose3d import registration

        panels = [cls for cls in registration._CLASSES if issubclass(cls, bpy.types.Panel)]
        assert len(panels) >= 8 and all(hasattr(panel, "draw_header_preset") for panel in panels)
        page = manual.page().read_text(encoding="utf-8")
        sections = {panel.bl_label for panel in panels} | {section for _, section in manual._SECTIONS} | {manual.INSTALLATION}
        missing = [section for section in sections if f'id="{manual.url_of(section).partition("#")[2]}"' not in page]
        assert not missing, missing
        at_use = {section for section in sections if manual.url_of(section).endswith("#use")}
        assert at_use <= {"Use", "Clip"}, f"no sections of their own: {at_use}"
        (start, pairs) = next((start, pairs) for start, pairs in bpy.utils.manual_map() if "manual.html" in start)
        assert start == manual.page().as_uri()
        for name in ("bpy.ops.pose3d.solve_take", "bpy.types.Pose3DMotion.in_place", "bpy.types.Pose3DSettings.lens"):
            suffix = next(suffix for pattern, suffix in pairs if fnmatchcase(name.lower(), pattern))
            print(name, suffix)
    assert not any("manual.html" in start for start, _ in bpy.utils.manual_map())


def check_no_line_of_a_message_is_cut_off() -> None:
    """In a sidebar as wide as it is at first Blender shows lines of 195 pixels whole and cuts off those of 202: by pictures of
    it at a scale of 1.0417, measured as here."""
    import blf  # there once bpy is

    font_px = 1.0417 * 11
    long = (
        "There is no track file /home/somebody/"
        + 3 * "WWWWWWWWWWWWWWWWWWWW"
        + "-of-people-one-by-one.npz.\n\nImport the clip again."
    )
    for sentence in (long, *GERMAN, *GERMAN.values()):
        lines = message.wrapped(sentence, 195.0, font_px)
        blf.size(0, font_px)
        widths = [blf.dimensions(0, line)[0] for line in lines]
        assert max(widths, default=0.0) <= 195.0, (sentence, lines)
        assert "".join("".join(lines).split()) == "".join(sentence.split()), (sentence, lines)
    assert message.wrapped("Find Bones shows what each bone is taken for, to be changed here.", 195.0, font_px) == (
        "Find Bones shows what each bone",
        "is taken for, to be changed here.",
    )
    assert message.wrapped(long, 195.0, font_px)[-2:] == ("", "Import the clip again.")


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
