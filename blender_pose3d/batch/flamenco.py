"""A job type for Flamenco, Blender's render farm: a JavaScript file beside its Manager, which makes a task of every clip.

The interface is the one of Flamenco 3: https://flamenco.blender.org/usage/job-types/. A task is a `retarget` of its own, not a
`batch`: Flamenco keeps the journal, and says again what is to be done where a machine is lost.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from .jobs import CLIP_SUFFIXES

# In the artist's Blender, at submission: the Manager cannot look into folders. Nested scopes see no names of Flamenco's.
_CLIPS = (
    "__import__('json').dumps(sorted(p.name for p in Path(abspath(settings.clips_folder)).glob(settings.clips_pattern)"
    " if p.is_file() and p.suffix.lower() in {suffixes}))"
)


def job_type(build_py: Path, *, version: str) -> str:
    """The script's text. build_py: where build.py is by default; a job may name another one."""
    clips = _CLIPS.format(suffixes=tuple(sorted(CLIP_SUFFIXES)))
    values = {"VERSION": version, "BUILD_PY": json.dumps(build_py.as_posix()), "CLIPS": json.dumps(clips)}
    # In one go: a path may have any of the words in it.
    return re.sub("|".join(values), lambda match: values[match[0]], _SCRIPT)


_SCRIPT = r"""// SPDX-License-Identifier: GPL-3.0-or-later
// Made by Pose3D VERSION: python3 build.py flamenco pose3d.js

const JOB_TYPE = {
    label: "Pose3D: animate a character from clips",
    description: "Every clip of a folder becomes an animated copy of the rig.",
    settings: [
        { key: "clips_folder", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Folder of the clips, by the same path on every machine or by a two-way variable" },
        { key: "clips_pattern", type: "string", default: "*", visible: "submission",
          description: "Which files of the folder, as in walk_*.mp4" },
        { key: "clips", type: "string", required: true, visible: "web", eval: CLIPS,
          description: "Names of the clips, found when the job is submitted" },
        { key: "rig", type: "string", subtype: "file_path", required: true,
          description: "The character: a .blend, .glb, .gltf, .fbx or .bvh file, or the word rigify" },
        { key: "armature", type: "string", default: "", description: "Name of the armature, where a .blend has several" },
        { key: "preset", type: "string", default: "auto", description: "How the bones are named: auto, a preset's name or file" },
        { key: "output_folder", type: "string", subtype: "dir_path", required: true, description: "Where the results go" },
        { key: "output_kind", type: "string", default: "glb", choices: ["glb", "fbx", "bvh", "blend"],
          description: "Kind of file to write" },
        { key: "fps", type: "float", default: 0.0, propargs: { min: 0, max: 1000 },
          description: "Frame rate of the results; 0 for the clip's own or the .blend's" },
        { key: "options", type: "string", default: "",
          description: "Other options of Pose3D's retarget, as --start=2 --end=9.5" },
        { key: "build_py", type: "string", subtype: "file_path", required: true, default: BUILD_PY,
          description: "Pose3D's build.py, by the same path on every machine or by a two-way variable" },
    ]
};

function compileJob(job) {
    const settings = job.settings;
    const clips = JSON.parse(settings.clips);
    if (clips.length === 0) {
        throw `There is no clip in ${settings.clips_folder} whose name is like ${settings.clips_pattern}.`;
    }
    const outputs = {};
    for (const clip of clips) {
        const output = path.join(settings.output_folder, `${path.stem(clip)}.${settings.output_kind}`);
        if (output in outputs) {
            throw `${clip} and ${outputs[output]} would both become ${output}: choose clips with a pattern.`;
        }
        outputs[output] = clip;
        job.addTask(animate(settings, clip, output));
    }
    print(`Pose3D: ${clips.length} clips`);
}

function animate(settings, clip, output) {
    const words = [
        "--background", "--factory-startup", "--python-exit-code", "1", "--python", settings.build_py, "--",
        "retarget", path.join(settings.clips_folder, clip),
        `--rig=${settings.rig}${settings.armature ? ":" + settings.armature : ""}`,
        `--out=${output}`,
        `--preset=${settings.preset || "auto"}`,
    ];
    if (settings.fps > 0) {
        words.push(`--fps=${settings.fps}`);
    }
    const task = author.Task(clip, "blender");
    task.addCommand(author.Command("make-directory", { path: settings.output_folder }));
    // Not blender-render, which wants a .blend to open and frames to be saved.
    task.addCommand(author.Command("exec", { exe: "{blender}", args: words.concat(shellSplit(settings.options || "")) }));
    return task;
}
"""
