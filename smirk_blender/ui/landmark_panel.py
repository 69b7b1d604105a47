"""A character's landmarks in a panel: how many there are, what is missing, and the buttons."""

from bpy.types import Context, Object, UILayout

from ..retarget.guide import is_enough, missing_places
from .landmark_points import kept_landmarks, settings
from .text import draw_text

MANY = 100  # landmarks: found in a picture, not picked
FEW = 3  # names of missing places


def draw_landmarks(layout: UILayout, context: Context, mesh_object: Object) -> None:
    """Draw what there is to say and to do about a character's landmarks."""
    landmarks = kept_landmarks(mesh_object)
    indices = set(landmarks.indices.tolist()) if landmarks is not None else set()
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("smirk.pick_landmarks", text="Pick Points", icon='RESTRICT_SELECT_OFF')
    row.operator("smirk.move_landmark", text="Move", icon='SNAP_FACE')
    row.operator("smirk.clear_landmarks", text="", icon='X')
    row = column.row(align=True)
    row.prop(settings(context), "show", toggle=True, icon='HIDE_OFF' if settings(context).show else 'HIDE_ON')
    row.prop(settings(context), "mirror", toggle=True, icon='MOD_MIRROR')
    if not indices:
        draw_text(layout, context, f"No landmarks on {mesh_object.name} yet", 'INFO')
        return
    kind = "found" if len(indices) >= MANY else "picked"
    draw_text(layout, context, f"{len(indices)} landmarks, {kind}", 'CHECKMARK')
    missing = [place.name for place in missing_places(indices)]
    if missing and len(indices) < MANY:
        more = f" and {len(missing) - FEW} more" if len(missing) > FEW else ""
        draw_text(layout, context, f"Missing: {', '.join(missing[:FEW])}{more}", 'INFO', alert=not is_enough(indices))
