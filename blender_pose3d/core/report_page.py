"""report.json as one page for an animator: no script, no network, nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 900, 120, 52, 10, 22
_VERDICTS = {"good": "good", "look": "have a look", "bad": "needs work"}
_CAMERA_MOVES = {
    "turning": "turned: the path along the ground is unreliable, the poses are not",
    "moving": "moved: the path along the ground is unreliable, the poses are not",
}
_TICKS = tuple(n * 10**power for power in range(8) for n in (1, 2, 5))
_NO_FINDINGS = "Nothing stands out: every frame is as it should be."
# Series, title, unit, line that should not be crossed.
_PLOTS: tuple[tuple[str, str, str, float | None], ...] = (
    ("confidence", "How well the person was seen", "0 to 1", 0.5),
    ("slide_mm", "Feet that slide", "mm a frame", 2.0),
    ("penetration_mm", "Feet in the ground", "mm", 10.0),
    ("jerk_m_s3", "Jerk", "m/s³", None),
    ("limit_deg", "Joints beyond their limits", "degrees", 0.0),
    ("reprojection_px", "Distance from the picture", "pixels", None),
)
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
body { max-width: 980px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 1rem 0 .2rem; }
table { border-collapse: collapse; width: 100%; } td { text-align: left; vertical-align: top; padding: .45rem .6rem; }
tr { border-top: 1px solid #ddd; } .number { white-space: nowrap; font-variant-numeric: tabular-nums; }
.verdict { white-space: nowrap; font-weight: 600; } .good { color: #1b7a3d; } .look { color: #a86500; } .bad { color: #b3261e; }
.small { color: #666; font-size: .88rem; font-weight: normal; } svg { width: 100%; height: auto; display: block; }
figure { margin: 0; } .frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); gap: 1rem; }
.frames img { width: 100%; border-radius: 4px; }
"""


def as_html(report: Mapping[str, Any], pictures: Mapping[int, bytes] | None = None) -> str:
    """report: what report.json holds; pictures: frame of the scene -> PNG of the clip with the skeleton drawn over it."""
    quality = report["quality"]
    name = str(report.get("clip", "")).replace("\\", "/").rsplit("/", 1)[-1] or "clip"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Motion report: {escape(name)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Motion report: {escape(name)}</h1>",
        f'<p class="small">{_subtitle(report)}</p>',
        f"<p>{_summary(quality['measures'])}</p>",
        _measure_table(quality["measures"]),
        "<h2>Where to look</h2>",
        _worst(quality["worst_frames"], pictures or {}),
        _guessed(quality),
        "<h2>Over time</h2>",
        '<p class="small">Grey stretches were guessed. The dashed line should not be crossed. Numbers below are frames.</p>',
        *(_plot(quality, *row) for row in _PLOTS),
        _contacts(quality),
        "<h2>How it was made</h2>",
        _details(report, quality),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _subtitle(report: Mapping[str, Any]) -> str:
    frames = report.get("frames") or [0, 0]
    words = [
        f"Action “{escape(str(report.get('action', '')))}”",
        f"frames {frames[0]} to {frames[1]}",
        f"bone names of the preset {escape(str(report.get('preset', '')))}",
    ]
    return ", ".join(words)


def _summary(measures: Sequence[Mapping[str, Any]]) -> str:
    wrong = [m["title"] for m in measures if m["verdict"] != "good"]
    if not wrong:
        return "Everything that can be measured is as it should be."
    return f"Have a look at: {escape(', '.join(title[0].lower() + title[1:] for title in wrong))}."


def _measure_table(measures: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for m in measures:
        advice = f"<br><b>What to do:</b> {escape(m['advice'])}" if m["verdict"] != "good" else ""
        value = "–" if m["value"] is None else f"{_short(m['value'])} {escape(m['unit'])}"
        differs = m["worst"] is not None and m["worst"] != m["value"]
        worst = f'<br><span class="small">worst {_short(m["worst"])}</span>' if differs else ""
        rows.append(
            f'<tr><td><b>{escape(m["title"])}</b><br><span class="small">{escape(m["means"])}{advice}</span></td>'
            f'<td class="number">{value}{worst}</td>'
            f'<td class="verdict {m["verdict"]}">{_VERDICTS[m["verdict"]]}</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def _worst(frames: Sequence[Mapping[str, Any]], pictures: Mapping[int, bytes]) -> str:
    if not frames:
        return f"<p>{_NO_FINDINGS}</p>"
    cells = []
    for worst in frames:
        title = f"<b>Frame {worst['frame']}</b> ({worst['time_s']:.2f} s): {escape('; '.join(worst['reasons']))}."
        picture = ""
        if worst["frame"] in pictures:
            data = base64.b64encode(pictures[worst["frame"]]).decode("ascii")
            picture = f'<img alt="Frame {worst["frame"]} with the solved skeleton" src="data:image/png;base64,{data}">'
        cells.append(f"<figure>{picture}<figcaption>{title}</figcaption></figure>")
    how = "The lines are your character's pose, with the person's lengths, as the clip's camera would see it."
    key = f'<p class="small">{how}</p>' if pictures else ""
    return f'{key}<div class="frames">{"".join(cells)}</div>'


def _guessed(quality: Mapping[str, Any]) -> str:
    if not quality["guessed"]:
        return ""
    rows = "".join(
        f"<li>{escape(g['part'])}: {g['start_s']:.1f} to {g['end_s']:.1f} s (from frame {_frame_at(quality, g['start_s'])})</li>"
        for g in quality["guessed"]
    )
    return f"<h3>Guessed, because it was not seen</h3><ul>{rows}</ul>"


def _frame_at(quality: Mapping[str, Any], time_s: float) -> int:
    times = quality["time_s"]
    return int(quality["frames"][min(range(len(times)), key=lambda i: abs(times[i] - time_s))])


def _plot(quality: Mapping[str, Any], series: str, title: str, unit: str, line: float | None) -> str:
    values = quality["series"][series]
    known = [v for v in values if v is not None]
    if not known:
        return ""
    top = 1.0 if series == "confidence" else 1.05 * max([*known, line or 0.0, 1.0])
    across = _Across(quality)

    def y_of(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top)

    shapes = [*across.guesses(), *across.axis()]
    shapes.append(f'<text x="{_LEFT - 6}" y="{_TOP + 8}" text-anchor="end">{_short(top)}</text>')
    shapes.append(f'<text x="{_LEFT - 6}" y="{_HEIGHT - _BOTTOM}" text-anchor="end">0</text>')
    if line is not None:
        dashed = f'y1="{y_of(line):.1f}" y2="{y_of(line):.1f}" stroke="#b3261e" stroke-dasharray="5 4"'
        shapes.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" {dashed}/>')
    # A line for every stretch without gaps.
    run: list[str] = []
    for i, value in enumerate([*values, None]):
        if value is not None:
            run.append(f"{across.x(i):.1f},{y_of(value):.1f}")
        elif run:
            points = run if len(run) > 1 else [run[0], run[0]]
            shapes.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="#1f5fa8" stroke-width="1.6"/>')
            run = []
    return f"<h3>{escape(title)} <span class='small'>({escape(unit)})</span></h3>{_svg(_HEIGHT, shapes)}"


def _contacts(quality: Mapping[str, Any]) -> str:
    rows = [(side, part) for side in ("left", "right") for part in ("heel", "toe")]
    across = _Across(quality)
    height = _TOP + 16 * len(rows) + _BOTTOM
    shapes = [*across.guesses(height), *across.axis(height)]
    for n, (side, part) in enumerate(rows):
        y = _TOP + 16 * n
        shapes.append(f'<text x="{_LEFT - 4}" y="{y + 10}" text-anchor="end">{side[0].upper()} {part}</text>')
        for contact in quality["contacts"]:
            if (contact["side"], contact["part"]) == (side, part):
                a, b = across.x_of(contact["start_s"]), across.x_of(contact["end_s"])
                colour = "#d9822b" if side == "left" else "#3b7dc4"
                shapes.append(f'<rect x="{a:.1f}" y="{y}" width="{max(b - a, 1.5):.1f}" height="12" fill="{colour}"/>')
    return f"<h3>Feet on the ground</h3>{_svg(height, shapes)}"


class _Across:
    """The axis of time that all plots share."""

    def __init__(self, quality: Mapping[str, Any]) -> None:
        self.frames, self.times, self._guesses = quality["frames"], quality["time_s"], quality["guessed"]

    def x(self, index: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 14) * index / max(len(self.frames) - 1, 1)

    def x_of(self, time_s: float) -> float:
        first, last = self.times[0], self.times[-1]
        share = (time_s - first) / (last - first) if last > first else 0.0
        return self.x(min(max(share, 0.0), 1.0) * (len(self.frames) - 1))

    def guesses(self, height: int = _HEIGHT) -> list[str]:
        spans = [(self.x_of(g["start_s"]), self.x_of(g["end_s"])) for g in self._guesses]
        return [
            f'<rect x="{a:.1f}" y="{_TOP}" width="{max(b - a, 1.5):.1f}" height="{height - _TOP - _BOTTOM}" fill="#e4e4e4"/>'
            for a, b in spans
        ]

    def axis(self, height: int = _HEIGHT) -> list[str]:
        y = height - _BOTTOM
        shapes = [f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y}" y2="{y}" stroke="#999"/>']
        step = next(step for step in _TICKS if len(self.frames) / step <= 12)
        for i, frame in enumerate(self.frames):
            if frame % step == 0:
                shapes.append(f'<line x1="{self.x(i):.1f}" x2="{self.x(i):.1f}" y1="{y}" y2="{y + 4}" stroke="#999"/>')
                shapes.append(f'<text x="{self.x(i):.1f}" y="{y + 16}" text-anchor="middle">{frame}</text>')
        return shapes


def _svg(height: int, shapes: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" font-size="11" font-family="system-ui, sans-serif" fill="#555">'
        f"{''.join(shapes)}</svg>"
    )


def _details(report: Mapping[str, Any], quality: Mapping[str, Any]) -> str:
    camera, keys = quality["camera"], quality["keys"]
    given = set(camera["given"])

    def guess(name: str, value: str) -> str:
        how = "as you said" if name in given else f"{camera[name + '_confidence']:.0%} sure"
        return f"{value} ({how})"

    rows = [
        ("Camera's tilt", guess("pitch", f"{abs(camera['pitch_deg']):.1f}° {'down' if camera['pitch_deg'] >= 0 else 'up'}")),
        ("Camera's roll", guess("roll", f"{camera['roll_deg']:.1f}°")),
        ("Camera's height", guess("height", f"{camera['height_m']:.2f} m for a person of 1.75 m")),
        ("Lens", _lens(camera)),
        ("Person found in", f"{report.get('detected_frames', '?')} of {report.get('track_frames', '?')} pictures of the clip"),
    ]
    if camera.get("turned_deg") and camera.get("carried_m"):
        carried, turned = f"carried by {camera['carried_m']:.1f} m", f"turned by {camera['turned_deg']:.0f}°"
        rows.append(("Camera", f"{carried} and {turned}, as far as the feet tell"))
    elif camera.get("turned_deg"):
        rows.append(("Camera", f"turned by {camera['turned_deg']:.0f}° after the person, which is followed"))
    elif camera.get("carried_m"):
        rows.append(("Camera", f"carried by {camera['carried_m']:.1f} m, as far as the feet tell"))
    elif camera.get("motion") in _CAMERA_MOVES and camera.get("motion_taken") == "still":
        rows.append(("Camera", f"taken as standing still, as {'you said' if camera['motion_given'] else 'the feet have it'}"))
    elif camera.get("motion") in _CAMERA_MOVES:
        rows.append(("Camera", _CAMERA_MOVES[camera["motion"]]))
    people = (report.get("provenance") or {}).get("people") or {}
    if len(people.get("found", [])) > 1 and people.get("number"):
        rows.append(("People", f"{len(people['found'])} were seen; this is number {people['number']}"))
    if keys:
        rows.append(
            (
                "Keys",
                f"{keys['count']:,} of {keys['dense_count']:,} ({keys['count'] / keys['dense_count']:.0%}), never more than "
                f"{keys['angle_error_deg']:.1f}° and {keys['distance_error_cm']:.1f} cm from the motion",
            )
        )
    else:
        rows.append(("Keys", "one on every frame"))
    rows += [("Note", warning) for warning in report.get("warnings", [])]
    return f"<table>{''.join(f'<tr><td>{escape(a)}</td><td>{escape(str(b))}</td></tr>' for a, b in rows)}</table>"


def _lens(camera: Mapping[str, Any]) -> str:
    how = {"given": "as you said", "metadata": "as the camera noted it"}.get(camera["focal_length_known"])
    if how is None and camera["focal_length_confidence"] is not None:
        found = "estimated from the clip" if camera["focal_length_known"] == "estimated" else "the usual one"
        how = f"{found}, {camera['focal_length_confidence']:.0%} sure"
    return f"{camera['focal_length_mm']:.0f} mm, as phones state it" + (f" ({how})" if how else "")


def _short(value: float) -> str:
    """Two or three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
