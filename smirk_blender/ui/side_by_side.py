"""Footage and head on the left, the character on the right: two viewports that play together.

Each shows its own objects alone, by Blender's local view; by that the two are known again, also in a file that was
opened again. Leaving a local view gives a viewport back what it showed before.
"""

from collections.abc import Collection

import bpy
from bpy.types import Area, Context, Object, Operator, Region, Screen, SpaceView3D, Window

from ..errors import RetargetError, SmirkError
from ..rig import is_head
from ..rig.character import armature_of_character
from . import landmark_points
from .outcome import report
from .retarget import CharacterOperator
from .sidebar import character_of

LAID_OUT_S = 0.1  # after a split, until the viewports have their sizes
LEFT_PART = 0.47  # of the viewport: the right one has the sidebar
HEAD_PART = 0.52  # of a view's larger side, that a head of usual form takes across
ORTHO_WIDTH = 72.0  # a viewport's larger side shows this many times its distance, over its focal length in mm


class SMIRK_OT_show_side_by_side(CharacterOperator, Operator):
    bl_idname = "smirk.show_side_by_side"
    bl_label = "Side by Side"
    bl_description = "Split the viewport: footage and head on the left, the character on the right; again to end it"

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._toggle(context))

    def _toggle(self, context: Context) -> str:
        if bpy.app.background:
            raise RetargetError("Side by Side needs a window. Open the file in Blender's window")
        if is_shown(context):
            bpy.app.timers.register(lambda: _end(context.window), first_interval=0.0)  # the button's area may go
            return "One viewport again"
        return _begin(context)


def is_shown(context: Context) -> bool:
    """Return whether the screen has a viewport of the head and one of the character."""
    return None not in _pair(context.screen, context.scene.objects, character_of(context))


def look_at(area: Area, mesh_object: Object) -> None:
    """Let a 3D viewport look a character in the face, between its toolbar and its sidebar where those are open."""
    from ..rig.face_view import face_view

    middle, turn, distance = face_view(mesh_object)
    space, window = area.spaces.active, _region(area, 'WINDOW')
    left_px = _region(area, 'TOOLS').width if space.show_region_toolbar else 0
    right_px = _region(area, 'UI').width if space.show_region_ui else 0
    larger_px, free_px = max(window.width, window.height), window.width - left_px - right_px
    if 0 < free_px < HEAD_PART * larger_px:
        distance *= HEAD_PART * larger_px / free_px
    shift = (right_px - left_px) / 2 / larger_px * ORTHO_WIDTH / space.lens * distance if free_px > 0 else 0.0
    view = space.region_3d
    view.view_perspective = 'ORTHO'
    view.view_rotation = turn
    view.view_location = middle + shift * turn.to_matrix().col[0]  # to the right
    view.view_distance = distance
    space.clip_start = min(space.clip_start, distance / 100)
    space.clip_end = max(space.clip_end, distance * 100)


def _begin(context: Context) -> str:
    scene, mesh_object = context.scene, character_of(context)
    viewports = [area for area in context.screen.areas if area.type == 'VIEW_3D']
    if not viewports:
        raise RetargetError("No 3D viewport is open. Open one, and choose Side by Side again")
    here = context.area is not None and context.area.type == 'VIEW_3D'
    right = context.area if here else max(viewports, key=lambda area: area.width * area.height)
    known = {area.as_pointer() for area in context.screen.areas}
    with context.temp_override(area=right, region=_region(right, 'WINDOW')):
        bpy.ops.screen.area_split(direction='VERTICAL', factor=LEFT_PART)
    left = next(area for area in context.screen.areas if area.as_pointer() not in known)
    family = character_family(mesh_object, scene.objects)
    _show_alone(context, right, family)  # before the footage turns every viewport to the camera
    trouble = _show_footage(context)
    heads = [thing for thing in scene.objects if is_head(thing)]
    turned = [thing.parent for thing in heads if thing.parent is not None]
    stage = [scene.camera] if scene.camera is not None else []
    _show_alone(context, left, [*heads, *turned, *stage])
    _tidy(left.spaces.active)
    landmark_points.settings(context).show = False  # they would lie over what is to be compared
    bpy.app.timers.register(lambda window=context.window: _lay_out(window), first_interval=LAID_OUT_S)
    return trouble or f"Footage and head on the left, {mesh_object.name} on the right"


def _show_footage(context: Context) -> str:
    """Show the active take's footage behind the head; return what is in the way of it, or ""."""
    if context.scene.smirk.active_take() is None:
        return "No take is active, so no footage is shown"
    try:
        bpy.ops.smirk.show_footage()
    except RuntimeError as error:  # what the operator reported
        return str(error).removeprefix("Error: ").strip()
    return ""


def _end(window: Window) -> None:
    """Close the viewport of the head, and let that of the character show what it did."""
    with bpy.context.temp_override(window=window):
        left, right = _pair(window.screen, bpy.context.scene.objects, character_of(bpy.context))
        if left is None or right is None:
            return
        for area in (left, right):
            with bpy.context.temp_override(window=window, area=area, region=_region(area, 'WINDOW')):
                bpy.ops.view3d.localview(frame_selected=True)
        with bpy.context.temp_override(window=window, area=left, region=_region(left, 'WINDOW')):
            bpy.ops.screen.area_close()


def _lay_out(window: Window) -> None:
    """Frame what both viewports show, once they have their sizes."""
    with bpy.context.temp_override(window=window):
        mesh_object = character_of(bpy.context)
        left, right = _pair(window.screen, bpy.context.scene.objects, mesh_object)
        if left is None or right is None:
            return
        if left.spaces.active.region_3d.view_perspective == 'CAMERA':
            with bpy.context.temp_override(window=window, area=left, region=_region(left, 'WINDOW')):
                bpy.ops.view3d.view_center_camera()
        try:
            look_at(right, mesh_object)
        except SmirkError as error:  # its profile cannot be read: the view stays as it is
            print(f"Side by Side: {error}")


def character_family(mesh_object: Object, objects: Collection[Object]) -> list[Object]:
    """Return a character's objects among some: what shares its topmost parent, and what its armature deforms."""
    armature = armature_of_character(mesh_object)
    family = {}
    for thing in filter(None, (mesh_object, armature)):
        top = thing
        while top.parent is not None:
            top = top.parent
        family |= dict.fromkeys((top, *top.children_recursive))
    if armature is not None:
        deformed = [
            thing
            for thing in objects
            if any(item.type == 'ARMATURE' and item.object == armature for item in thing.modifiers)
        ]
        family |= dict.fromkeys(deformed)
    return [thing for thing in family if not is_head(thing)]


def _show_alone(context: Context, area: Area, things: list[Object]) -> None:
    """Let a viewport show some objects alone; the selection stays.

    Raises:
        RetargetError: none of them is to be seen.
    """
    space, objects = area.spaces.active, context.view_layer.objects
    wanted = [thing for thing in things if thing.name in objects]
    seen = [thing for thing in wanted if thing.visible_get() and not thing.hide_select]
    if not seen:
        names = ", ".join(thing.name for thing in things) or "A head"
        raise RetargetError(f"{names} cannot be seen or selected. Show it in the Outliner, or add a head")
    selected = [thing for thing in objects if thing.select_get()]
    with context.temp_override(area=area, region=_region(area, 'WINDOW')):
        if space.local_view is not None:
            bpy.ops.view3d.localview(frame_selected=False)
        try:
            for thing in objects:
                thing.select_set(thing in seen)
            bpy.ops.view3d.localview(frame_selected=False)
        finally:
            for thing in objects:
                thing.select_set(thing in selected)
        for thing in objects:  # in Edit Mode, Blender takes what is edited instead
            thing.local_view_set(space, thing in wanted)


def _tidy(space: SpaceView3D) -> None:
    """Leave nothing in a viewport but its picture."""
    space.show_region_ui = space.show_region_toolbar = space.show_region_tool_header = False
    space.show_gizmo = space.overlay.show_text = space.overlay.show_outline_selected = False


def _pair(screen: Screen, objects: Collection[Object], mesh_object: Object | None) -> tuple[Area | None, Area | None]:
    """Return the viewports of the head and of the character; None for each that is not there."""
    found: dict[str, Area] = {}
    heads = [thing for thing in objects if is_head(thing)]
    for area in screen.areas if screen is not None and mesh_object is not None else ():
        space = area.spaces.active
        if area.type == 'VIEW_3D' and space.local_view is not None:
            has_character = mesh_object.local_view_get(space)
            if has_character != any(head.local_view_get(space) for head in heads):
                found["right" if has_character else "left"] = area
            elif not has_character and space.region_3d.view_perspective == 'CAMERA':  # footage without a head
                found["left"] = area
    return found.get("left"), found.get("right")


def _region(area: Area, kind: str) -> Region:
    return next(region for region in area.regions if region.type == kind)


classes = (SMIRK_OT_show_side_by_side,)
register, unregister = bpy.utils.register_classes_factory(classes)
