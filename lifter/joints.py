"""The 17 Human3.6M joints, MediaPipe's 33 landmarks, and the way from the second to the first.

Joints go by name everywhere; `INDEX` and `LANDMARK_INDEX` give the place in an array.
"""

from __future__ import annotations

import numpy as np

JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "spine",
    "thorax",
    "nose",
    "head_top",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
)
PARENT_NAMES: dict[str, str] = {
    "right_hip": "pelvis",
    "right_knee": "right_hip",
    "right_ankle": "right_knee",
    "left_hip": "pelvis",
    "left_knee": "left_hip",
    "left_ankle": "left_knee",
    "spine": "pelvis",
    "thorax": "spine",
    "nose": "thorax",
    "head_top": "nose",
    "left_shoulder": "thorax",
    "left_elbow": "left_shoulder",
    "left_wrist": "left_elbow",
    "right_shoulder": "thorax",
    "right_elbow": "right_shoulder",
    "right_wrist": "right_elbow",
}
INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINT_NAMES)}
PARENTS: tuple[int, ...] = tuple(INDEX[PARENT_NAMES[n]] if n in PARENT_NAMES else -1 for n in JOINT_NAMES)

LANDMARK_NAMES: tuple[str, ...] = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
LANDMARK_INDEX: dict[str, int] = {name: i for i, name in enumerate(LANDMARK_NAMES)}

# Of a hand, in MediaPipe's order.
_THUMB, _FINGER = ("cmc", "mcp", "ip", "tip"), ("mcp", "pip", "dip", "tip")
HAND_LANDMARK_NAMES: tuple[str, ...] = (
    "wrist",
    *(f"thumb_{joint}" for joint in _THUMB),
    *(f"{finger}_{joint}" for finger in ("index", "middle", "ring", "little") for joint in _FINGER),
)
HAND_INDEX: dict[str, int] = {name: i for i, name in enumerate(HAND_LANDMARK_NAMES)}

LIMB_JOINT_NAMES: tuple[str, ...] = tuple(
    f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)


def mirrored_name(name: str) -> str:
    """The name of the same joint on the other side of the body; a joint of the middle is its own mirror."""
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


MIRROR: tuple[int, ...] = tuple(INDEX[mirrored_name(n)] for n in JOINT_NAMES)
LANDMARK_MIRROR: tuple[int, ...] = tuple(LANDMARK_INDEX[mirrored_name(n)] for n in LANDMARK_NAMES)

# How far above the ears' middle the top of the head is, in lengths of the line from the shoulders' middle to the ears'.
_HEAD_TOP_EXTENSION = 0.6


def joints_from_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """The 17 joints out of MediaPipe's 33 landmarks, in 2D or 3D.

    landmarks: [..., 33, D], any unit. Returns [..., 17, D] in the same unit. The pelvis is the middle of the hips, the thorax
    the middle of the shoulders, the spine the middle of those two; the head's top is extrapolated above the middle of the ears.
    """
    lm = {name: landmarks[..., i, :] for name, i in LANDMARK_INDEX.items()}
    pelvis = (lm["left_hip"] + lm["right_hip"]) / 2
    thorax = (lm["left_shoulder"] + lm["right_shoulder"]) / 2
    ears = (lm["left_ear"] + lm["right_ear"]) / 2
    derived = {
        "pelvis": pelvis,
        "thorax": thorax,
        "spine": (pelvis + thorax) / 2,
        "head_top": ears + _HEAD_TOP_EXTENSION * (ears - thorax),
    }
    return np.stack([(lm | derived)[name] for name in JOINT_NAMES], axis=-2)


def joint_confidence_from_landmarks(confidence: np.ndarray) -> np.ndarray:
    """[..., 33] -> [..., 17]: a derived joint is as certain as the least certain landmark it was made of."""
    c = {name: confidence[..., i] for name, i in LANDMARK_INDEX.items()}
    pelvis = np.minimum(c["left_hip"], c["right_hip"])
    thorax = np.minimum(c["left_shoulder"], c["right_shoulder"])
    derived = {
        "pelvis": pelvis,
        "thorax": thorax,
        "spine": np.minimum(pelvis, thorax),
        "head_top": np.minimum(c["left_ear"], c["right_ear"]),
    }
    return np.stack([(c | derived)[name] for name in JOINT_NAMES], axis=-1)
