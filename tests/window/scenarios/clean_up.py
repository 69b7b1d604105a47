"""A take cleaned, refined and compared by mouse, while the head plays what comes of it."""

import sys
import time

import bpy
import numpy as np

from .. import solving
from ..hands import Steps, Until
from ..pulse import Pulse
from ..report import Report
from ..user import User
from .readme import front

CLEAN_LIMIT_S = 30.0
REFINE_LIMIT_S = 120.0
SEEN_WITHIN_S = 1.0  # issue 6's bar, where Blender's own Python has all packages
BY_WORKER_WITHIN_S = 4.0  # where a worker has to be started for every change
LEAST_CHANGE = 1e-4  # of a key's value, at any frame
DRAG_S = 3.0
CHECKBOX = 0.18  # of the sidebar's width: where a part's switch is
SETTING = "Scene.smirk.takes[0].clean_up."


def clean_up_by_mouse(user: User, report: Report) -> Steps:
    """Solve the sample; then change what the panel offers, and look at the head."""
    bring_packages(report)
    yield from solved_sample(user, report)
    solved_s = time.perf_counter()
    yield Until(lambda: take(user).quality, "what was found in the take", CLEAN_LIMIT_S)
    later_s = time.perf_counter() - solved_s
    report.check("what was found is said after the first bake", True, f"{later_s:.2f} s later")
    report.check("it ends well", solving.outcome(user).state == "done", solving.outcome(user).text)
    report.check("a new take is cleaned", take(user).clean_up.enabled)
    yield from user.find("smirk.refine_take")
    yield from user.look("solved")
    yield from user.look("solved_panel", 'UI')
    before = keys_of(user)
    pulse = Pulse()
    pulse.start()
    yield from user.click(f"{SETTING}smoothing_enabled", columns=(CHECKBOX,))
    yield Until(lambda: solving.running() is not None, "a task after the click on Smoothing")
    began_s = time.perf_counter()
    yield Until(lambda: change(before, keys_of(user)) > LEAST_CHANGE, "another face", CLEAN_LIMIT_S)
    seen_s = time.perf_counter() - began_s
    yield Until(lambda: solving.running() is None, "the task's end", CLEAN_LIMIT_S)
    gaps = pulse.stop()
    limit_s = SEEN_WITHIN_S if has_scipy() else BY_WORKER_WITHIN_S
    report.check("the head changes soon after a click", seen_s < limit_s, f"{seen_s:.2f} s, at most {limit_s:g}")
    note_pulse(report, "meanwhile", gaps)
    yield from user.look("not_smoothed_panel", 'UI')
    yield from user.press("ctrl+z")
    yield Until(lambda: take(user).clean_up.smoothing_enabled, "the setting's return after Ctrl+Z")
    yield Until(lambda: solving.running() is None, "the task's end", CLEAN_LIMIT_S)
    back = change(before, keys_of(user))
    report.check("Ctrl+Z brings the setting and the face back", back < LEAST_CHANGE, f"off by {back:.2g}")
    before = keys_of(user)
    yield from user.click("smirk.refine_take")
    yield Until(lambda: take(user).refined, "the refined take", REFINE_LIMIT_S)
    yield Until(lambda: change(before, keys_of(user)) > LEAST_CHANGE, "another face", CLEAN_LIMIT_S)
    yield Until(lambda: solving.running() is None, "the task's end", CLEAN_LIMIT_S)
    moved = change(before, keys_of(user))
    report.check("refining changes the face", True, f"by {moved:.2f} on the key that moves most")
    yield from user.look("refined")
    yield from user.look("refined_panel", 'UI')
    yield from user.click("smirk.compare_take")
    yield Until(lambda: playing(user) == "solved", "the take as solved", CLEAN_LIMIT_S)
    yield from user.look("as_solved")
    yield from user.click("smirk.compare_take")
    yield Until(lambda: playing(user) == "cleaned", "the take as cleaned", CLEAN_LIMIT_S)
    report.check("one action plays, and one is kept as solved", len(bpy.data.actions) == 2, str(len(bpy.data.actions)))


def panel_pictures(user: User, report: Report) -> Steps:
    """Look at all of the panel, with the actor's take, as cleaned, as solved, and not played."""
    bring_packages(report)
    panel = solving.addon("ui.clean_up")
    section = panel._section
    panel._section = lambda *arguments, closed=False: section(*arguments)
    yield from solving.prepare(user, report)
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    yield from front(user)
    solving.start(user)
    yield 1.0
    yield until_solved(user)
    yield from user.look("solved", 'UI')
    yield Until(lambda: take(user).quality, "what was found in the take", CLEAN_LIMIT_S)
    take(user).clean_up.neutral_source = 'auto'
    yield Until(lambda: solving.running() is not None, "a task")
    yield from user.look("cleaning", 'UI')
    yield until_idle()
    for number in range(12):
        yield from user.look(f"part_{number}", 'UI')
        if not (yield from user.scroll(4)):
            break
    report.check("the panel has an end", number < 11, f"{number} scrolls")
    yield from user.scroll(-100)
    with user.override('WINDOW'):
        bpy.ops.smirk.compare_take('INVOKE_DEFAULT')
    yield until_idle()
    yield from user.scroll(12)
    yield from user.look("as_solved", 'UI')
    with user.override('WINDOW'):
        bpy.ops.smirk.compare_take('INVOKE_DEFAULT')
    yield until_idle()
    solving.head(user).data.shape_keys.animation_data.action = bpy.data.actions.new("by hand")
    yield from user.look("another_action", 'UI')


def clean_up_alive(user: User, report: Report) -> Steps:
    """Change settings of the actor's take, once and again and again: how soon that is seen, and what stands still."""
    bring_packages(report)
    tasks, follow = solving.addon("ui.tasks"), solving.addon("ui.clean_follow")
    yield from solving.prepare(user, report)
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    solving.start(user)
    yield 1.0
    yield until_idle()
    pulse = Pulse()
    pulse.start()
    yield 3.0
    note_pulse(report, "idle", pulse.stop())
    settings = take(user).clean_up
    for number, name in enumerate(("smoothing_enabled", "gains_jaw", "gains_mouth", "neutral_source")):
        before = keys_of(user)
        tasks.tick_times_s.clear()
        pulse.start()
        began_s = time.perf_counter()
        setattr(settings, name, (False, 1.4, 1.3, 'auto')[number])
        yield Until(lambda: not follow.is_up_to_date(take(user)), "a change", CLEAN_LIMIT_S, 0.0)
        yield Until(lambda: follow.is_up_to_date(take(user)), "another face", CLEAN_LIMIT_S, 0.01)
        seen_s = time.perf_counter() - began_s
        report.check(f"{name} changes the face", change(before, keys_of(user)) > LEAST_CHANGE)
        limit_s = SEEN_WITHIN_S if has_scipy() else BY_WORKER_WITHIN_S
        report.check(f"{name} is seen soon", seen_s < limit_s, f"{seen_s:.2f} s, at most {limit_s:g}")
        yield until_idle()
        note_pulse(report, name, pulse.stop(), tasks.tick_times_s)
    seen: set[str] = set()
    tasks.tick_times_s.clear()
    pulse.start()
    until_s = time.perf_counter() + DRAG_S
    while time.perf_counter() < until_s:
        settings.gains_jaw = 1.0 + 0.5 * (until_s - time.perf_counter()) / DRAG_S
        yield 1 / 60
        seen.add(take(user).action.get("smirk_clean_up", ""))
    report.check("a slider that is dragged", True, f"{len(seen - {''}) - 1} changes seen in {DRAG_S:g} s")
    until_drag_s = time.perf_counter()
    yield until_idle()
    report.check("all is over after a drag", True, f"{time.perf_counter() - until_drag_s:.2f} s later")
    note_pulse(report, "drag", pulse.stop(), tasks.tick_times_s)
    report.check("the head plays what the panel says", follow.is_up_to_date(take(user)))


def note_pulse(report: Report, what: str, gaps: dict[str, float], ticks_s=()) -> None:
    text = f"median {gaps['median_ms']:.0f}, 95 % {gaps['p95_ms']:.0f}, longest {gaps['max_ms']:.0f} ms"
    if len(ticks_s):
        median, p99, longest = np.percentile(1000 * np.array(ticks_s), (50, 99, 100))
        text += f"; the add-on's own work: median {median:.1f}, 99 % {p99:.1f}, longest {longest:.1f} ms"
    report.check(f"gaps between two ticks, {what}", True, text)


def solved_sample(user: User, report: Report) -> Steps:
    """Solve the sample by the panel, in a scene with a head alone."""
    solving.addon("ui.preferences").preferences().worker_python = report.settings["python"]
    for thing in list(solving.scene(user).objects):
        bpy.data.objects.remove(thing)
    yield from user.open_tab()
    with user.override('WINDOW'):
        bpy.ops.smirk.use_sample()
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    yield from front(user)
    solving.start(user)
    yield 1.0
    yield until_solved(user)


def bring_packages(report: Report) -> None:
    """Give Blender's Python the packages that a larger zip brings, where a folder of them is named."""
    if folder := report.settings["packages"]:
        sys.path.append(folder)


def until_solved(user: User) -> Until:
    return Until(lambda: solving.outcome(user) is not None, "the end of the solve", 300.0)


def until_idle() -> Until:
    return Until(lambda: solving.running() is None, "the end of all tasks", 300.0)


def take(user: User):
    return solving.scene(user).smirk.takes[0]


def playing(user: User) -> str:
    return solving.addon("ui.playing").playing(solving.scene(user), take(user))


def keys_of(user: User) -> dict[str, np.ndarray]:
    """Return the keys' values of every F-curve of the action that the take was baked to."""
    compat = solving.addon("rig.compat")
    curves = compat.fcurves(take(user).action)
    return {f"{curve.data_path} {curve.array_index}": compat.read_fcurve(curve)[1] for curve in curves}


def change(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> float:
    """Return the greatest change of any curve's keys; infinite where there are others."""
    if before.keys() != after.keys() or any(len(after[path]) != len(values) for path, values in before.items()):
        return np.inf
    return max(float(np.abs(after[path] - values).max()) for path, values in before.items())


def has_scipy() -> bool:
    return solving.addon("ui.clean_steps").cleans_here()
