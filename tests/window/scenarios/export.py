"""Exports and expressions by mouse: files for other programs, and faces for the Asset Browser."""

from pathlib import Path

import bpy
import numpy as np

from .. import hands, solving
from ..hands import Steps, Until
from ..pulse import Pulse
from ..report import Report
from ..user import User
from .clean_up import bring_packages, note_pulse, solved_sample, until_idle
from .install import editor_of, go_to
from .readme import front
from .retarget import MIDDLE, leave_alone

CONFIRM = (0.92,)  # of the width of the file browser's lowest row: where its blue button is
HEADER_PX = 14  # from a sidebar's upper edge to the middle of its first panel's header
EXPRESSIVE_FRAME = 70  # of the sample: a smile and a wink
OWN_WORK_MS = 200.0  # handing the head over is the longest: 30 ms where the machine has nothing else to do
LEAST_CHANGE = 0.05  # of a key's value
APPEAR_LIMIT_S = 20.0
FIRST_TILE_PX = 50  # from the upper left corner of an Asset Browser to the middle of its first asset
SAME = 1e-4  # of a key's value


def export_by_mouse(user: User, report: Report) -> Steps:
    """Solve the sample; export the head in every format, stop one; keep an expression and put it on again."""
    bring_packages(report)
    folder = Path(report.settings["folder"]) / "exports"
    folder.mkdir()
    yield from solved_sample(user, report)
    yield until_idle()
    leave_alone("SMIRK_PT_export")
    yield 1.0
    region = user.region()
    yield from user.move(region.x + region.width // 4, region.y + region.height - HEADER_PX)
    yield from hands.click()
    yield 1.0
    yield from user.look("panel", 'UI')
    ticks_s = solving.addon("ui.tasks").tick_times_s
    kinds = [kind for kind, _, _ in solving.addon("ui.export").HEAD_FORMATS]
    for kind in kinds:
        ticks_s.clear()
        pulse = yield from export(user, folder, kind)
        yield until_idle()
        note_pulse(report, kind, pulse.stop(), ticks_s)
        report.at_most("the add-on's longest piece of work", 1000 * max(ticks_s), OWN_WORK_MS, "ms")
        outcome, path = solving.outcome(user), folder / f"face.{kind}"
        report.check(f"{kind} is written", outcome.state == "done" and path.stat().st_size > 1e5, outcome.text)
    yield from user.look("written", 'UI')
    yield from export(user, folder, "csv", "smirk.export_take")
    yield until_idle()
    rows = (folder / "face.csv").read_text().count("\n")
    num_frames = len(solving.keyed_frames(solving.action_of(solving.head(user))))
    report.check("a take is written", rows == 1 + num_frames, f"{rows} lines for {num_frames} frames")
    yield from stopped_by_escape(user, report, folder)
    yield from expression_by_mouse(user, report, folder / "library" / "faces.blend")


def export(user: User, folder: Path, kind: str, operator: str = "smirk.export_head"):
    """Press Export Head or Export Take, choose format and name, accept; return a pulse that began then."""
    yield from user.click(operator, columns=MIDDLE)
    yield from go_to(user, 'FILE_BROWSER')
    _, area = editor_of('FILE_BROWSER')
    area.spaces[0].active_operator.format = kind
    area.spaces[0].params.directory, area.spaces[0].params.filename = bytes(folder), f"face.{kind}"
    yield 0.5
    yield from user.look(f"choose_{kind}")
    yield from user.click("file.execute", 'EXECUTE', CONFIRM)
    user.window_number, user.editor = 0, 'VIEW_3D'
    yield from user.begin()
    pulse = Pulse()
    pulse.start()
    return pulse


def stopped_by_escape(user: User, report: Report, folder: Path) -> Steps:
    """Begin to write a file once more, and press Esc."""
    path = folder / "face.glb"
    before, files = path.read_bytes(), sorted(folder.iterdir())
    yield from export(user, folder, "glb")
    yield Until(lambda: (task := solving.running()) is not None and task.fraction, "progress", APPEAR_LIMIT_S)
    yield from user.look("running", 'UI')
    yield from user.press("Escape")
    gone_s = yield from solving.seconds_until_gone()
    yield until_idle()
    report.at_most("Blender's child goes after Esc", gone_s, solving.GONE_WITHIN_S, "s")
    same = path.read_bytes() == before and sorted(folder.iterdir()) == files
    report.check("a stopped export leaves what was there", same, solving.outcome(user).text)
    yield from user.look("stopped", 'UI')


def expression_by_mouse(user: User, report: Report, library: Path) -> Steps:
    """Save what the head shows as an expression, and put it onto the resting head from the Asset Browser."""
    library.parent.mkdir()
    with user.override('WINDOW'):
        bpy.ops.wm.save_as_mainfile(filepath=str(library))
    solving.scene(user).frame_set(EXPRESSIVE_FRAME)
    wanted = key_values(user)
    ticks_s = solving.addon("ui.tasks").tick_times_s
    ticks_s.clear()
    yield from user.click("smirk.save_expression", columns=MIDDLE)
    yield 0.5
    yield from user.look("name_it")
    yield from hands.key("Return")
    yield Until(lambda: bpy.data.actions.get("Expression"), "the expression", APPEAR_LIMIT_S)
    yield until_idle()
    report.at_most("an expression's longest piece of work", 1000 * max(ticks_s), OWN_WORK_MS, "ms")
    action = bpy.data.actions["Expression"]
    report.check("it is an asset with a picture", action.asset_data and any(action.preview.image_size), action.name)
    yield from user.look("saved", 'UI')
    yield from rest(user)
    resting = key_values(user)
    yield from open_assets(user)
    yield from user.look("assets")
    yield from apply_first_asset(user)
    user.area().ui_type = user.editor = 'VIEW_3D'
    yield 1.0
    yield from user.look("applied")
    shown = key_values(user)
    report.check("the head changes", np.abs(shown - resting).max() > LEAST_CHANGE)
    report.at_most("it shows what was saved", np.abs(shown - wanted).max(), SAME, "of a key")
    yield from user.press("ctrl+z")
    yield Until(lambda: np.abs(key_values(user) - resting).max() < SAME, "the resting face after Ctrl+Z")
    yield from from_a_library(user, report, library, wanted)


def from_a_library(user: User, report: Report, library: Path, wanted: np.ndarray) -> Steps:
    """Put the expression onto a head in another .blend, by a library of the Preferences."""
    with user.override('WINDOW'):
        bpy.ops.wm.save_mainfile()
        bpy.context.preferences.filepaths.asset_libraries.new(name="Faces", directory=str(library.parent))
        bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield 1.0
    yield from user.begin()
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    yield from open_assets(user, "Faces")
    yield 2.0  # until the library is read
    yield from user.look("library")
    yield from apply_first_asset(user)
    user.area().ui_type = user.editor = 'VIEW_3D'
    yield from front(user)
    yield from user.look("from_library")
    report.at_most("another .blend's head shows it", np.abs(key_values(user) - wanted).max(), SAME, "of a key")


def rest(user: User) -> Steps:
    """Let the head show nothing, and play nothing; an undo step."""
    for thing in (solving.head(user).data.shape_keys, solving.head(user).parent):
        thing.animation_data.action = None
    for key in solving.head(user).data.shape_keys.key_blocks:
        key.value = 0.0
    with user.override('WINDOW'):
        bpy.ops.ed.undo_push(message="Rest")
    yield 0.5


def open_assets(user: User, library: str = "LOCAL") -> Steps:
    """Turn the viewport into an Asset Browser of a library, this file's if none is named."""
    user.area().ui_type, user.editor = 'ASSETS', 'FILE_BROWSER'
    yield 1.0
    user.area().spaces[0].params.asset_library_reference = library
    yield 1.0


def apply_first_asset(user: User) -> Steps:
    """Click on the first asset that is listed, open its menu, and take the menu's first entry."""
    main = user.region('WINDOW')
    yield from user.move(main.x + FIRST_TILE_PX, main.y + main.height - FIRST_TILE_PX)
    yield from hands.click()
    yield 0.5
    yield from hands.click(3)
    yield 1.0
    yield from hands.photograph(str(user.pictures / f"{user.pictures_start}menu.png"))
    yield from hands.key("Home")
    yield 0.3
    yield from hands.key("Return")
    yield 1.0


def key_values(user: User) -> np.ndarray:
    """Return the values of the keys that an expression has."""
    assets, head_object = solving.addon("rig.pose_assets"), solving.head(user)
    names = assets.keys_of_parts(head_object, assets.FACE)
    return np.array([head_object.data.shape_keys.key_blocks[name].value for name in names])
