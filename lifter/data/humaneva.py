"""Reader of HumanEva-I in the form in which it is handed around: data_3d_humaneva15.npz and data_2d_humaneva15_<detector>.npz.

For evaluation only: the data set's licence is for academic use, and nothing here feeds the training of the weights that this
project gives away. The files are made from the original data by public converters; this project has neither.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from ..errors import LifterError
from ..joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES
from .benchmark import BenchmarkSequence, Detections, benchmark_table, joint_array, rotation_of

FPS = 60.0
TEST_SUBJECTS: tuple[str, ...] = ("Validate/S1", "Validate/S2", "Validate/S3")
TEST_ACTIONS: tuple[str, ...] = ("Walking", "Jog")
# The data set's 15 joints. Its thorax is the base of the neck, its head the top of it.
JOINTS_15: tuple[str, ...] = (
    "pelvis",
    "thorax",
    *(f"left_{part}" for part in ("shoulder", "elbow", "wrist")),
    *(f"right_{part}" for part in ("shoulder", "elbow", "wrist")),
    *(f"left_{part}" for part in ("hip", "knee", "ankle")),
    *(f"right_{part}" for part in ("hip", "knee", "ankle")),
    "head_top",
)
# There is no nose: the point that stands in for it is so far up from the thorax to the head's top.
_NOSE_SHARE = 0.57
_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
# Where the colour cameras C1 to C3 stood: orientation (camera to world, wxyz) and, in millimetres, position.
_S1_S3 = (
    ((0.424207, -0.4983646, -0.5802981, 0.4847012), (4062.227, 663.2477, 1528.397)),
    ((0.6503354, -0.7481602, -0.0919284, 0.0941766), (844.8131, -3805.2092, 1504.9929)),
    ((0.0664734, -0.0690535, 0.7416416, -0.6639132), (-797.67377, 3916.3174, 1433.6602)),
)
_PLACES = {
    "S1": _S1_S3,
    "S2": (
        ((0.4214752, -0.4961493, -0.5838273, 0.4851187), (4112.9121, 626.4929, 1545.2988)),
        ((0.6501393, -0.7476588, -0.0954617, 0.0959808), (923.5740, -3877.9243, 1504.5518)),
        ((0.0699353, -0.0712403, 0.7421637, -0.662742), (-781.4915, 3838.8853, 1444.9929)),
    ),
    "S3": _S1_S3,
}
_HINT = "Give the data_3d_humaneva15.npz, and a data_2d_humaneva15_<detector>.npz, that the public converters make."


def read_humaneva(positions_path: Path, detections_path: Path | None = None) -> list[BenchmarkSequence]:
    """Walking and Jog of the three validation subjects in the three colour cameras; each unbroken chunk is a sequence.

    The input is the truth's own projection, or what a detector found (`detections_path`, in HumanEva's 15 joints or in COCO's).
    The files hold no lens: where there are pixels, each camera's focal length and centre are those that bring the projected truth
    nearest to them. Raises LifterError.
    """
    positions = benchmark_table(positions_path, hint=_HINT)
    detections = Detections(detections_path, hint=_HINT) if detections_path else None
    truths: dict[tuple[str, str, int], np.ndarray] = {}
    pixels: dict[tuple[str, str, int], np.ndarray] = {}
    for subject in TEST_SUBJECTS:
        if subject not in positions:
            raise LifterError(f"{positions_path} has no subject {subject}.", hint=_HINT)
        for action, values in positions[subject].items():
            if action.split()[0] not in TEST_ACTIONS:
                continue
            world_m = joint_array(values, (15,), 3, f"{positions_path}: {subject}, {action}", hint=_HINT)
            for i, (orientation, position_mm) in enumerate(_PLACES[subject.split("/")[1]]):
                truths[subject, action, i] = (world_m - np.array(position_mm) / 1000) @ rotation_of(orientation)
                if detections:
                    points = detections.points_px(subject, action, i, len(world_m))
                    pixels[subject, action, i] = points if points.shape[1] == len(JOINT_NAMES) else seventeen(points)
    rays = {place: seventeen(truth[..., :2] / truth[..., 2:]) for place, truth in truths.items()}
    if detections:
        rays = _rays_from_pixels(pixels, rays)
    return [
        BenchmarkSequence(subject, action, f"C{i + 1}", FPS, truth, rays[subject, action, i], JOINTS_15)
        for (subject, action, i), truth in truths.items()
    ]


def seventeen(points: np.ndarray) -> np.ndarray:
    """The network's 17 joints out of HumanEva's 15: [T, 15, D] -> [T, 17, D]."""
    at = {name: points[:, i] for i, name in enumerate(JOINTS_15)}
    at["spine"] = (at["pelvis"] + at["thorax"]) / 2
    at["nose"] = at["thorax"] + _NOSE_SHARE * (at["head_top"] - at["thorax"])
    return np.stack([at[name] for name in JOINT_NAMES], axis=1)


def _rays_from_pixels(
    pixels: dict[tuple[str, str, int], np.ndarray], rays: dict[tuple[str, str, int], np.ndarray]
) -> dict[tuple[str, str, int], np.ndarray]:
    """Pixels as (x/z, y/z), by a lens fitted to each subject's camera over all of its limb joints."""
    same_camera = defaultdict(list)
    for place in pixels:
        same_camera[place[0], place[2]].append(place)
    out = {}
    for places in same_camera.values():
        seen = np.concatenate([pixels[place][:, _LIMBS].reshape(-1, 2) for place in places])
        exact = np.concatenate([rays[place][:, _LIMBS].reshape(-1, 2) for place in places])
        # u = focal length * x/z + centre, for both axes.
        lens = [np.polyfit(exact[:, axis], seen[:, axis], 1) for axis in range(2)]
        for place in places:
            out[place] = np.stack([(pixels[place][..., axis] - lens[axis][1]) / lens[axis][0] for axis in range(2)], axis=-1)
    return out
