"""A take brought onto a character by mouse: landmarks, retarget, a gain, geometry, side by side."""

import time
from pathlib import Path

import bpy
import numpy as np

from .. import solving
from ..hands import Steps, Until
from ..pulse import Pulse
from ..report import Report
from ..user import User
from .clean_up import bring_packages, note_pulse, solved_sample, until_idle
from .readme import save_picture, undress

CHARACTER = "rigs/facecap.glb"
FIND_LIMIT_S = 120.0
RETARGET_LIMIT_S = 60.0
SEEN_WITHIN_S = 10.0  # from a change of a setting to other keys, drawn by software on a machine at five times its load
LEAST_CHANGE = 1e-3
SHOWN_FRAMES = (30, 70, 110)
DRAWN_S = 15.0  # until both are drawn eight times over, by software
MIDDLE = (0.4,)  # of the sidebar's width: where its large buttons are


def retarget_by_mouse(user: User, report: Report) -> Steps:
    """Solve the sample, bring a character, and let it play the take."""
    bring_packages(report)
    bpy.context.preferences.system.viewport_aa = 'OFF'  # else Blender draws eight times after each change, by software
    yield from solved_sample(user, report)
    yield until_idle()
    mesh_object = bring_character(user, report)
    yield 1.0
    with user.override('WINDOW'):
        solving.scene(user).smirk.retarget.character = mesh_object
    leave_alone("SMIRK_PT_retarget")
    yield 1.0
    yield from user.look("chosen", 'UI')
    pulse = Pulse()
    pulse.start()
    yield from user.click("smirk.retarget_take", columns=MIDDLE)
    yield Until(lambda: solving.running() is not None, "a task after the click on Retarget")
    yield until_idle()
    note_pulse(report, "retarget by names", pulse.stop())
    outcome = solving.outcome(user)
    report.check("by names it ends well", outcome.state == "done", outcome.text)
    yield from show(user, mesh_object, "names")
    by_names = keys_of(mesh_object)
    report.check("keys move", max(np.ptp(values) for values in by_names.values()) > 0.1)
    settings = solving.scene(user).smirk.retarget
    settings.by = 'geometry'
    yield Until(lambda: "Find Landmarks" in settings.trouble, "word of what is missing")
    yield from user.look("no_landmarks", 'UI')
    pulse.start()
    yield from user.click("smirk.find_landmarks", columns=MIDDLE)
    yield Until(lambda: solving.running() is not None, "a task after the click on Find Landmarks")
    yield Until(lambda: solving.outcome(user) is not None, "the landmarks", FIND_LIMIT_S)
    note_pulse(report, "finding landmarks", pulse.stop())
    outcome = solving.outcome(user)
    report.check("landmarks are found", outcome.state == "done", outcome.text)
    began_s = time.perf_counter()
    yield Until(lambda: change(by_names, keys_of(mesh_object)) > LEAST_CHANGE, "other keys", RETARGET_LIMIT_S)
    report.check("geometry moves them too", True, f"seen after {time.perf_counter() - began_s:.2f} s, the first time")
    yield until_idle()
    yield from show(user, mesh_object, "geometry")
    before = keys_of(mesh_object)
    pulse.start()
    yield 2.0
    note_pulse(report, "nothing", pulse.stop())
    pulse.start()
    settings.gain_mouth = 1.5
    began_s = time.perf_counter()
    yield Until(lambda: change(before, keys_of(mesh_object)) > LEAST_CHANGE, "other keys", RETARGET_LIMIT_S)
    seen_s = time.perf_counter() - began_s
    report.check("a gain is seen soon", seen_s < SEEN_WITHIN_S, f"{seen_s:.2f} s, at most {SEEN_WITHIN_S:g}")
    yield until_idle()
    note_pulse(report, "a gain", pulse.stop(), list(solving.addon("ui.tasks").tick_times_s)[-30:])
    settings.gain_mouth = 1.0
    yield 0.5
    yield until_idle()
    for number in range(10):
        yield from user.look(f"panel_{number}", 'UI')
        if not (yield from user.scroll(4)):
            break
    undress(user.area())
    areas = len(user.window().screen.areas)
    yield from user.click("smirk.show_side_by_side", columns=MIDDLE)
    yield 2.0
    for frame in SHOWN_FRAMES:
        solving.scene(user).frame_set(frame)
        yield 1.0
        yield from user.look(f"side_by_side_{frame}")
    solving.scene(user).frame_set(SHOWN_FRAMES[1])
    yield 1.0
    yield from picture_of_both(user, report)
    yield from user.click("smirk.show_side_by_side", columns=MIDDLE)
    yield 1.0
    view = user.area().spaces[0]
    alone = len(user.window().screen.areas) == areas and view.local_view is None
    report.check("side by side ends where it began", alone, f"{len(user.window().screen.areas)} areas, {areas} before")
    yield from user.look("one_again")


def picture_of_both(user: User, report: Report) -> Steps:
    """Save the two viewports as a picture of the README's, drawn smoothly."""
    bpy.context.preferences.system.viewport_aa = '8'
    yield DRAWN_S
    left, top, right, height = yield from user.on_screen(user.area())
    right += left
    for area in user.window().screen.areas:
        if area.type == 'VIEW_3D':
            left = min(left, (yield from user.on_screen(area))[0])
    yield from save_picture(user, report, "retarget", (left, top, right - left, height))


def leave_alone(name: str) -> None:
    """Take the add-on's other panels out of the sidebar, as if they were folded: the mouse looks for buttons in all."""
    for panel in list(bpy.types.Panel.__subclasses__()):
        if panel.__name__.startswith("SMIRK_PT_") and panel.__name__ != name and panel.is_registered:
            bpy.utils.unregister_class(panel)


def bring_character(user: User, report: Report):
    """Import the character; return its mesh with the shape keys."""
    before = set(bpy.data.objects)
    with user.override('WINDOW'):
        bpy.ops.import_scene.gltf(filepath=str(Path(report.settings["shared"]) / CHARACTER))
    new = [thing for thing in bpy.data.objects if thing not in before]
    return next(thing for thing in new if thing.type == 'MESH' and thing.data.shape_keys is not None)


def show(user: User, mesh_object, name: str) -> Steps:
    """Look the character in the face at some frames."""
    solving.addon("ui.side_by_side").look_at(user.area(), mesh_object)
    for frame in SHOWN_FRAMES:
        solving.scene(user).frame_set(frame)
        yield 0.5
        yield from user.look(f"{name}_{frame}")
    yield from user.look(f"{name}_panel", 'UI')


def keys_of(mesh_object) -> dict[str, np.ndarray]:
    """Return the keys' values of the action that the character's shape keys play."""
    compat, action = solving.addon("rig.compat"), mesh_object.data.shape_keys.animation_data.action
    return {curve.data_path: compat.read_fcurve(curve)[1] for curve in compat.fcurves(action)} if action else {}


def change(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> float:
    shared = [name for name in before if name in after and before[name].shape == after[name].shape]
    return max((float(np.abs(before[name] - after[name]).max()) for name in shared), default=0.0)
