"""Where else the add-on is: the Sequencer, several windows, the preferences."""

import bpy
import numpy as np

from .. import hands, solving
from ..hands import Steps, Until
from ..report import Report
from ..user import User
from . import MODULE

SCENE_FPS = 24
STRIP_START = 31  # scene frame
TRIMMED = 12  # of the strip's frames, at either end
CHECK_LIMIT_S = 120.0  # a Python without packages is looked at in a second, one with them in twenty


def add_strip(user: User, report: Report):
    """Put the actor's video into the Sequencer, trimmed, and make it the active strip; return it."""
    scene, compat = solving.scene(user), solving.addon("rig.compat")
    scene.render.fps, scene.render.fps_base = SCENE_FPS, 1.0
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = compat.sequencer_strips(scene)
    strip = strips.new_movie("actor", solving.actor(report), channel=1, frame_start=STRIP_START)
    strip.frame_offset_start = strip.frame_offset_end = TRIMMED
    editor.active_strip = strip
    compat.show_in_sequencers(scene)
    return strip


def sequencer(user: User, report: Report) -> Steps:
    """A trimmed strip of 29.97 fps in a scene of 24, solved from the Sequencer's sidebar."""
    solving.addon("ui.preferences").preferences().worker_python = report.settings["python"]
    strip = add_strip(user, report)
    first, last = strip.frame_final_start, strip.frame_final_end - 1
    solving.scene(user).smirk.footage_kind = 'STRIP'
    solving.scene(user).smirk.bake.timing = 'resample'
    yield from user.show('SEQUENCE_EDITOR')
    yield from user.open_tab()
    yield 1.0
    yield from user.look("footage")
    yield from user.look("footage_panel", 'UI')
    yield from user.click("smirk.solve")
    yield Until(lambda: solving.running() is not None, "a task after the click on Solve")
    yield from solving.held_half_way()
    yield from user.look("solving")
    solving.let_on()
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("it ends well", outcome.state == "done", outcome.text)
    scene, head = solving.scene(user), solving.head(user)
    report.check("the scene keeps its rate", scene.render.fps / scene.render.fps_base == SCENE_FPS)
    action = head and solving.action_of(head)
    frames = solving.keyed_frames(action) if action else np.zeros(0)
    figure = f"{len(frames)} frames, {frames[:1]} to {frames[-1:]}; the strip {first} to {last}"
    report.check("keys lie on the strip's frames", np.array_equal(frames, np.arange(first, last + 1)), figure)
    yield from user.look("done")
    yield from user.look("done_panel", 'UI')


def two_windows_and_queue(user: User, report: Report) -> Steps:
    """Two solves, from two windows; the first window is closed while they run."""
    yield from solving.prepare(user, report)
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
        bpy.ops.wm.window_new_main()
    yield Until(lambda: len(bpy.data.window_managers[0].windows) == 2, "a second window")
    solving.start(user)
    user.window_number = 1
    yield from user.begin()
    yield from user.open_tab()
    solving.start(user)
    yield 1.0
    report.check("two are in the queue", len(solving.addon("ui.tasks").tasks()) == 2)
    yield solving.until_fraction(0.1)
    yield from user.look("queue")
    yield from user.look("queue_panel", 'UI')
    keymap = bpy.context.window_manager.keyconfigs.addon.keymaps.new(name="Window")
    keymap.keymap_items.new("wm.window_close", 'F19', 'PRESS')  # a script's call would leave its context without one
    user.window_number = 0
    yield from user.begin()
    yield from hands.key("F19")
    yield Until(lambda: len(bpy.data.window_managers[0].windows) == 1, "the first window's end")
    user.window_number = 0
    yield from user.begin()
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("both end well", outcome.state == "done", outcome.text)
    takes = [take.num_frames for take in solving.scene(user).smirk.takes]
    report.check("two takes are in the list", takes == [solving.ACTOR_FRAMES] * 2, str(takes))
    yield from user.look("done")


def preferences_page(user: User, report: Report) -> Steps:
    """The add-on's page in Blender's preferences."""
    bpy.context.preferences.active_section = 'ADDONS'
    with user.override('WINDOW'):
        bpy.ops.screen.userpref_show()
        bpy.ops.preferences.addon_show(module=MODULE)
    yield 2.0
    windows = bpy.data.window_managers[0].windows
    editors = [area.type for window in windows for area in window.screen.areas]
    report.check("the preferences are open", 'PREFERENCES' in editors, ", ".join(editors))
    number = next(n for n, window in enumerate(windows) if 'PREFERENCES' in [area.type for area in window.screen.areas])
    user.window_number, user.editor = number, 'PREFERENCES'
    yield from user.begin()
    yield from user.look("page")
    installation = solving.addon("ui.installation")
    with user.override('WINDOW'):
        bpy.ops.smirk.check_installation()
    findings = installation.installation_findings
    yield Until(lambda: findings.job is None and findings.lines, "what was found", CHECK_LIMIT_S)
    yield 1.0
    yield from user.look("checked")
    with user.override('WINDOW'):
        bpy.ops.smirk.copy_report()
    copied = bpy.context.window_manager.clipboard
    report.check("the report is on the clipboard", all(line.subject in copied for line in findings.lines))
