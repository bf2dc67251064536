"""Known rotations, the 17 joints that they give, and what the solve finds again: for the tests and the benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis, quaternion_from_matrix, transposed, unit
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import SolveOptions, solve
from blender_pose3d.core.tracks import RigMotion
from tests.core.performances import track_of
from tests.core.rigs import SIDES, PosedRig, angle_deg, build, posed

FPS = 30.0
TIMES = np.arange(60) / FPS
PLANS: tuple[dict[str, Any], ...] = (
    {},
    {"arms_down_deg": 45.0, "axes_seed": 3},
    {"elbows_bent_deg": 20.0, "knees_bent_deg": 15.0, "axes_seed": 4},
    {"spine_bones": 6, "necks": 2, "axes_seed": 5, "arms_down_deg": 30.0, "between": True},
    {"clavicles": False, "spine_bones": 1, "axes_seed": 6},
)
SEEDS = range(4)
_BENT_DEG = 15.0


def errors_deg(plan: dict[str, Any], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Swing of upper arms, forearms, thighs and shins in every frame, and twist in those in which elbow or knee is bent."""
    rig = build(**plan)
    truth = posed(rig, known_motion(rig, seed))
    body = posed(rig, solve(track_of(joints_of(rig, truth), fps=FPS), rig, SolveOptions(smoothing_s=0.0)))
    swings, twists = [], []
    for side in SIDES:
        for parts in (("upper_arm", "forearm"), ("thigh", "shin")):
            ways = [truth.limbs()[f"{side}_{part}"] for part in parts]
            bent = angle_deg(*ways) > _BENT_DEG
            for part, way in zip(parts, ways, strict=True):
                swings.append(angle_deg(body.limbs()[f"{side}_{part}"], way))
                q = quaternion_from_matrix(body.turn(f"{side}_{part}") @ transposed(truth.turn(f"{side}_{part}")))
                twist = np.degrees(2 * np.arctan2(np.linalg.norm(q[:, 1:], axis=-1), np.abs(q[:, 0])))
                twists.append(twist[bent])
    return np.concatenate(swings), np.concatenate(twists)


def known_motion(rig: RigSpec, seed: int) -> RigMotion:
    """The rig animated by hand: every bone turned smoothly, elbows and knees about their axes only."""
    random = np.random.default_rng(seed)

    def wave(low_deg: float, high_deg: float) -> np.ndarray:
        phase, speed = random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.6)
        return np.radians(low_deg + (high_deg - low_deg) * (np.sin(2 * np.pi * speed * TIMES + phase) + 1) / 2)

    def ball(size_deg: float) -> np.ndarray:
        x, y, z = np.eye(3)
        return (
            about_axis(x, wave(-size_deg, size_deg))
            @ about_axis(y, wave(-size_deg, size_deg))
            @ about_axis(z, wave(-size_deg, size_deg))
        )

    names, rotations = [], []
    for role, bones in rig.mapping.bones.items():
        for name in bones:
            side, _, part = role.partition("_")
            bone = rig.index[name]
            if part in ("forearm", "shin"):
                axis = hinge(rig, side, part)
                turn = about_axis(axis, wave(5, 120))
            elif part in ("upper_arm", "thigh"):
                turn = ball(35)
            else:
                turn = ball({"hips": 40, "hand": 20, "foot": 20}.get(part or role, 8))
            names.append(name)
            rotations.append(quaternion_from_matrix(rig.rest_rotations[bone].T @ turn @ rig.rest_rotations[bone]))
    path = np.stack([np.sin(TIMES), 0.1 * np.cos(TIMES), 0.3 * TIMES], axis=-1)
    return RigMotion(tuple(names), TIMES, np.stack(rotations, axis=1), "hips", path, path, 0.0, 1.0)


def hinge(rig: RigSpec, side: str, part: str) -> np.ndarray:
    """The axis of an elbow or knee at rest: as it is bent, else square to the limb and to where the armatures here face."""
    above, below = {"forearm": ("upper_arm", "hand"), "shin": ("thigh", "foot")}[part]
    heads = [rig.rest_heads[rig.index[f"{side}_{p}"]] for p in (above, part, below)]
    upper, lower = unit(heads[1] - heads[0]), unit(heads[2] - heads[1])
    shown = np.cross(upper, lower)
    if np.linalg.norm(shown) > np.sin(np.radians(8.0)):
        return unit(shown)
    return unit(np.cross(upper, [0, -1.0 if part == "forearm" else 1.0, 0]))


def joints_of(rig: RigSpec, body: PosedRig) -> np.ndarray:
    joints = np.zeros((len(TIMES), 17, 3))
    for side in SIDES:
        for joint, bone in (
            ("hip", "thigh"),
            ("knee", "shin"),
            ("ankle", "foot"),
            ("shoulder", "upper_arm"),
            ("elbow", "forearm"),
        ):
            joints[:, INDEX[f"{side}_{joint}"]] = body.head(f"{side}_{bone}")
        joints[:, INDEX[f"{side}_wrist"]] = body.wrist(side)
    joints[:, INDEX["pelvis"]], joints[:, INDEX["thorax"]] = body.middle("thigh"), body.middle("upper_arm")
    joints[:, INDEX["spine"]] = (joints[:, INDEX["pelvis"]] + joints[:, INDEX["thorax"]]) / 2
    head = body.head("head")
    joints[:, INDEX["nose"]] = head + body.turn("head") @ [0, -0.1, 0.1]
    joints[:, INDEX["head_top"]] = head + body.turn("head") @ [0, 0, 0.2]
    return joints
