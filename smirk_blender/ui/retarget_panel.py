"""The Retarget panel: which character, what is still to do, the button, what came of it, and the settings."""

from functools import lru_cache

import bpy
from bpy.types import Context, Object, Panel, UILayout, UIList

from ..retarget.arkit import ARKIT_NAMES, is_arkit, matched_names
from ..take.clean_up import REGIONS
from .landmark_panel import draw_landmarks
from .landmark_points import kept_landmarks
from .retarget_settings import ROUTES, SMIRK_PG_retarget
from .retarget_state import State, state_of
from .side_by_side import is_shown
from .sidebar import SequencerPanel, View3DPanel, character_of
from .text import draw_text

WAYS = {
    "names": "their names",
    "geometry": "what they do, with landmarks",
    "both": "their names, and corrected by what they do",
}


class SMIRK_UL_retarget_keys(UIList):
    """The character's shape keys: whether they are moved, and how far."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        name = row.row()
        name.active = item.enabled
        name.label(text=item.name)
        gain = row.row()
        gain.active = item.enabled
        gain.scale_x = 0.6
        gain.prop(item, "gain", text="", emboss=False)


def draw_retarget(layout: UILayout, context: Context) -> None:
    settings, mesh_object = context.scene.smirk.retarget, character_of(context)
    row = layout.row(align=True)
    row.prop(settings, "character", text="", icon='OUTLINER_OB_ARMATURE')
    row.operator("smirk.refresh_character", text="", icon='FILE_REFRESH')
    if mesh_object is None:
        gone = settings.character
        text = f"{gone.name} is not in this scene. Choose another" if gone is not None else ""
        draw_text(layout, context, text or "Choose the mesh of your character's face", icon='INFO')
        return
    if settings.trouble:
        draw_text(layout, context, settings.trouble, icon='ERROR', alert=True)
    has_landmarks = kept_landmarks(mesh_object) is not None
    way = way_of(settings, mesh_object, has_landmarks)
    draw_text(layout, context, _facts(mesh_object, way), icon='SHAPEKEY_DATA')
    if _key_names(mesh_object) != tuple(settings.keys.keys()):
        draw_text(layout, context, "Its shape keys are not as they were: press Read Again above", icon='INFO')
    needs_landmarks = way != 'names' and not has_landmarks
    if needs_landmarks:
        _draw_landmarks(layout, context, mesh_object)
    _draw_buttons(layout, context, settings, mesh_object)
    if not needs_landmarks and (body := _section(layout, "smirk_retarget_landmarks", "Landmarks")):
        _draw_landmarks(body, context, mesh_object)
    _draw_settings(layout, settings, way)


def _draw_landmarks(layout: UILayout, context: Context, mesh_object: Object) -> None:
    layout.operator("smirk.find_landmarks", icon='VIEWZOOM')
    draw_landmarks(layout, context, mesh_object)


def _draw_buttons(layout: UILayout, context: Context, settings: SMIRK_PG_retarget, mesh_object: Object) -> None:
    """Draw the button, and what became of the last time that it was pressed."""
    column = layout.column()
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(settings, "write_as")
    row = layout.row(align=True)
    row.scale_y = 1.3
    row.operator("smirk.retarget_take", icon='ARMATURE_DATA')
    row.prop(settings, "live", text="", icon='UV_SYNC_SELECT')
    row.operator("smirk.remove_retargeted", text="", icon='X')
    item = context.scene.smirk.active_take()
    if item is not None:
        state = state_of(context.scene, mesh_object, item)
        for text, icon in _said(state, item.name, mesh_object.name):
            draw_text(layout, context, text, icon=icon)
        if state.notes and (body := _section(layout, "smirk_retarget_notes", f"Notes ({len(state.notes)})")):
            for note in state.notes:
                draw_text(body, context, note, icon='DOT')
    layout.operator("smirk.show_side_by_side", icon='WINDOW', depress=is_shown(context))


def _said(state: State, take_name: str, character_name: str) -> list[tuple[str, str]]:
    """Return what to say of a take on a character: sentences with their icons."""
    if state.action is None:
        return [(f"{take_name} is not on {character_name} yet", 'INFO')]
    if not state.plays_it:
        return [(f"{character_name} plays {state.playing or 'nothing'}, not {state.action.name}", 'INFO')]
    lines = [(f"Plays {state.action.name}", 'CHECKMARK')]
    return lines if state.is_new else [*lines, ("Settings were changed since: press Retarget", 'INFO')]


def _draw_settings(layout: UILayout, settings: SMIRK_PG_retarget, way: str) -> None:
    column = layout.column()
    column.use_property_split, column.use_property_decorate = True, False
    if body := _section(column, "smirk_retarget_how", "How Keys Are Found"):
        body.prop(settings, "by")
        if way != 'names':
            body.prop(settings, "smoothness", slider=True)
            body.prop(settings, "sparsity", slider=True)
    if body := _section(column, "smirk_retarget_regions", "Regions"):
        for region in REGIONS:
            body.prop(settings, f"gain_{region}", slider=True)
    if len(settings.keys) and (body := _section(column, "smirk_retarget_keys", "Shape Keys")):
        _draw_keys(body, settings)
    if body := _section(column, "smirk_retarget_bones", "Bones"):
        body.prop(settings, "followers")
        for name in ROUTES:
            body.prop(settings, f"{name}_to")
            if getattr(settings, f"{name}_to") == 'bone':
                body.prop(settings, f"{name}_bone", text="", icon='BONE_DATA')
            if getattr(settings, f"{name}_to") != 'off':
                body.prop(settings, f"{name}_gain", text="Gain")
    if body := _section(column, "smirk_retarget_profile", "Profile"):
        row = body.row(align=True)
        row.operator("smirk.load_retarget_profile", text="Load", icon='FILE_FOLDER')
        row.operator("smirk.save_retarget_profile", text="Save", icon='FILE_TICK')


def _draw_keys(layout: UILayout, settings: SMIRK_PG_retarget) -> None:
    layout.template_list("SMIRK_UL_retarget_keys", "", settings, "keys", settings, "key_index", rows=4)
    if 0 <= settings.key_index < len(settings.keys):
        item = settings.keys[settings.key_index]
        column = layout.column(align=True)
        column.prop(item, "low")
        column.prop(item, "high")
        layout.prop(item, "neutral")
        layout.prop(item, "stands_for")


def way_of(settings: SMIRK_PG_retarget, mesh_object: Object, has_landmarks: bool) -> str:
    """Return how keys are found, one of WAYS, as `retarget.onto.way_of` will say."""
    if settings.by != 'auto':
        return settings.by
    stand_ins = tuple(item.stands_for for item in settings.keys if item.stands_for)
    if not _is_arkit((*_key_names(mesh_object), *stand_ins)):
        return 'geometry'
    return 'both' if has_landmarks else 'names'


def _facts(mesh_object: Object, way: str) -> str:
    """Return what the chosen character brings along, and what that means, a sentence or two."""
    names = _key_names(mesh_object)
    if not names:
        return "No shape keys: face bones follow its surface"
    num_arkit = _num_arkit(names)
    arkit = f", {num_arkit} of ARKit's {len(ARKIT_NAMES)}" if num_arkit else ""
    return f"{len(names)} shape keys{arkit}: moved by {WAYS[way]}"


def _key_names(mesh_object: Object) -> tuple[str, ...]:
    shape_keys = mesh_object.data.shape_keys
    return tuple(shape_keys.key_blocks.keys()[1:]) if shape_keys is not None else ()


@lru_cache(maxsize=8)
def _is_arkit(names: tuple[str, ...]) -> bool:
    return is_arkit(names)


@lru_cache(maxsize=8)
def _num_arkit(names: tuple[str, ...]) -> int:
    return len(matched_names(names)) if is_arkit(names) else 0


def _section(layout: UILayout, name: str, title: str) -> UILayout | None:
    header, body = layout.panel(name, default_closed=True)
    header.use_property_split = False
    header.label(text=title)
    return body


class SMIRK_PT_retarget(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_retarget"
    bl_label = "Retarget"

    def draw(self, context: Context) -> None:
        draw_retarget(self.layout, context)


class SMIRK_PT_sequencer_retarget(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_retarget"
    bl_label = "Retarget"

    def draw(self, context: Context) -> None:
        draw_retarget(self.layout, context)


classes = (SMIRK_UL_retarget_keys, SMIRK_PT_retarget, SMIRK_PT_sequencer_retarget)
register, unregister = bpy.utils.register_classes_factory(classes)
