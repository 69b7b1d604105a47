"""A solve from the click to the moving head, and back by Ctrl+Z."""

import bpy
import numpy as np

from .. import solving
from ..hands import Steps, Until
from ..report import Report
from ..user import ICON_COLUMN, User

MOST_CLICKS = 5  # issue 4's bar, from a fresh install to a moving head
TAB_CLICKS = 1  # on the sidebar's tab SMIRK, which `open_tab` stands for
FILE_CLICKS = 2  # on a file and on Choose Footage in the file browser, which `choose` stands for
LEAST_MOTION = 0.05  # of a shape key's value, over the whole clip


def solve_by_mouse(user: User, report: Report) -> Steps:
    """A fresh Blender: choose the actor's video, press Solve, see the head move, take it back."""
    clicks = TAB_CLICKS
    yield from user.open_tab()
    yield from user.look("fresh")
    yield from user.look("fresh_panel", 'UI')
    yield from user.find("smirk.choose_footage", columns=(ICON_COLUMN,))
    clicks += 1 + FILE_CLICKS
    before = solving.scene_state(user)
    yield from solving.prepare(user, report)
    yield 1.0  # Blender makes the thumbnail in a thread
    yield from user.look("footage")
    yield from user.look("footage_panel", 'UI')
    yield from user.click("smirk.solve")
    clicks += 1
    yield Until(lambda: solving.running() is not None, "a task after the click on Solve")
    report.check("a click starts a solve", solving.running() is not None)
    yield from solving.held_half_way()
    report.check("it still runs at half", solving.running() is not None)
    yield from user.look("solving")
    yield from user.look("solving_panel", 'UI')
    solving.let_on()
    yield solving.until_over()
    yield from user.look("done")
    yield from user.look("done_panel", 'UI')
    figure = f"{clicks}, at most {MOST_CLICKS}"
    report.check("clicks from a fresh install to a moving head", clicks <= MOST_CLICKS, figure)
    yield from check_solved(user, report)
    yield from user.press("ctrl+z")
    yield Until(lambda: not solving.scene(user).smirk.takes, "the take's going after Ctrl+Z")
    report.check("one Ctrl+Z takes the whole solve back", not bpy.data.actions, f"{len(bpy.data.actions)} actions")
    yield from user.press("ctrl+z")
    yield Until(lambda: solving.head(user) is None, "the head's going after a second Ctrl+Z")
    settings = solving.scene(user).smirk
    report.check("the footage stays chosen", bool(settings.footage_path), settings.footage_path)
    changed = solving.differences(before, solving.scene_state(user))
    report.check("all is as before it", not changed, changed)
    yield from user.look("undone")


def check_solved(user: User, report: Report) -> Steps:
    """Note whether the actor's take is there and on the head."""
    scene, head = solving.scene(user), solving.head(user)
    outcome = solving.outcome(user)
    ends_well = outcome is not None and outcome.state == "done"
    report.check("it ends well", ends_well, outcome.text if outcome else "no outcome")
    takes = [take.num_frames for take in scene.smirk.takes]
    report.check("a take of all frames is in the list", takes == [solving.ACTOR_FRAMES], str(takes))
    action = head and solving.action_of(head)
    report.check("an action is on the head", action is not None, action.name if action else "")
    if action is None:
        return
    actions = [each.name for each in bpy.data.actions if not each.name.endswith(".rig")]
    report.check("there is no other action", actions == [action.name], ", ".join(actions))
    frames = solving.keyed_frames(action)
    every = np.array_equal(frames, np.arange(1, solving.ACTOR_FRAMES + 1))
    report.check("every frame has keys", every, f"{len(frames)} frames, {frames.min():g} to {frames.max():g}")
    span = (scene.frame_start, scene.frame_end)
    report.check("the frame range is the take's", span == (1, solving.ACTOR_FRAMES), str(span))
    fps = scene.render.fps / scene.render.fps_base
    report.check("the scene has the footage's rate", abs(fps - solving.ACTOR_FPS) < 1e-3, f"{fps:.4f} fps")
    poses = []
    for scene_frame in range(1, solving.ACTOR_FRAMES + 1, 5):
        scene.frame_set(scene_frame)
        poses.append([key.value for key in head.data.shape_keys.key_blocks])
        yield 0.0
    motion = np.ptp(poses, axis=0).max()
    report.check("the head moves", motion > LEAST_MOTION, f"{motion:.2f} on the key that moves most")
