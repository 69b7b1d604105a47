"""The Export panel: files for other programs, and expressions for the Asset Browser."""

import bpy
from bpy.types import Context, Panel, UILayout

from .export import draw_export
from .expressions import draw_expressions
from .latest import draw_latest
from .sidebar import SequencerPanel, View3DPanel


def draw(layout: UILayout, context: Context) -> None:
    draw_export(layout, context)
    draw_expressions(layout, context)
    draw_latest(layout, context)


class SMIRK_PT_export(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_export"
    bl_label = "Export"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: Context) -> None:
        draw(self.layout, context)


class SMIRK_PT_sequencer_export(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_export"
    bl_label = "Export"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: Context) -> None:
        draw(self.layout, context)


register, unregister = bpy.utils.register_classes_factory((SMIRK_PT_export, SMIRK_PT_sequencer_export))
