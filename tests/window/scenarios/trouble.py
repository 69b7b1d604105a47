"""What goes wrong around a solve: bad footage, a bad Python, things deleted or saved while it runs."""

from pathlib import Path

import bpy

from .. import solving
from ..hands import Steps, program
from ..report import Report
from ..user import User
from .places import add_strip

NO_FACE = """
import sys, cv2, numpy as np
video = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (320, 240))
for frame in range(20): video.write(np.full((240, 320, 3), 5 * frame, np.uint8))
video.release()
"""


def error_states(user: User, report: Report) -> Steps:
    """Footage without a face, a worker's Python that is none or has no packages, footage that has gone."""
    no_face = Path(report.settings["folder"]) / "no_face.mp4"
    yield from program(report.settings["python"], "-c", NO_FACE, no_face)
    yield from solving.prepare(user, report, str(no_face))
    yield from note_failure(user, report, "no_face", "face")
    solving.choose(user, solving.actor(report))
    preferences = solving.addon("ui.preferences").preferences()
    preferences.worker_python = "/nowhere/python"
    yield from note_failure(user, report, "no_python", "/nowhere/python")
    preferences.worker_python = "/usr/bin/true"
    yield from note_failure(user, report, "not_a_python", "/usr/bin/true")
    preferences.worker_python = report.settings["python"]
    no_face.unlink()
    solving.scene(user).smirk.footage_path = str(no_face)
    yield from note_failure(user, report, "no_file", "no_face.mp4")


def note_failure(user: User, report: Report, name: str, said: str) -> Steps:
    """Solve, and note whether it fails with these words in its text or hint; with pictures."""
    actions = len(bpy.data.actions)
    try:
        solving.start(user)
    except RuntimeError:  # how an operator's error report reaches a script
        pass
    yield solving.until_over()
    yield 1.0
    outcome = solving.outcome(user)
    text = f"{outcome.text} | {outcome.hint}" if outcome else "no outcome"
    report.check(f"{name}: it fails, and says why", bool(outcome) and outcome.state == "failed" and said in text, text)
    report.check(f"{name}: no action is left", len(bpy.data.actions) == actions)
    yield from user.look(name)
    yield from user.press("Escape")
    yield from user.look(f"{name}_panel", 'UI')


def saved_meanwhile(user: User, report: Report) -> Steps:
    """The file is saved half-way, the solve goes on; the file opens."""
    yield from solving.prepare(user, report)
    solving.start(user)
    yield from solving.held_half_way()
    path = Path(report.settings["folder"]) / "saved.blend"
    with user.override('WINDOW'):
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    there = solving.head(user) is not None
    solving.let_on()
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("the solve goes on", outcome.state == "done", outcome.text)
    with user.override('WINDOW'):
        bpy.ops.wm.open_mainfile(filepath=str(path))
    yield 2.0
    report.check("the file opens", bpy.data.filepath == str(path))
    report.check("the head is in it, as when it was saved", (solving.head(user) is not None) == there, str(there))
    yield from user.open_tab()
    yield from user.look("opened")
    solving.start(user)
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("it can be solved on", outcome.state == "done", outcome.text)
    beside = list(path.parent.glob("takes/*.take.npz"))
    report.check("its take lies beside the file", len(beside) == 1, ", ".join(each.name for each in beside))


def head_deleted(user: User, report: Report) -> Steps:
    """The head is deleted half-way."""
    yield from solving.prepare(user, report)
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    solving.start(user)
    yield from solving.held_half_way()
    head = solving.head(user)
    rig = head.parent
    bpy.data.objects.remove(head)
    bpy.data.objects.remove(rig)
    solving.let_on()
    yield solving.until_over()
    yield from note_deleted(user, report, "head", solving.scene(user).smirk.takes)


def scene_deleted(user: User, report: Report) -> Steps:
    """The scene is deleted half-way; another one is there."""
    yield from solving.prepare(user, report)
    name, folder = solving.scene(user).name, solving.addon("ui.preferences").takes_folder()
    before = set(folder.glob("*.take.npz"))  # other scenarios'
    solving.start(user)
    yield from solving.held_half_way()
    other = bpy.data.scenes.new("Other")
    user.window().scene = other
    bpy.data.scenes.remove(bpy.data.scenes[name])
    solving.let_on()
    yield solving.until_over()
    outcome = solving.addon("ui.tasks").outcome_of(name)
    report.check("it ends with a message", outcome.state == "failed" and "scene" in outcome.text, outcome.text)
    files = list(set(folder.glob("*.take.npz")) - before)
    kept = len(files) == 1 and str(files[0]) in outcome.text
    report.check("the take's file is kept", kept, ", ".join(map(str, files)))
    yield from user.look("deleted")


def strip_deleted(user: User, report: Report) -> Steps:
    """The strip that is solved is deleted half-way: the take goes where the strip was."""
    yield from solving.prepare(user, report)
    strip = add_strip(user, report)
    name, start = strip.name, strip.frame_final_start
    solving.scene(user).smirk.footage_kind = 'STRIP'
    solving.start(user)
    yield from solving.held_half_way()
    strips = solving.addon("rig.compat").sequencer_strips(solving.scene(user))
    strips.remove(strips[name])
    solving.let_on()
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("it ends with a message", outcome is not None, f"{outcome.state}: {outcome.text}")
    report.check("the take is kept", len(solving.scene(user).smirk.takes) == 1)
    head = solving.head(user)
    action = head and solving.action_of(head)
    first = solving.keyed_frames(action).min() if action else None
    report.check("it lies where the strip was", first == start, f"from {first}, the strip from {start}")
    yield from user.look("deleted")


def note_deleted(user: User, report: Report, what: str, takes) -> Steps:
    outcome = solving.outcome(user)
    report.check("it ends with a message", outcome.state == "failed" and what in outcome.text, outcome.text)
    report.check("the take is kept", [take.num_frames for take in takes] == [solving.ACTOR_FRAMES])
    yield from user.look("deleted")
    yield from user.press("Escape")
    yield from user.look("deleted_panel", 'UI')
