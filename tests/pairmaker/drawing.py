"""Pictures by OpenGL, on a processor as well (Mesa's llvmpipe): a sun with shadows, a sky, paint with patterns. A frame takes a
fifth of what it takes in Cycles, and is as good for a detector that looks at 256 pixels.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import moderngl
import numpy as np

from blender_pose3d.core.errors import Pose3DError
from lifter.errors import LifterError

from . import stage
from .humans import Human, MakeHuman, perform, stretched
from .plan import MAKEHUMAN

_OVERSAMPLED = 1.5  # pixels drawn for each of the picture's, along each side
_SHADOW_PX = 1024
_NEAR_M, _FAR_M = 0.05, 120.0
_SHARED_GLSL = """
#version 330
float chance(vec3 p) { return fract(sin(dot(p, vec3(127.1, 311.7, 74.7))) * 43758.5453); }
float noise(vec3 p) {
  vec3 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f); float v = 0.0;
  for (int k = 0; k < 8; k++) { vec3 o = vec3(k & 1, (k >> 1) & 1, (k >> 2) & 1);
    vec3 w = mix(1.0 - f, f, o); v += w.x * w.y * w.z * chance(i + o); }
  return v; }
"""
_VERTEX = """
#version 330
uniform mat4 clip; uniform mat4 sun_clip;
in vec3 place; in vec3 normal; in vec3 rest; in vec3 colour; in vec3 other; in vec2 pattern;
out vec3 at; out vec3 n; out vec3 r; out vec3 c1; out vec3 c2; flat out vec2 p; out vec3 in_sun;
void main() { at = place; n = normal; r = rest; c1 = colour; c2 = other; p = pattern;
  in_sun = (sun_clip * vec4(place, 1.0)).xyz * 0.5 + 0.5; gl_Position = clip * vec4(place, 1.0); }
"""
_FRAGMENT = (
    _SHARED_GLSL
    + """
uniform vec3 eye; uniform vec3 sun; uniform vec3 sunlight; uniform vec3 sky; uniform float below; uniform sampler2DShadow shadow;
in vec3 at; in vec3 n; in vec3 r; in vec3 c1; in vec3 c2; flat in vec2 p; in vec3 in_sun;
out vec4 picture;
void main() {
  vec3 q = r / max(p.y, 1e-4); float s = 0.0;
  if (p.x > 2.5) s = smoothstep(0.4, 0.6, 0.6 * noise(q) + 0.3 * noise(2.1 * q) + 0.1 * noise(4.3 * q));
  else if (p.x > 1.5) s = step(0.5, fract(q.z + 0.2 * q.x));
  else if (p.x > 0.5) s = mod(floor(q.x) + floor(q.y) + floor(q.z), 2.0);
  vec3 paint = mix(c1, c2, s);
  vec3 m = normalize(n); if (dot(m, eye - at) < 0.0) m = -m;
  float lit = texture(shadow, vec3(in_sun.xy, in_sun.z - 0.004));  // four texels compared and mixed; 1 beyond the edge
  vec3 light = sky * mix(below, 1.0, m.z * 0.5 + 0.5) + sunlight * max(dot(m, sun), 0.0) * lit;
  picture = vec4(pow(clip01(paint * light), vec3(1.0 / 2.2)), 1.0);
}
"""
).replace("clip01(", "min(vec3(1.0), ")
_SKY_FRAGMENT = (
    _SHARED_GLSL
    + """
uniform vec3 top; uniform vec3 bottom; uniform float clutter; in vec2 v; out vec4 picture;
void main() { vec3 c = mix(top, bottom, v.y);
  float s = 0.6 * noise(vec3(v * 5.0, clutter)) + 0.4 * noise(vec3(v * 13.0, clutter + 3.0));
  picture = vec4(pow(clamp(c * mix(1.0, 0.4 + 1.2 * s, step(0.5, fract(clutter))), 0.0, 1.0), vec3(1.0 / 2.2)), 1.0); }
"""
)
_SKY_VERTEX = (
    "#version 330\nin vec2 corner; out vec2 v;\nvoid main() { v = corner * 0.5 + 0.5; gl_Position = vec4(corner, 0.9999, 1.0); }"
)

_CAST_VERTEX = "#version 330\nuniform mat4 clip; in vec3 place;\nvoid main() { gl_Position = clip * vec4(place, 1.0); }"


class Drawer:
    """Does the jobs that `sequence.Renderer` does, in this process and for MakeHuman's people. Raises LifterError where OpenGL or
    the people are not to be had.
    """

    speckled = False

    def __init__(self, makehuman: Path) -> None:
        self._people = MakeHuman(makehuman)
        try:
            self._gl = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as reason:  # moderngl raises plain Exceptions
            raise LifterError(f"OpenGL cannot be used here ({reason}).", hint="Install Mesa's EGL (Debian: libegl1).") from None
        self._gl.enable(moderngl.DEPTH_TEST)
        self._program = self._gl.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._sky = self._gl.program(vertex_shader=_SKY_VERTEX, fragment_shader=_SKY_FRAGMENT)
        self._cast = self._gl.program(
            vertex_shader=_CAST_VERTEX,
            fragment_shader="#version 330\nvoid main() {}",
        )
        self._shadow = self._gl.depth_texture((_SHADOW_PX, _SHADOW_PX))
        self._shadow.compare_func = "<="
        self._shadow.repeat_x = self._shadow.repeat_y = False
        self._shadow_buffer = self._gl.framebuffer(depth_attachment=self._shadow)
        corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
        self._sky_quad = self._gl.vertex_array(self._sky, [(self._gl.buffer(corners.tobytes()), "2f", "corner")])

    def __call__(self, job: dict) -> dict:
        """As `render.render_job`. Raises LifterError for a character that is not MakeHuman's or cannot do the motion."""
        if job["character"] != MAKEHUMAN:
            raise LifterError(f"'{job['character']}' is drawn by Blender.", hint="Name a Python with --blender-python.")
        began = time.perf_counter()
        rng = np.random.default_rng([job["seed"], 2])
        joints = np.load(job["joints"], allow_pickle=False)
        human = stretched(self._people.person(rng), rng)
        loaded = time.perf_counter()
        try:
            acted = perform(human, joints, job["fps"])
        except Pose3DError as error:
            raise LifterError(error.sentence) from None
        every = np.concatenate([acted.joints, acted.heads], axis=1)
        view = stage.random_view(rng) if job["view"] is None else stage.View(**job["view"])
        camera = stage.aimed(view, every, stage.facing_rad(acted.joints[len(joints) // 2]), job["side_px"])
        boxes = stage.room(camera, every, rng)
        if job["disturbed"] and rng.random() < 0.17:
            boxes.append(stage.occluder(camera, acted.joints, rng))
        blur = float(rng.uniform(0.25, 0.8)) if job["disturbed"] and rng.random() < 0.15 else 0.0
        driven = time.perf_counter()
        self._draw(human, acted.vertices, acted.normals, camera, boxes, blur, rng, Path(job["folder"]))
        rendered = time.perf_counter()
        stage.write_truth(Path(job["folder"]), camera, acted.joints, acted.heads, blur)
        return {"load_s": loaded - began, "drive_s": driven - loaded, "render_s": rendered - driven}

    def close(self) -> None:
        self._gl.release()

    def _draw(
        self,
        human: Human,
        vertices: np.ndarray,
        normals: np.ndarray,
        camera: stage.Camera,
        boxes: list[stage.Box],
        blur: float,
        rng: np.random.Generator,
        folder: Path,
    ) -> None:
        gl, side = self._gl, round(camera.side_px * _OVERSAMPLED)
        target = gl.simple_framebuffer((side, side), 3)
        body = _Mesh(self, human.vertices, human.colours, human.others, human.patterns, human.triangles)
        things = _Mesh(self, *_painted(boxes, rng))
        middle = (vertices.min((0, 1)) + vertices.max((0, 1))) / 2
        high, around = np.radians(90 - rng.uniform(5, 70)), rng.uniform(0, 2 * np.pi)
        sun = np.array([np.cos(high) * np.cos(around), np.cos(high) * np.sin(around), np.sin(high)])
        reach = float(np.abs(vertices - middle).max()) + 0.6
        sun_clip = _orthographic(sun, middle, reach)
        colour = rng.uniform(0.6, 1.0, 3)
        lit = self._program
        lit["sun"], lit["sun_clip"] = tuple(sun), _columns(sun_clip)
        lit["sunlight"] = tuple(rng.uniform(0.8, 1.0, 3) * rng.uniform(0.1, 1.0))
        lit["sky"], lit["below"] = tuple(colour * rng.uniform(0.35, 0.85)), float(rng.uniform(0.35, 0.7))
        self._cast["clip"] = _columns(sun_clip)
        self._sky["top"], self._sky["bottom"] = tuple(colour * rng.uniform(0.1, 1.0)), tuple(rng.uniform(0.05, 0.9, 3))
        self._sky["clutter"] = float(rng.uniform(0, 50))
        turns = camera.world_from_camera
        for frame in range(len(vertices)):
            parts = [0.0] if blur == 0 else [-blur / 2, -blur / 6, blur / 6, blur / 2]
            picture = np.zeros((side, side, 3), np.float32)
            for part in parts:
                at = float(np.clip(frame + part, 0, len(vertices) - 1))
                low = min(int(at), len(vertices) - 2)
                share = np.float32(at - low)
                place = vertices[low] * (1 - share) + vertices[low + 1] * share
                normal = normals[low] * (1 - share) + normals[low + 1] * share
                body.move(place, normal)
                self._shadow_buffer.use()
                self._shadow_buffer.clear(depth=1.0)
                body.cast.render()
                things.cast.render()
                target.use()
                target.clear(depth=1.0)
                gl.depth_mask = False
                self._sky_quad.render(moderngl.TRIANGLE_STRIP)
                gl.depth_mask = True
                lit["clip"] = _columns(_perspective(camera, turns[frame]))
                lit["eye"] = tuple(camera.position_m)
                self._shadow.use(0)
                body.lit.render()
                things.lit.render()
                picture += np.frombuffer(target.read(components=3), np.uint8).reshape(side, side, 3)
            small = cv2.resize(picture / len(parts), (camera.side_px, camera.side_px), interpolation=cv2.INTER_AREA)
            cv2.imwrite(
                str(folder / f"{frame + 1:04}.png"), np.rint(small[..., ::-1]).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 0]
            )
        for mesh in (body, things):
            mesh.release()
        target.release()


class _Mesh:
    """Vertices and triangles on the device; lit and cast draw them with light and into the shadow."""

    def __init__(
        self,
        drawer: Drawer,
        rest: np.ndarray,
        colours: np.ndarray,
        others: np.ndarray,
        patterns: np.ndarray,
        triangles: np.ndarray,
        normals: np.ndarray | None = None,
    ) -> None:
        gl = drawer._gl
        moving = rest if normals is None else np.concatenate([rest, normals], axis=1)
        still = np.concatenate([rest, colours, others, patterns], axis=1).astype(np.float32)
        self._moving = gl.buffer(reserve=len(rest) * 24)
        if normals is not None:
            self._moving.write(moving.astype(np.float32).tobytes())
        self._still = gl.buffer(still.tobytes())
        self._order = gl.buffer(triangles.astype(np.int32).tobytes())
        layout = [(self._moving, "3f 3f", "place", "normal"), (self._still, "3f 3f 3f 2f", "rest", "colour", "other", "pattern")]
        self.lit = gl.vertex_array(drawer._program, layout, self._order)
        self.cast = gl.vertex_array(drawer._cast, [(self._moving, "3f 12x", "place")], self._order)

    def move(self, vertices: np.ndarray, normals: np.ndarray) -> None:
        self._moving.write(np.concatenate([vertices, normals], axis=1).astype(np.float32).tobytes())

    def release(self) -> None:
        for part in (self.lit, self.cast, self._moving, self._still, self._order):
            part.release()


def _painted(boxes: list[stage.Box], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """The boxes as _Mesh takes them."""
    vertices, normals, colours, others, patterns, triangles = [], [], [], [], [], []
    for box in boxes:
        colour = np.clip(rng.uniform(0.05, 0.8) * rng.uniform(0.6, 1.4, 3), 0.01, 0.95)
        other = np.clip(colour * rng.uniform(0.4, 1.6, 3), 0.01, 0.95)
        pattern = [
            float(rng.integers(1, 4)) if rng.random() < 0.7 else 0.0,
            float(np.exp(rng.uniform(np.log(0.06), np.log(1.2)))),
        ]
        c, s = np.cos(box.turn_rad), np.sin(box.turn_rad)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        corners = stage.BOX_CORNERS * box.size @ turn.T + box.middle
        for face in stage.BOX_FACES:
            four = corners[list(face)]
            outward = np.cross(four[1] - four[0], four[2] - four[0])
            first = 4 * len(vertices)
            vertices.append(four)
            normals.append(np.broadcast_to(outward / np.linalg.norm(outward), (4, 3)))
            colours.append(np.broadcast_to(colour, (4, 3)))
            others.append(np.broadcast_to(other, (4, 3)))
            patterns.append(np.broadcast_to(pattern, (4, 2)))
            triangles += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    if not vertices:  # nothing but the person
        return np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 2)), np.array([[0, 1, 2]]), np.zeros((3, 3))
    joined = [np.concatenate(part) for part in (vertices, colours, others, patterns)]
    return (*joined, np.array(triangles), np.concatenate(normals))


def _perspective(camera: stage.Camera, world_from_camera: np.ndarray) -> np.ndarray:
    """Clip space from the world, [4, 4]. The picture's rows go down as OpenGL's go up, so that what is read needs no turning."""
    back = np.eye(4)
    back[:3, :3] = world_from_camera.T
    back[:3, 3] = -world_from_camera.T @ camera.position_m
    f = 2 * camera.focal_px / camera.side_px
    depth = (_FAR_M + _NEAR_M) / (_FAR_M - _NEAR_M)
    lens = np.array([[f, 0, 0, 0], [0, f, 0, 0], [0, 0, depth, -2 * _FAR_M * _NEAR_M / (_FAR_M - _NEAR_M)], [0, 0, 1.0, 0]])
    return lens @ back


def _orthographic(towards: np.ndarray, middle: np.ndarray, reach: float) -> np.ndarray:
    side = np.cross([0, 0, 1.0], towards)
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-6 else np.array([1.0, 0, 0])
    axes = np.stack([side, np.cross(towards, side), -towards])
    out = np.eye(4)
    out[:3, :3] = axes / np.array([[reach], [reach], [reach + 3.0]])
    out[:3, 3] = -out[:3, :3] @ middle
    return out


def _columns(matrix: np.ndarray) -> tuple[float, ...]:
    return tuple(matrix.T.ravel().tolist())
