"""The Clean-up panel: the active take's settings, and what they come to on the head."""

import bpy
from bpy.types import Context, Panel, UILayout

from ..take.clean_up import GROUPS, REGIONS
from .clean_follow import is_up_to_date, task_of
from .clean_operators import NO_LANDMARKS
from .clean_up_settings import SMIRK_PG_clean_up
from .playing import playing
from .properties import SMIRK_PG_take
from .sidebar import SequencerPanel, View3DPanel
from .text import draw_text

STANDINGS = {
    "cleaned": ("The head plays it cleaned", 'CHECKMARK'),
    "solved": ("The head plays it as solved", 'CHECKMARK'),
    "strips": ("Played from NLA strips", 'NLA'),
    "other": ("The head plays another action", 'INFO'),
    "no head": ("Its head was deleted: bake again", 'ERROR'),
    "not baked": ("Not baked yet: see Bake, below", 'INFO'),
}


def draw_clean_up(layout: UILayout, context: Context) -> None:
    scene_settings, item = context.scene.smirk, context.scene.smirk.active_take()
    if item is None:
        draw_text(layout, context, "Solve a video or open a take first", icon='INFO')
        return
    settings = item.clean_up
    row = layout.row(align=True)
    row.prop(settings, "enabled")
    row.prop(scene_settings, "clean_live", text="", icon='FILE_REFRESH')
    row.operator("smirk.reset_clean_up", text="", icon='LOOP_BACK')
    _draw_standing(layout, context, item)
    draw_quality(layout, context, item)
    column = layout.column()
    column.active = settings.enabled
    column.use_property_split, column.use_property_decorate = True, False
    _draw_refine(column, context, item)
    if body := _section(column, "smirk_smoothing", "Smoothing", settings, "smoothing_enabled"):
        for group in GROUPS:
            body.prop(settings, f"smoothing_{group}", slider=True)
    if body := _section(column, "smirk_mend", "Spikes and Gaps", closed=True):
        body.prop(settings, "spikes_enabled")
        spikes = body.column()
        spikes.active = settings.spikes_enabled
        spikes.prop(settings, "spikes_threshold")
        spikes.prop(settings, "spikes_least_confidence", slider=True)
        body.prop(settings, "fill_enabled")
        fill = body.column()
        fill.active = settings.fill_enabled
        for name in ("fill_limit_s", "fill_beyond", "fill_ease_s"):
            fill.prop(settings, name)
    if body := _section(column, "smirk_identity", "Identity and Neutral", closed=True):
        _draw_identity(body, context, item)
    if body := _section(column, "smirk_gains", "Gains", closed=True):
        for region in REGIONS:
            body.prop(settings, f"gains_{region}", slider=True)
        body.prop(settings, "gains_asymmetry", slider=True)
        body.prop(settings, "gains_mirror")
    if body := _section(column, "smirk_timing", "Trim and Speed", closed=True):
        for end in ('FIRST', 'LAST'):
            row = body.row(align=True)
            row.prop(settings, f"timing_{end.lower()}_frame")
            row.operator("smirk.trim_here", text="", icon='TRACKING_BACKWARDS_SINGLE').end = end
        body.prop(settings, "timing_speed")


def _draw_standing(layout: UILayout, context: Context, item: SMIRK_PG_take) -> None:
    """Draw what the head plays of the take, in as many lines as before: a slider below is not to move away."""
    now, task = playing(context.scene, item), task_of(context.scene, item)
    text, icon = STANDINGS[now]
    if now == "cleaned" and not item.clean_up.enabled:
        text = "The head plays it as solved"
    if task is not None and hasattr(task, "touch"):
        text, icon = f"{task.text} ...", 'SORTTIME'
    elif now in ("cleaned", "solved", "strips", "other") and not is_up_to_date(item):
        text, icon = "Changed since it was baked", 'FILE_REFRESH'
    row = layout.row(align=True)
    row.label(text=text, icon=icon)
    row.operator("smirk.clean_take", text="", icon='PLAY')
    row = layout.row(align=True)
    row.active = item.clean_up.enabled or now == "other"
    shown = now in ("cleaned", "strips")
    text = "Play This Take" if now == "other" else "Show As Solved" if shown else "Show Cleaned"
    row.operator("smirk.compare_take", text=text, icon='ARROW_LEFTRIGHT', depress=now == "solved")
    if item.trouble:
        draw_text(layout, context, item.trouble, icon='ERROR', alert=True)
    if item.file_settings:
        text = "The take's file got another clean-up after this .blend was saved"
        draw_text(layout, context, text, icon='ERROR')
        row = layout.row(align=True)
        row.operator("smirk.settle_clean_up", text="Use the File's").keep = 'FILE'
        row.operator("smirk.settle_clean_up", text="Keep This One").keep = 'BLEND'
    from .clean_steps import cleans_here

    if not cleans_here():
        draw_text(layout, context, "Blender's Python has no SciPy: each change takes seconds", icon='INFO')


def draw_quality(layout: UILayout, context: Context, item: SMIRK_PG_take) -> None:
    """Draw what was found in the take, before and after."""
    body = _section(layout, "smirk_quality", "Found in the Take")
    if body is None:
        return
    task = task_of(context.scene, item)
    body.active = task is None  # else it is of settings before
    text = item.quality or ("Looking at the take ..." if task is not None else "Bake the take to see")
    column = body.column(align=True)
    for line in text.splitlines():
        draw_text(column, context, line)


def _draw_identity(layout: UILayout, context: Context, item: SMIRK_PG_take) -> None:
    settings = item.clean_up
    layout.prop(settings, "identity_source")
    layout.prop(settings, "neutral_source")
    if settings.neutral_source == 'range':
        layout.prop(settings, "neutral_first_frame", text="Neutral Frames")
        layout.prop(settings, "neutral_last_frame", text="To")
    if settings.neutral_source == 'auto' and item.neutral_found:
        if item.rests:
            draw_text(layout, context, f"It rests {item.neutral_found}", icon='CHECKMARK')
        else:
            text = (
                f"The face rests nowhere in this take: the stillest is {item.neutral_found}, and taking that out bends "
                "every other frame. Choose Frames, an Actor Profile's, or As Solved"
            )
            draw_text(layout, context, text, icon='ERROR', alert=True)
    if settings.neutral_source != 'off':
        layout.prop(settings, "neutral_strength", slider=True)
    layout.operator("smirk.set_neutral", text="Neutral from Current Frame", icon='EYEDROPPER')
    if 'profile' in (settings.identity_source, settings.neutral_source):
        layout.prop(settings, "identity_profile")
    row = layout.row(align=True)
    row.operator("smirk.load_profile", icon='FILE_FOLDER')
    row.operator("smirk.save_profile", text="Save", icon='FILE_TICK')


def _draw_refine(layout: UILayout, context: Context, item: SMIRK_PG_take) -> None:
    body = _section(layout, "smirk_refine", "Refine")
    if body is None:
        return
    if item.refined:
        for name in ("refine_mouth", "refine_lids", "refine_brows"):
            body.prop(item.clean_up, name, slider=True)
    text = "Refine Again" if item.refined else "Refine Lips and Lids"
    body.operator("smirk.refine_take", text=text, icon='MOD_SHRINKWRAP')
    if not item.has_landmarks:
        draw_text(body, context, NO_LANDMARKS, icon='INFO')


def _section(
    layout: UILayout,
    name: str,
    title: str,
    settings: SMIRK_PG_clean_up | None = None,
    switch: str = "",
    *,
    closed: bool = False,
) -> UILayout | None:
    """Draw a part that folds; return where its content goes, None while it is folded."""
    header, body = layout.panel(name, default_closed=closed)
    header.use_property_split = False
    if switch:
        header.prop(settings, switch, text="")
    header.label(text=title)
    if body is not None and switch:
        body.active = getattr(settings, switch)
    return body


class SMIRK_PT_clean_up(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_clean_up"
    bl_label = "Clean-up"

    def draw(self, context: Context) -> None:
        draw_clean_up(self.layout, context)


class SMIRK_PT_sequencer_clean_up(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_clean_up"
    bl_label = "Clean-up"

    def draw(self, context: Context) -> None:
        draw_clean_up(self.layout, context)


classes = (SMIRK_PT_clean_up, SMIRK_PT_sequencer_clean_up)
register, unregister = bpy.utils.register_classes_factory(classes)
