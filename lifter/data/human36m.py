"""Reader of Human3.6M in the form in which it is handed around: data_3d_h36m.npz and data_2d_h36m_<detector>.npz.

For evaluation only: the data set's licence is for academic use, and nothing here feeds the training of the weights that this
project gives away. The files are made from the original data by public converters; this project has neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import LifterError
from .benchmark import BenchmarkSequence, Detections, benchmark_table, joint_array, rotation_of

FPS = 50.0
TEST_SUBJECTS: tuple[str, ...] = ("S9", "S11")
# The 17 joints of this package among the data set's 32.
_JOINTS_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_HINT = "Give the data_3d_h36m.npz, and a data_2d_h36m_<detector>.npz, that the public converters make."


@dataclass(frozen=True)
class Camera:
    """focal_px, centre_px: (x, y). distortion: k1, k2, p1, p2, k3, as OpenCV has them. orientation_wxyz turns camera axes into
    the world's, position_m is where the camera stands."""

    name: str
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: tuple[float, float, float, float, float]
    orientation_wxyz: tuple[float, float, float, float]
    position_m: tuple[float, float, float]

    def seen(self, world_m: np.ndarray) -> np.ndarray:
        """World points [..., 3] in camera axes (x right, y down, z forward)."""
        return (world_m - np.array(self.position_m)) @ rotation_of(self.orientation_wxyz)

    def rays(self, points_px: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] -> (x/z, y/z), the lens's distortion taken out."""
        flat = np.ascontiguousarray(points_px, dtype=np.float64).reshape(-1, 1, 2)
        lens = np.array([[self.focal_px[0], 0, self.centre_px[0]], [0, self.focal_px[1], self.centre_px[1]], [0, 0, 1.0]])
        return cv2.undistortPoints(flat, lens, np.array(self.distortion)).reshape(points_px.shape)


# The calibration that comes with the data set: name, focal length, centre, distortion.
_LENSES = (
    (
        "54138969",
        (1145.0494, 1143.7811),
        (512.5415, 515.4515),
        (-0.20709892, 0.24777518, -0.0014244716, -0.0009756989, -0.0030751503),
    ),
    (
        "55011271",
        (1149.6757, 1147.5917),
        (508.84863, 508.0649),
        (-0.19421363, 0.24040854, -0.0027408944, -0.0016190266, 0.0068199756),
    ),
    (
        "58860488",
        (1149.1407, 1148.799),
        (519.81586, 501.40265),
        (-0.20833819, 0.255488, -0.0007599993, 0.001484387, -0.0024604974),
    ),
    (
        "60457274",
        (1145.5114, 1144.7739),
        (514.9682, 501.88202),
        (-0.19838409, 0.21832368, -0.001813362, -0.0005872056, -0.008947807),
    ),
)
# Where the four stood for each test subject: orientation and, in millimetres, position.
_PLACES = {
    "S9": (
        ((0.15540588, -0.15548216, -0.75320953, 0.6199595), (2044.4585, 4935.117, 1481.2275)),
        ((0.6187845, -0.7634735, -0.14132239, 0.11933968), (1990.9597, -5123.8105, 1568.8048)),
        ((0.13357827, -0.13671005, 0.76894546, -0.61007386), (-1670.9922, 5211.986, 1528.388)),
        ((0.5879399, -0.7823407, 0.14276144, -0.1479487), (-1696.0435, -3827.0999, 1591.4127)),
    ),
    "S11": (
        ((0.15232472, -0.1544232, -0.75475633, 0.619107), (2098.4402, 4926.5547, 1500.2786)),
        ((0.61894494, -0.7600917, -0.15300633, 0.12552583), (2083.1824, -4912.173, 1561.0786)),
        ((0.14943229, -0.15650228, 0.7681234, -0.60263044), (-1609.8153, 5177.336, 1537.8967)),
        ((0.58942515, -0.7818877, 0.13991211, -0.14715362), (-1590.738, -3854.169, 1578.0176)),
    ),
}
CAMERAS: dict[str, tuple[Camera, ...]] = {
    subject: tuple(
        Camera(*lens, orientation, (x / 1000, y / 1000, z / 1000))
        for lens, (orientation, (x, y, z)) in zip(_LENSES, places, strict=True)
    )
    for subject, places in _PLACES.items()
}


def read_human36m(positions_path: Path, detections_path: Path | None = None) -> list[BenchmarkSequence]:
    """The test subjects' recordings in all four cameras, without S11's damaged Directions.

    The input is the truth's own projection, or what a detector found (`detections_path`, in Human3.6M's 17 joints or in COCO's).
    Raises LifterError.
    """
    positions = benchmark_table(positions_path, hint=_HINT)
    detections = Detections(detections_path, hint=_HINT) if detections_path else None
    sequences = []
    for subject in TEST_SUBJECTS:
        if subject not in positions:
            raise LifterError(f"{positions_path} has no subject {subject}.", hint=_HINT)
        for action, world_m in positions[subject].items():
            if (subject, action) == ("S11", "Directions"):
                continue
            world_m = joint_array(world_m, (17, 32), 3, f"{positions_path}: {subject}, {action}", hint=_HINT)
            if world_m.shape[1] == 32:
                world_m = world_m[:, _JOINTS_OF_32]
            for i, camera in enumerate(CAMERAS[subject]):
                truth_m = camera.seen(world_m)
                rays = truth_m[..., :2] / truth_m[..., 2:]
                if detections:
                    rays = camera.rays(detections.points_px(subject, action, i, len(truth_m)))
                sequences.append(BenchmarkSequence(subject, action, camera.name, FPS, truth_m, rays))
    return sequences
