"""Heads: added by a click, taken back by Ctrl+Z."""

import bpy

from ..hands import Steps, Until
from ..pulse import Pulse
from ..report import Report
from ..user import User

IDLE_GAP_MS = 50.0  # issue 4's bar for a window during a solve


def heads() -> list[str]:
    """Return the names of the meshes that have shape keys: heads, as the start-up file has none."""
    return [thing.name for thing in bpy.data.objects if thing.type == 'MESH' and thing.data.shape_keys]


def head_in_second_window(user: User, report: Report) -> Steps:
    """A second window has the panel too, and its buttons work there."""
    with user.override('WINDOW'):
        bpy.ops.wm.window_new_main()
    yield Until(lambda: len(bpy.data.window_managers[0].windows) == 2, "a second window")
    user.window_number = 1
    yield from user.begin()
    yield from user.open_tab()
    yield from user.click("smirk.add_builtin_head")
    yield Until(heads, "a head after the click in the second window")
    report.check("a click in a second window adds the built-in head", len(heads()) == 1, ", ".join(heads()))
    yield from user.look("head")


def head_by_mouse(user: User, report: Report) -> Steps:
    """A fresh Blender: the tab, one click for a head, one Ctrl+Z against it."""
    yield from user.open_tab()
    yield from user.look("fresh")
    yield from user.look("fresh_panel", 'UI')
    pulse = Pulse()
    pulse.start()
    yield 1.0
    gaps = pulse.stop()
    report.at_most("an idle window's median gap between ticks", gaps["median_ms"], IDLE_GAP_MS, "ms")
    yield from user.click("smirk.add_builtin_head")
    yield Until(heads, "a head after the click on Add Built-in Head")
    report.check("a click adds the built-in head", len(heads()) == 1, ", ".join(heads()))
    yield from user.look("head")
    yield from user.look("head_panel", 'UI')
    yield from user.press("ctrl+z")
    yield Until(lambda: not heads(), "the head's going after Ctrl+Z")
    report.check("Ctrl+Z takes it back", not heads())
    yield from user.look("undone")
