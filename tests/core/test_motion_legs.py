"""Feet on any rig: still and on the ground while they stand, by legs that keep their knees' plane."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.kinematics import PosedRig as JointedRig
from blender_pose3d.core.motion import Contact, MotionOptions, Smoothing, SolvedMotion, onto_rig, perform, solve_motion
from blender_pose3d.core.motion.contacts import contacts_of, stretches
from blender_pose3d.core.motion.legs import REACH, feet_of, lowering, raised
from blender_pose3d.core.motion.limits import limited, softened
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis, angle_between, apply
from blender_pose3d.core.skeleton import INDEX, LANDMARK_INDEX
from blender_pose3d.core.solve import FromHips
from blender_pose3d.core.upright import upright
from tests.core.motion_tracks import Seen, seen
from tests.core.rigs import PosedRig, angle_deg, build, object_matrix, posed

RIGS = {
    "own": {},
    "long_legs": {"leg": 1.5, "arm": 0.7},
    "short_legs": {"leg": 0.6, "arm": 1.4},
    "random_axes": {"axes_seed": 4, "arms_down_deg": 45.0},
    "bent_at_rest": {"arms_down_deg": 40.0, "knees_bent_deg": 20.0, "elbows_bent_deg": 20.0},
    "unmapped_between": {"between": True, "axes_seed": 5},
    "no_toes": {"toes": False, "hands": False},
    "in_centimetres": {"size": 100.0, "world": object_matrix(scale=0.01)},
    "turned_and_moved": {"world": object_matrix(turn_deg=(0, 0, 37), place_m=(3, -2, 1)), "axes_seed": 6},
    "mirrored": {"world": object_matrix(scale=(-1, 1, 1)), "axes_seed": 7},
    "free_shins": {"free": frozenset({"left_shin", "right_foot"}), "axes_seed": 8},
}


@cache
def clip(motion: str, yaw_deg: float = 25.0) -> Seen:
    return seen(motion, yaw_deg=yaw_deg)


def soles(body: PosedRig) -> np.ndarray:
    """Heels and balls in the order of a mask's columns: [T, 4, 3]."""
    linear = body.rig.world_from_armature[:3, :3]
    points = {}
    for foot in feet_of(body.rig):
        turn = body.turn(body.rig.bone_names[foot.foot])
        for part, offset in (("heel", foot.heel), ("toe", foot.ball)):
            points[foot.side, part] = body.heads_world_m[:, foot.foot] + apply(linear, apply(turn, offset))
    return np.stack([points[key] for key in (("left", "heel"), ("left", "toe"), ("right", "heel"), ("right", "toe"))], axis=1)


def shod(rig: RigSpec, *, behind: float, ahead: float, below: float) -> RigSpec:
    """The rig with soles that reach so far from the ankles, shares of the leg."""
    leg = rig.leg_length_m
    found = {}
    for side in ("left", "right"):
        foot = rig.bone(f"{side}_foot")
        far = [rig.front_world * along - [0, 0, below] for along in (-behind, ahead)]
        found[foot] = rig.rest_heads[foot] + leg * apply(rig.armature_from_world, np.array([*far, [0.0, 0.0, 0.1]]))
    return replace(rig, soles=found)


def shoes(body: PosedRig) -> np.ndarray:
    """Heights of heel and tip of both feet, as their bones carry them: [T, 4]."""
    rig, heights = body.rig, []
    for side in ("left", "right"):
        foot, toe = rig.bone(f"{side}_foot"), rig.bone(f"{side}_toe")
        for point, bone in zip(rig.soles[foot][:2], (foot, foot if toe is None else toe), strict=True):
            turned = apply(body.turn(rig.bone_names[bone]), point - rig.rest_heads[bone])
            heights.append(body.heads_world_m[:, bone, 2] + apply(rig.world_from_armature[:3, :3], turned)[:, 2])
    return np.stack(heights, axis=1)


def slide_m(body: PosedRig, mask: np.ndarray) -> np.ndarray:
    moved = np.linalg.norm(np.diff(soles(body)[..., :2], axis=0), axis=-1)
    return moved[mask[1:] & mask[:-1]]


def solved(rig: RigSpec, a_clip: Seen, options: MotionOptions | None = None) -> tuple[SolvedMotion, PosedRig]:
    result = solve_motion(a_clip.track, rig, options)
    assert np.isfinite(result.motion.rotations_wxyz).all() and np.isfinite(result.motion.root_basis_location).all()
    return result, posed(rig, result.motion)


@pytest.mark.parametrize("motion", ["walk", "walk_turn", "squat", "kick"])
@pytest.mark.parametrize("rig_name", sorted(RIGS))
def test_feet_in_contact_stand_still_on_the_ground(rig_name: str, motion: str) -> None:
    rig = build(**RIGS[rig_name])
    result, body = solved(rig, clip(motion))
    mask = result.person.mask
    assert mask.mean() > 0.4
    assert slide_m(body, mask).mean() < 5e-4
    heights = soles(body)[..., 2] - rig.ground_m
    assert np.abs(heights[mask]).mean() < 2e-3
    assert heights.min() > -0.005


@pytest.mark.parametrize("motion", ["walk", "run"])
@pytest.mark.parametrize("rig_name", ["own", "short_legs", "random_axes", "in_centimetres", "mirrored", "free_shins"])
def test_shoes_of_any_length_stay_above_the_ground(rig_name: str, motion: str) -> None:
    """As the mesh has them: heels as far behind the ankle as the ball is before it, tips twice as far."""
    plain = build(**RIGS[rig_name])
    height = plain.ankle_height_m / plain.leg_length_m
    rig = shod(plain, behind=0.2, ahead=0.55, below=height)
    assert abs(rig.ground_m - plain.ground_m) < 1e-9
    result, body = solved(rig, clip(motion))
    above = shoes(body) - rig.ground_m
    assert above.min() > -0.006
    flat = result.person.mask.reshape(-1, 2, 2).all(axis=2).repeat(2, axis=1)
    assert np.abs(above[flat]).mean() < 2e-3
    # And they leave it and land on it without a step.
    steps = np.abs(np.diff(body.heads_world_m[:, [rig.bone(f"{side}_foot") for side in ("left", "right")], 2], n=2, axis=0))
    before = np.abs(np.diff(solved(plain, clip(motion))[1].heads_world_m[:, [rig.bone("left_foot")], 2], n=2, axis=0))
    assert steps.max() < 2 * before.max() + 0.01


def test_the_mesh_says_where_the_ground_is() -> None:
    """Under a rig whose armature begins at the hips, and under one that leans; what is no foot's mesh says nothing."""
    plain = build()
    rig = shod(plain, behind=0.06, ahead=0.3, below=0.18)
    lower = rig.rest_heads_world_m[rig.bone("left_foot"), 2] - 0.18 * rig.leg_length_m
    assert abs(rig.ground_m - lower) < 1e-9 and abs(rig.ankle_height_m - 0.18 * rig.leg_length_m) < 1e-9
    for of in ({"below": 0.01}, {"below": 0.9}, {"ahead": 2.0}, {"behind": 0.9}):
        odd = shod(plain, **({"behind": 0.06, "ahead": 0.3, "below": 0.18} | of))
        assert odd.sole is None and odd.ground_m == plain.ground_m
    leaning = replace(rig, world_from_armature=object_matrix(turn_deg=(30, 0, 0)) @ rig.world_from_armature)
    stands = upright(leaning)
    assert stands is not None and stands.sole is not None
    assert abs(stands.sole.below_m - 0.18 * rig.leg_length_m) < 0.01
    assert abs(stands.sole.ahead_m - 0.3 * rig.leg_length_m) < 0.02


LEANING = {"world": object_matrix(turn_deg=(12, 0, 0))}


@pytest.mark.parametrize("changes", [{}, {"axes_seed": 3}, {"size": 100.0, "world": object_matrix(scale=0.01)}, LEANING])
@pytest.mark.parametrize(("trunk", "head"), [(0.12, 0.1), (0.18, 0.19), (0.07, 0.07), (0.15, 0.5)])
def test_a_body_lies_on_the_ground_as_thick_as_it_is(changes: dict, trunk: float, head: float) -> None:
    """Without its meshes a thick one is in the ground, and a thin one above it. A very big head sinks in: it carries no body."""
    thin = build(**changes)
    ways = np.random.default_rng(0).normal(size=(200, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)

    def ball(bone: int, radius: float) -> np.ndarray:
        return thin.rest_heads[bone] + radius * thin.leg_length_m * apply(thin.armature_from_world, ways)

    radii = {bone: trunk for role in ("hips", "spine", "chest") for bone in thin.chain(role)}
    radii |= dict.fromkeys(thin.chain("head"), head)
    rig = replace(thin, body={bone: ball(bone, radius) for bone, radius in radii.items()})

    def lowest(of: RigSpec) -> np.ndarray:
        _, body = solved(of, clip("lie_down"))
        deep = {b: min(radius, 0.2) * of.leg_length_m for b, radius in radii.items()}
        return np.min([body.heads_world_m[:, b, 2] - deep[b] for b in radii], axis=0) - of.ground_m

    with_it, without = lowest(rig) / rig.leg_length_m, lowest(thin) / rig.leg_length_m
    lies = without < np.percentile(without, 30)
    assert with_it.min() > -0.005, with_it.min()
    assert np.median(with_it[lies]) < 0.02, np.median(with_it[lies])
    assert abs(np.median(without[lies])) > 2 * abs(np.median(with_it[lies]))


@pytest.mark.parametrize("changes", [{}, {"axes_seed": 3}, {"size": 100.0, "world": object_matrix(scale=0.01)}])
def test_hands_lie_on_the_ground_instead_of_in_it(changes: dict) -> None:
    """Of somebody who gets down on them: the wrists bend back until the fingers are on it. Else they would be in it."""
    rig = build(leg=0.8, arm=1.2, arms_down_deg=30.0, **changes)
    for options in (MotionOptions(), MotionOptions(orient_hands=False)):
        _, body = solved(rig, clip("lie_down"), options)
        fingers = np.stack([body.heads_world_m[:, rig.index[f"{side}_finger"], 2] for side in ("left", "right")])
        deepest = (fingers.min() - rig.ground_m) / rig.leg_length_m
        if not options.orient_hands:
            assert deepest < -0.06, "they are not in the ground anyway"
            continue
        assert deepest > -0.005, deepest
        lies = fingers[0].argmin()
        turns = [body.turn(f"left_{part}") for part in ("hand", "forearm")]
        assert np.degrees(angle_between(*turns)).max() > 40
        # The palm is down, as in a T-pose.
        across = apply(turns[0][lies], rig.front_world)
        along = turns[0][lies] @ (rig.end("left_forearm") - rig.rest_heads[rig.bone("left_forearm")])
        assert np.cross(across, along)[2] > 0


@pytest.mark.parametrize("changes", [{}, {"axes_seed": 3}, {"world": object_matrix(scale=(-1, 1, 1))}])
def test_fingers_need_not_hang_on_the_hand_to_be_out_of_the_ground(changes: dict) -> None:
    """Controls of Rigify's fingers hang on other bones than its hands' do."""
    rig = build(leg=0.8, arm=1.2, arms_down_deg=30.0, **changes)
    fingers = {f"{side}_index": (f"{side}_finger",) for side in ("left", "right")}
    hanging = replace(rig, mapping=replace(rig.mapping, fingers=fingers))
    parents = rig.parents.copy()
    parents[[rig.index[name] for (name,) in fingers.values()]] = 0
    turns = []
    for one in (hanging, replace(hanging, parents=parents)):
        _, body = solved(one, clip("lie_down"))
        turns.append(np.stack([body.turn(f"{side}_hand") for side in ("left", "right")]))
    assert np.degrees(angle_between(*turns)).max() < 1e-3


@pytest.mark.parametrize("rig_name", ["own", "long_legs", "short_legs", "random_axes"])
def test_feet_slide_without_the_lock(rig_name: str) -> None:
    """What the tests above would see if nothing were held."""
    rig = build(**RIGS[rig_name])
    result, body = solved(rig, clip("walk_turn"), MotionOptions(foot_lock=False))
    assert slide_m(body, result.person.mask).mean() > 2e-3


def test_knees_stay_in_their_plane_and_limbs_stay_near_the_persons() -> None:
    rig = build()
    _, free = solved(rig, clip("walk_turn"), MotionOptions(foot_lock=False))
    _, held = solved(rig, clip("walk_turn"))
    for side in ("left", "right"):
        hip, knee, ankle = (held.head(f"{side}_{part}") for part in ("thigh", "shin", "foot"))
        bent = angle_deg(knee - hip, ankle - knee) > 8
        axes = [
            np.cross(b.head(f"{side}_shin") - b.head(f"{side}_thigh"), b.head(f"{side}_foot") - b.head(f"{side}_shin"))
            for b in (free, held)
        ]
        assert angle_deg(axes[0], axes[1])[bent].max() < 35
    for name in ("left_upper_arm", "right_forearm", "trunk"):
        assert angle_deg(free.limbs()[name], held.limbs()[name]).max() < 0.01, name


@pytest.mark.parametrize(
    ("rig_name", "motion"), [("own", "walk"), ("long_legs", "walk"), ("short_legs", "walk"), ("own", "lie_down")]
)
def test_knees_do_not_pop(rig_name: str, motion: str) -> None:
    rig = build(**RIGS[rig_name])
    a_clip = clip(motion)
    _, body = solved(rig, a_clip)
    exact = np.diff(a_clip.joints_m, n=2, axis=0)[:, [INDEX["left_knee"], INDEX["right_knee"]]]
    ours = np.diff(np.stack([body.head("left_shin"), body.head("right_shin")], axis=1), n=2, axis=0)
    scale = rig.leg_length_m / 0.835
    assert np.linalg.norm(ours, axis=-1).max() < 2.5 * scale * np.linalg.norm(exact, axis=-1).max()


@pytest.mark.parametrize("leg", [0.6, 1.0, 1.5])
def test_a_jump_keeps_its_height(leg: float) -> None:
    rig = build(leg=leg)
    a_clip = clip("jump", 0.0)
    result, body = solved(rig, a_clip)
    stands = a_clip.contact.all(axis=1)
    exact = a_clip.joints_m[:, 0, 2]
    exact = exact.max() - np.median(exact[stands])
    middle = body.middle("thigh")[:, 2]
    assert (middle.max() - np.median(middle[stands])) / (exact * result.motion.scale) == pytest.approx(1.0, abs=0.1)


def bent_more(a_clip: Seen, share: float) -> Seen:
    """As a network in doubt bends legs: the more bent they are, the shorter from hip to ankle. The hips are where they were."""
    positions = a_clip.track.positions_m.copy()
    for side in ("left", "right"):
        hip, knee, ankle = (INDEX[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        whole = positions[:, ankle] - positions[:, hip]
        straight = sum(np.linalg.norm(positions[:, b] - positions[:, a], axis=-1) for a, b in ((hip, knee), (knee, ankle)))
        lost = share * (straight - np.linalg.norm(whole, axis=-1))
        moved = -whole * (lost / np.linalg.norm(whole, axis=-1))[:, None]
        positions[:, ankle] += moved
        positions[:, knee] += moved / 2
    return replace(a_clip, track=replace(a_clip.track, positions_m=positions))


def test_hips_are_as_high_as_the_picture_shows_though_a_network_bends_the_knees() -> None:
    exact = clip("squat")
    rig = build()
    _, body = solved(rig, bent_more(exact, 0.4))
    ours, theirs = body.middle("thigh")[:, 2], exact.joints_m[:, 0, 2]
    deep = theirs < np.quantile(theirs, 0.2)
    scale = rig.leg_length_m / 0.835
    off = (ours[deep].mean() - ours[:5].mean()) - scale * (theirs[deep].mean() - theirs[:5].mean())
    assert abs(off) < 0.05
    for bone in ("left_foot", "right_foot"):
        assert np.ptp(body.head(bone), axis=0).max() < 0.01  # and the feet stand, by the rig's own knees


def test_contacts_that_the_user_moved_are_held() -> None:
    rig = build()
    track = clip("walk").track
    own = [Contact(0.0, 1.0, "left", "heel"), Contact(0.0, 1.2, "left", "toe"), Contact(1.6, 2.0, "right", "toe")]
    result = solve_motion(track, rig, contacts=own)
    assert set(result.person.contacts) == set(own)
    assert slide_m(posed(rig, result.motion), result.person.mask).max() < 5e-4
    with pytest.raises(Pose3DError, match="is not one"):
        solve_motion(track, rig, contacts=[Contact(2.0, 1.0, "left", "toe")])


@pytest.mark.parametrize("motion", ["walk", "run"])
def test_from_the_heel_onto_the_ball_no_knee_pops(motion: str) -> None:
    """Where no frame has both on the ground: a heel that stands until late, while the picture has the foot stand on its ball."""
    made = seen(motion, fps=50, yaw_deg=90)
    mask = made.contact.copy()
    for heel, toe in ((0, 1), (2, 3)):
        for first, last in stretches(made.contact[:, [heel, toe]].any(axis=1)):
            late = first + round(0.75 * (last - first))
            mask[first : last + 1, heel] = np.arange(first, last + 1) <= late
            mask[first : last + 1, toe] = np.arange(first, last + 1) > late
    person = perform(made.track, MotionOptions(), contacts=contacts_of(mask, made.track.timestamps_s))
    rig = build()
    limbs = posed(rig, onto_rig(person, rig, MotionOptions())).limbs()
    for side in ("left", "right"):
        bend = angle_deg(limbs[f"{side}_thigh"], limbs[f"{side}_shin"])
        assert np.abs(np.diff(bend, n=2)).max() < 10.0


def test_in_place_and_without_vertical() -> None:
    rig = build(world=object_matrix(place_m=(5, 6, 0)))
    rest = rig.world_points(rig.middle("thigh"))
    _, body = solved(rig, clip("walk_turn"), MotionOptions(in_place=True))
    np.testing.assert_allclose(
        body.middle("thigh")[:, :2], np.broadcast_to(rest[:2], (clip("walk_turn").track.frame_count, 2)), atol=1e-9
    )
    _, body = solved(rig, clip("squat"), MotionOptions(keep_vertical=False))
    np.testing.assert_allclose(body.middle("thigh")[:, 2], rest[2], atol=1e-9)


def test_several_people_of_a_clip_stand_as_to_each_other() -> None:
    """On rigs of one size at one place; by their usual start both would stand at it."""

    def aside(at: dict[str, np.ndarray], _contact: np.ndarray) -> None:
        for points in at.values():
            points += [0.0, 1.2, 0.0]  # to the camera's left, after the turn

    pair = [seen("walk", yaw_deg=90, distance_m=4.0, changed=aside, body_seed=2), seen("squat", yaw_deg=-50, distance_m=5.5)]
    rig = build(world=object_matrix(turn_deg=(0, 0, 90), place_m=(5, 6, 0)))
    turn = about_axis(np.array([0.0, 0.0, 1.0]), np.radians(90))
    apart = {}
    for filmed in (True, False):
        solved_pair = [solved(rig, one, MotionOptions(place_as_filmed=filmed)) for one in pair]
        frames = min(one.track.frame_count for one in pair)
        scale = np.mean([result.motion.scale for result, _ in solved_pair])
        ours, true = (
            points[0][:frames, :2] - points[1][:frames, :2]
            for points in (
                [body.middle("thigh") / scale for _, body in solved_pair],
                [apply(turn, one.joints_m[:, INDEX["pelvis"]]) for one in pair],
            )
        )
        apart[filmed] = np.linalg.norm(ours - true, axis=1)
    assert apart[True].max() < 0.35 and apart[False].min() > 1.0, {filmed: (a.min(), a.max()) for filmed, a in apart.items()}
    # The camera was above where the character rests.
    rest, (_, body) = rig.world_points(rig.middle("thigh")), solved(rig, pair[1], MotionOptions(place_as_filmed=True))
    assert body.middle("thigh")[0, :2] - rest[:2] == pytest.approx(scale * apply(turn, pair[1].joints_m[0, 0])[:2], abs=0.35)


def test_a_foot_turns_as_the_persons_does() -> None:
    """Pitch and heading of a kicking foot, which the 17 joints do not hold."""
    rig = build()
    a_clip = clip("kick", 60.0)
    person = perform(a_clip.track, MotionOptions(smoothing=Smoothing.NONE))
    errors = {}
    for seen_feet in (True, False):
        body = posed(rig, onto_rig(person, rig, MotionOptions(orient_feet=seen_feet)))
        marks = a_clip.track.world_landmarks_m
        world = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        way = (marks[:, 32] - marks[:, 31 - 1]) @ world.T  # right toe from right heel
        errors[seen_feet] = angle_deg(body.turn("right_foot") @ rig.front_world, way)
    kicking = errors[False] > 30
    assert kicking.any() and errors[True][kicking].mean() < 0.6 * errors[False][kicking].mean()


def test_hands_turn_with_the_persons() -> None:
    rig = build()
    a_clip = clip("punch", 0.0)
    person = perform(a_clip.track, MotionOptions())
    world = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    across = (a_clip.track.world_landmarks_m[:, 19] - a_clip.track.world_landmarks_m[:, 17]) @ world.T  # left index from pinky
    errors = {
        turned: angle_deg(
            posed(rig, onto_rig(person, rig, MotionOptions(orient_hands=turned))).turn("left_hand") @ rig.front_world, across
        )
        for turned in (True, False)
    }
    assert errors[True].mean() < 0.5 * errors[False].mean()
    unsure = replace(person, marks=replace(person.marks, confidence=np.zeros_like(person.marks.confidence)))
    plain = onto_rig(person, rig, MotionOptions(orient_hands=False))
    np.testing.assert_allclose(
        np.abs(
            (onto_rig(unsure, rig, MotionOptions(orient_feet=False)).rotations_wxyz[:, 5] * plain.rotations_wxyz[:, 5]).sum(-1)
        ),
        1,
    )


@pytest.mark.parametrize("yaw_deg", [0.0, 40.0])
@pytest.mark.parametrize("off_deg", [25.0, -25.0])
def test_hands_point_where_the_picture_has_them(off_deg: float, yaw_deg: float) -> None:
    """The detector's own 3D has them turned about the line of sight: stretched out they hang down, or up."""
    rig, made = build(), seen("reach", seconds=4.0, yaw_deg=yaw_deg)
    points = np.array(made.track.world_landmarks_m)
    for side, way in (("left", 1), ("right", -1)):
        wrist, *hand = (LANDMARK_INDEX[f"{side}_{name}"] for name in ("wrist", "index", "pinky", "thumb"))
        turn = about_axis(np.array([0.0, 0.0, 1.0]), np.array(way * np.radians(off_deg)))
        points[:, hand] = points[:, [wrist]] + apply(turn, points[:, hand] - points[:, [wrist]])
    tracks = (replace(made.track, world_landmarks_m=points), made.track)
    bodies = [posed(rig, solve_motion(track, rig, contacts=[]).motion) for track in tracks]
    for side in ("left", "right"):
        rest = rig.end(f"{side}_forearm") - rig.rest_heads[rig.index[f"{side}_forearm"]]
        assert angle_deg(*(body.turn(f"{side}_hand") @ rest for body in bodies)).max() < 6


def test_a_smooth_curve_over_what_is_lacking() -> None:
    times = np.arange(60) / 25
    lacking = np.where((times > 0.8) & (times < 1.0), 0.1, -0.2)
    curve = raised(lacking, times)
    assert (curve >= np.maximum(lacking, 0) - 1e-12).all()
    assert curve[0] == curve[-1] == 0 and np.abs(np.diff(curve)).max() < 0.04


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_hips_come_up_between_steps_for_which_they_went_down(fps: int) -> None:
    """At each step, twice a second, a foot is 4 cm beyond the leg's reach for a moment: the hips stayed down all along, and the
    knees bent.
    """
    rig, times = build(), np.arange(3 * fps) / fps
    from_hips, feet, path = FromHips(JointedRig(rig, {}, len(times))), feet_of(rig), np.tile([0.0, 0.0, 1.0], (len(times), 1))
    from_step_s = np.abs(times % 0.5 - 0.25)
    beyond = 0.04 * np.maximum(1 - from_step_s / 0.08, 0.0)
    leg_m = REACH * (rig.length_m("left_thigh") + rig.length_m("left_shin"))
    targets = [path + from_hips.head_m(foot.thigh) - [0.0, 0.0, 1.0] * (leg_m + beyond)[:, None] for foot in feet]
    down = lowering(from_hips, feet, path, targets, times, np.ones((len(times), len(feet))))
    assert (down > beyond - 0.002).all()
    assert down[from_step_s > 0.2].max() < 0.01


def test_a_rig_without_feet_is_told() -> None:
    rig = build(toes=False)
    bones = {role: names for role, names in rig.mapping.bones.items() if "foot" not in role}
    with pytest.raises(Pose3DError, match="is a foot"):
        solve_motion(clip("squat").track, replace(rig, mapping=replace(rig.mapping, bones=bones)))


def test_one_frame_is_enough() -> None:
    track = clip("squat").track
    names = [
        "timestamps_s",
        "positions_m",
        "root_position_m",
        "confidence",
        "landmarks_px",
        "landmark_confidence",
        "world_landmarks_m",
        "detected",
    ]
    for frames in (1, 2, 3):
        short = replace(track, **{name: getattr(track, name)[:frames] for name in names})
        assert len(solve_motion(short, build()).motion.timestamps_s) == frames


# ---------------------------------------------------------------------------------------------------------- limits


def test_poses_that_a_body_can_do_stay() -> None:
    for motion in ("walk_turn", "kick", "sit_rise", "reach"):
        joints = seen(motion).joints_m
        assert np.abs(limited(joints) - joints).max() < 0.02, motion


def test_limits_keep_bones_as_long_as_they_are() -> None:
    joints = np.random.default_rng(3).normal(size=(200, 17, 3))
    after = limited(joints)
    for a, b in (("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("right_elbow", "right_wrist"), ("nose", "head_top")):
        before_m, after_m = (np.linalg.norm(j[:, INDEX[b]] - j[:, INDEX[a]], axis=-1) for j in (joints, after))
        np.testing.assert_allclose(after_m, before_m, atol=1e-9)


def test_a_knee_does_not_bend_backwards() -> None:
    joints = seen("stand").joints_m[:40].copy()
    ahead = np.linspace(0.10, -0.15, 40)[:, None] * np.array([0, -1.0, 0])  # from bent to bent the wrong way
    joints[:, INDEX["left_knee"]] += ahead
    after = limited(joints)
    hip, knee, ankle = (after[:, INDEX[f"left_{part}"]] for part in ("hip", "knee", "ankle"))
    line = ankle - hip
    along = ((knee - hip) * line).sum(-1, keepdims=True) / (line * line).sum(-1, keepdims=True)
    behind = (knee - hip - along * line)[:, 1]
    assert behind.max() < 0.03
    assert np.abs(np.diff(after[:, INDEX["left_knee"]], axis=0)).max() < 0.02, "it pops"


def test_a_limit_is_approached_and_not_crossed() -> None:
    angles = np.linspace(0, np.pi, 400)
    limit = np.radians(100)
    after = softened(angles, limit)
    assert after.max() < limit and (np.diff(after) >= 0).all()
    np.testing.assert_array_equal(after[angles < np.radians(80)], angles[angles < np.radians(80)])
    assert np.abs(np.diff(after, n=2)).max() < 1e-3


@pytest.mark.parametrize("bone", ["left_foot", "left_hand"])
def test_feet_and_hands_do_not_snap_where_the_detector_exchanges_their_points(bone: str) -> None:
    """For a quarter of a second heel and toe, or the sides of a palm, are taken for one another."""
    rig, made = build(), seen("stand", seconds=2, yaw_deg=25.0)
    pairs = {"left_foot": ("left_heel", "left_foot_index"), "left_hand": ("left_index", "left_pinky")}[bone]
    one, other = (LANDMARK_INDEX[name] for name in pairs)
    track, frames = made.track, np.arange(20, 26)[:, None]
    exchanged = {}
    for name in ("landmarks_px", "world_landmarks_m"):
        exchanged[name] = np.array(getattr(track, name))
        exchanged[name][frames, [one, other]] = exchanged[name][frames, [other, one]]
    turns = posed(rig, solve_motion(replace(track, **exchanged), rig, contacts=[]).motion).turn(bone)
    assert np.degrees(angle_between(turns[1:], turns[:-1])).max() < 20


@pytest.mark.parametrize("way", [1, -1])
def test_a_foot_seen_past_half_round_does_not_snap(way: int) -> None:
    """No ankle turns that far: whatever the detector saw, the foot comes back the way that it went."""
    rig, made = build(), seen("stand", seconds=4, yaw_deg=80.0)
    heel, toe = (LANDMARK_INDEX[f"left_{name}"] for name in ("heel", "foot_index"))
    around = way * np.radians(np.interp(np.arange(made.track.frame_count), [20, 60, 80], [0.0, 160.0, 250.0]))
    pixels = np.array(made.track.landmarks_px)
    along = (pixels[:, toe] - pixels[:, heel]) @ [1, 1j] * np.exp(1j * around)
    pixels[:, toe] = pixels[:, heel] + np.stack([along.real, along.imag], axis=1)
    track = replace(made.track, landmarks_px=pixels)
    turns = posed(rig, solve_motion(track, rig, contacts=[]).motion).turn("left_foot")
    assert np.degrees(angle_between(turns[1:], turns[:-1])).max() < 20


@pytest.mark.parametrize("sure", [1.0, 0.0])
@pytest.mark.parametrize("way", [1, -1])
def test_a_palm_that_seems_to_turn_all_the_way_round_is_as_before_after_it(sure: float, way: int) -> None:
    """The detector's palms do so within half a second, and are believed in or not."""
    rig, made = build(), seen("stand", seconds=3, yaw_deg=25.0)
    wrist, index, pinky = (LANDMARK_INDEX[f"left_{name}"] for name in ("wrist", "index", "pinky"))
    points, confidence = np.array(made.track.world_landmarks_m), np.array(made.track.landmark_confidence)
    along = (points[:, index] + points[:, pinky]) / 2 - points[:, wrist]
    around = way * np.interp(np.arange(len(points)), [25, 40], [0.0, 2 * np.pi])
    turned = about_axis(along / np.linalg.norm(along, axis=1, keepdims=True), around)[:, None]
    points[:, [index, pinky]] = points[:, [wrist]] + apply(turned, points[:, [index, pinky]] - points[:, [wrist]])
    confidence[25:40, [index, pinky]] = sure
    track = replace(made.track, world_landmarks_m=points, landmark_confidence=confidence)
    turns, before = (posed(rig, solve_motion(one, rig, contacts=[]).motion).turn("left_hand") for one in (track, made.track))
    assert np.degrees(angle_between(turns, before))[np.r_[:10, 60:75]].max() < 1
    assert np.degrees(angle_between(turns[1:], turns[:-1])).max() < 60


def _pressed_up(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
    """On hands and toes, up and down every second and a half, the body as straight as it stood."""
    times = np.arange(len(contact)) / 25
    risen = np.radians(16 + 5 * np.cos(2 * np.pi * times / 1.5))
    lean = about_axis(np.array([1.0, 0.0, 0.0]), np.pi / 2 - risen)
    toes = (at["left_toe"] + at["right_toe"])[:, None] / 2
    for name, points in at.items():
        if not name.endswith(("toe", "elbow", "wrist", "hand", "index", "pinky", "thumb")):
            points[:] = apply(lean[:, None], points[:, None] - toes)[:, 0] + toes[:, 0]
    for side, out in (("left", 0.1), ("right", -0.1)):
        shoulder, wrist = at[f"{side}_shoulder"], at[f"{side}_wrist"]
        wrist[:] = [*np.median(shoulder[:, :2], axis=0) + [out, 0.05], 0.05]
        way = wrist - shoulder
        bent = np.sqrt(np.maximum(0.27**2 - (np.linalg.norm(way, axis=-1) / 2) ** 2, 0.0))
        at[f"{side}_elbow"][:] = shoulder + way / 2 + bent[:, None] * [np.sign(out), 0.3, 0.0] / np.hypot(1, 0.3)
        for name, place in (
            ("hand", [0, -0.08]),
            ("index", [-out / 3, -0.08]),
            ("pinky", [out / 3, -0.08]),
            ("thumb", [-out / 2, 0]),
        ):
            at[f"{side}_{name}"][:] = wrist + [*place, -0.02]


@pytest.mark.parametrize("proportions", [{}, {"leg": 0.8}, {"leg": 1.2, "arm": 0.9}])
def test_hands_of_somebody_who_does_push_ups_stay_above_the_floor(proportions: dict[str, float]) -> None:
    made = seen("stand", seconds=3, yaw_deg=70.0, changed=_pressed_up)
    rig = build(**proportions)
    _, body = solved(rig, made)
    lowest = min(body.head(f"{side}_{part}")[:, 2].min() for side in ("left", "right") for part in ("hand", "forearm", "shin"))
    assert lowest > rig.ground_m - 0.01
    toes = np.stack([body.head(f"{side}_toe") for side in ("left", "right")])
    assert np.linalg.norm(np.diff(toes[..., :2], axis=1), axis=-1).max() < 0.01


@pytest.mark.parametrize("fps", [30, 60])
def test_small_hops_leave_the_ground(fps: int) -> None:
    """Of 9 cm on both feet, two a second, as over a rope."""

    def skipped(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
        flight_s = 0.27
        airborne = np.clip(np.arange(len(contact)) / fps % 0.5, 0, flight_s)
        for points in at.values():
            points[:, 2] += 9.81 / 2 * airborne * (flight_s - airborne)

    made, rig = seen("stand", fps=fps, seconds=3, changed=skipped), build()
    _, body = solved(rig, made)
    whole, hips = slice(fps // 2, -fps // 2), (body.middle("thigh"), made.joints_m[:, 0])
    ours, theirs = (np.ptp(np.percentile(of[whole, 2], [5, 95])) for of in hips)
    assert ours > 0.7 * theirs
    assert (soles(body)[whole, :, 2].min(axis=1) > rig.ground_m + 0.02).mean() > 0.2
