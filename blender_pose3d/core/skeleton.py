"""The joints of a track, by name: the 17 of Human3.6M and MediaPipe's 33 landmarks."""

from __future__ import annotations

from enum import StrEnum


class Joint(StrEnum):
    """The 17 joints in the order of a track's arrays. The thorax is the middle of the shoulders, the pelvis that of the hips."""

    PELVIS = "pelvis"
    RIGHT_HIP = "right_hip"
    RIGHT_KNEE = "right_knee"
    RIGHT_ANKLE = "right_ankle"
    LEFT_HIP = "left_hip"
    LEFT_KNEE = "left_knee"
    LEFT_ANKLE = "left_ankle"
    SPINE = "spine"
    THORAX = "thorax"
    NOSE = "nose"
    HEAD_TOP = "head_top"
    LEFT_SHOULDER = "left_shoulder"
    LEFT_ELBOW = "left_elbow"
    LEFT_WRIST = "left_wrist"
    RIGHT_SHOULDER = "right_shoulder"
    RIGHT_ELBOW = "right_elbow"
    RIGHT_WRIST = "right_wrist"


JOINT_NAMES: tuple[str, ...] = tuple(joint.value for joint in Joint)
INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINT_NAMES)}

_FACE = (
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer "
    "left_ear right_ear mouth_left mouth_right"
)
_PAIRS = "shoulder elbow wrist pinky index thumb hip knee ankle heel foot_index"
LANDMARK_NAMES: tuple[str, ...] = (*_FACE.split(), *(f"{side}_{part}" for part in _PAIRS.split() for side in ("left", "right")))
LANDMARK_INDEX: dict[str, int] = {name: i for i, name in enumerate(LANDMARK_NAMES)}

# MediaPipe's 21 landmarks of a hand, in its order.
_THUMB, _FINGER = ("cmc", "mcp", "ip", "tip"), ("mcp", "pip", "dip", "tip")
HAND_LANDMARK_NAMES: tuple[str, ...] = (
    "wrist",
    *(f"thumb_{joint}" for joint in _THUMB),
    *(f"{finger}_{joint}" for finger in ("index", "middle", "ring", "little") for joint in _FINGER),
)
HAND_INDEX: dict[str, int] = {name: i for i, name in enumerate(HAND_LANDMARK_NAMES)}
