"""A character's landmarks picked and moved by mouse."""

from pathlib import Path

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

from .. import hands, solving
from ..hands import Steps, Until
from ..pulse import Pulse
from ..report import Report
from ..user import User
from . import CHARACTER

# Where the guided list's places are on the character, in its mesh's own unit: about as MediaPipe sees them.
PLACES = {
    263: (7999, -7991, 11145), 362: (6509, -8121, 11310), 386: (7389, -7752, 11424), 374: (7293, -8240, 11474),
    285: (6276, -7417, 12034), 276: (8508, -7439, 11070), 358: (6655, -9963, 12030), 291: (6983, -11581, 11848),
    4: (5593, -9662, 13551), 0: (5593, -11244, 12716), 13: (5593, -11454, 12568), 17: (5593, -12134, 12469),
    152: (5593, -13975, 11872),
}  # fmt: skip
FACE_WIDTH = 6000.0  # in the same unit
NEAR = 0.01  # of the face's width, across the view: a click is on a pixel
EYE_CORNER, PARTNER = 263, 33


def landmarks_by_mouse(user: User, report: Report) -> Steps:
    """Pick all places that the guided list asks for, then drag one, undo, and cancel."""
    character = yield from bring(user, report)
    points = solving.addon("ui.landmark_points")
    start(user, "pick_landmarks")
    yield Until(lambda: points.shown() is not None, "the first question")
    report.check("one side is asked for", "1 of 13" in points.shown().lines[2], points.shown().lines[2])
    yield from user.look("first")
    clicked = []
    while points.shown() is not None:
        wanted = points.shown().wanted
        clicked.append(wanted)
        yield from over(user, character, PLACES[wanted])
        yield 0.2
        if wanted == 291:
            yield from hands.photograph(str(user.pictures / f"{user.pictures_start}before_click.png"))
        yield from hands.click()
        yield Until(lambda: points.shown() is None or points.shown().wanted != wanted, f"the question after {wanted}")
    report.check("every place was asked for once", sorted(clicked) == sorted(PLACES), str(clicked))
    kept = kept_places(character())
    missed = {index: np.linalg.norm((kept[index] - place)[:2]) / FACE_WIDTH for index, place in PLACES.items()}
    worst = max(missed, key=missed.get)
    what = f"% of the face's width, at {worst}"
    report.at_most("clicks landed where they were aimed", 100 * missed[worst], 100 * NEAR, what)
    report.check("the other side came by itself", len(kept) == 21, f"{len(kept)} landmarks")
    yield from user.look("picked")
    yield from turned(user, 0.6)
    yield from user.look("picked_from_its_left")
    yield from turned(user, -0.6)
    yield from drag(user, report, character)
    before = kept_places(character())
    start(user, "pick_landmarks")
    yield Until(lambda: points.shown() is not None, "the first question again")
    yield from over(user, character, PLACES[4])
    yield from hands.click()
    yield 0.3
    yield from hands.key("Escape")
    yield Until(lambda: points.shown() is None, "the end after Esc")
    report.check("Esc leaves the points as they were", same(before, kept_places(character())))


def drag(user: User, report: Report, character) -> Steps:
    points = solving.addon("ui.landmark_points")
    before = kept_places(character())
    target = (before[EYE_CORNER] + before[276]) / 2
    start(user, "move_landmark")
    yield Until(lambda: points.shown() is not None, "the points to move")
    yield from over(user, character, before[EYE_CORNER])
    yield Until(lambda: points.shown().marked == EYE_CORNER, "the point under the mouse")
    yield from hands.hold()
    yield 0.1
    pulse = Pulse()
    pulse.start()
    for share in np.linspace(0.1, 1.0, 10):
        yield from over(user, character, before[EYE_CORNER] + share * (target - before[EYE_CORNER]))
    gaps = pulse.stop()
    figure = f"median {gaps['median_ms']:.0f}, longest {gaps['max_ms']:.0f} ms"
    report.check("gaps between two ticks while dragging", True, figure)
    yield from hands.photograph(str(user.pictures / f"{user.pictures_start}dragged.png"))
    yield from hands.let_go()
    yield 0.2
    yield from hands.key("Return")
    yield Until(lambda: points.shown() is None, "the end of moving")
    after = kept_places(character())
    moved = np.linalg.norm(after[EYE_CORNER] - before[EYE_CORNER]) / FACE_WIDTH
    report.check("the point went along", moved > 0.01, f"by {100 * moved:.1f} % of the face's width")
    moved_too = np.linalg.norm(after[PARTNER] - before[PARTNER]) / FACE_WIDTH
    report.check("so did its partner", abs(moved_too - moved) < 0.002, f"by {100 * moved_too:.1f} %")
    yield from user.press("ctrl+z")
    yield 0.5
    report.check("Ctrl+Z puts it back", same(before, kept_places(character())))


def bring(user: User, report: Report) -> Steps:
    """Import the character alone, seen from its front; return a function that finds its mesh."""
    for thing in list(solving.scene(user).objects):
        bpy.data.objects.remove(thing)
    with user.override('WINDOW'):
        bpy.ops.import_scene.gltf(filepath=str(Path(report.settings["shared"]) / CHARACTER))
        name = next(thing.name for thing in bpy.data.objects if thing.type == 'MESH' and thing.data.shape_keys)
        bpy.data.objects[name].data.shape_keys.animation_data_clear()
        for key in bpy.data.objects[name].data.shape_keys.key_blocks:
            key.value = 0.0
        for thing in solving.scene(user).objects:
            thing.select_set(thing.name == name)
        user.window().view_layer.objects.active = bpy.data.objects[name]
        bpy.ops.view3d.view_axis(type='FRONT')
        bpy.ops.view3d.view_selected()
        bpy.ops.ed.undo_push(message="Import")
    yield 1.5
    return lambda: bpy.data.objects[name]


def start(user: User, name: str) -> None:
    with user.override('WINDOW'):
        getattr(bpy.ops.smirk, name)('INVOKE_DEFAULT')


def over(user: User, character, place: np.ndarray) -> Steps:
    """Put the mouse on a place (3,) of a character's mesh."""
    region, space = user.region('WINDOW'), user.area().spaces[0]
    world = character().matrix_world @ Vector(place)
    x, y = location_3d_to_region_2d(region, space.region_3d, world)
    yield from user.move(round(region.x + x), round(region.y + y))


def turned(user: User, angle_rad: float) -> Steps:
    """Look from farther round."""
    with user.override('WINDOW'):
        bpy.ops.view3d.view_orbit(angle=angle_rad, type='ORBITRIGHT')
    yield 1.0


def kept_places(mesh_object) -> dict[int, np.ndarray]:
    """Return the landmarks' places, (3,) by landmark, in the mesh's own unit."""
    landmarks = solving.addon("rig.retarget_memory").profile_of(mesh_object).landmarks
    if landmarks is None:
        return {}
    vertices = np.array([point.co for point in mesh_object.data.shape_keys.reference_key.points])
    return dict(zip(landmarks.indices.tolist(), landmarks.points(vertices[None])[0]))


def same(before: dict[int, np.ndarray], after: dict[int, np.ndarray]) -> bool:
    return before.keys() == after.keys() and all(np.allclose(before[index], after[index]) for index in before)
