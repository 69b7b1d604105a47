"""The README's pictures, made with the clip that comes with the add-on."""

import bpy

from .. import hands, solving
from ..hands import Steps
from ..report import Report
from ..user import User

WIDTH_PX = 1200
LEFT = 0.25  # of the viewport's width, with nothing in it
HOLD_AFTER_S = 1.5  # from the first part; the sample has 150 frames
COLORS = 256  # of a picture: keeps it small
SHOWN_FRAME = 70  # of the sample: a smile and a wink


def readme_pictures(user: User, report: Report) -> Steps:
    """The panel before, during and after a solve, with the head from its front."""
    for thing in list(solving.scene(user).objects):
        bpy.data.objects.remove(thing)
    solving.addon("ui.preferences").preferences().worker_python = report.settings["python"]
    yield from user.open_tab()
    undress(user.area())
    yield from user.click("smirk.use_sample")
    yield 1.0
    with user.override('WINDOW'):
        bpy.ops.smirk.add_builtin_head('EXEC_DEFAULT')
    yield from front(user)
    yield from picture(user, report, "panel_fresh")
    yield from user.click("smirk.solve")
    yield from solving.held_half_way(HOLD_AFTER_S)
    yield 2.0
    yield from picture(user, report, "solving")
    solving.let_on()
    yield solving.until_over()
    outcome = solving.outcome(user)
    report.check("it ends well", outcome.state == "done", outcome.text)
    solving.scene(user).frame_set(SHOWN_FRAME)
    yield from front(user)
    yield from picture(user, report, "done")


def front(user: User) -> Steps:
    """Look at the head from its front, large."""
    head = solving.head(user)
    for thing in solving.scene(user).objects:
        thing.select_set(thing == head)
    with user.override('WINDOW'):
        bpy.ops.view3d.view_axis(type='FRONT')
        bpy.ops.view3d.view_selected()
    yield 1.0


def picture(user: User, report: Report, name: str, left_out: float = LEFT) -> Steps:
    """Save the editor as a picture of the README's, without this much of its width on the left."""
    left, top, width, height = yield from user.on_screen(user.area())
    cut = int(left_out * width)
    yield from save_picture(user, report, name, (left + cut, top, width - cut, height))


def save_picture(user: User, report: Report, name: str, place: tuple[int, int, int, int]) -> Steps:
    """Save a part of the screen (left, top, width, height in pixels) as a picture of the README's."""
    yield from user.rest()
    folder = user.pictures / "readme"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.png"
    yield from hands.photograph(str(path), place)
    yield from hands.program("convert", path, "-resize", f"{WIDTH_PX}x>", "+dither", "-colors", COLORS, path)
    size_kb = path.stat().st_size / 1000
    report.check(f"{name} is there", 5 < size_kb < 300, f"{size_kb:.0f} kB")


def undress(area: bpy.types.Area) -> None:
    """Leave nothing in a viewport but its picture and its sidebar."""
    space = area.spaces[0]
    space.show_gizmo = space.show_region_toolbar = space.show_region_tool_header = space.show_region_header = False
    overlay = space.overlay
    overlay.show_text = overlay.show_cursor = overlay.show_bones = overlay.show_object_origins = False
    overlay.show_outline_selected = False
