"""Sentences in panels: broken into lines, since Blender cuts a label off where its panel ends."""

import textwrap

from bpy.types import Context, UILayout

CHARACTER_PX = 6.0  # at a scale of 1; sentences in Blender's own font measure 5.4 a letter
MARGIN_PX = 76.0  # of box and icon, at a scale of 1
MIN_CHARACTERS = 20


def draw_text(
    layout: UILayout, context: Context, text: str, icon: str = 'NONE', part: float = 1.0, *, alert: bool = False
) -> None:
    """Draw a text over as many lines as it takes, the icon before the first.

    Args:
        part: of the region's width, that the layout has to itself.
        alert: whether it is about something wrong.
    """
    scale = context.preferences.system.ui_scale
    width_px = context.region.width * part / scale - MARGIN_PX
    width = max(int(width_px / CHARACTER_PX), MIN_CHARACTERS)
    lines = [line for paragraph in text.splitlines() for line in textwrap.wrap(paragraph, width)] or [""]
    column = layout.column(align=True)
    column.alert = alert
    column.scale_y = 0.8
    for index, line in enumerate(lines):
        column.label(text=line, icon=icon if index == 0 else 'NONE' if icon == 'NONE' else 'BLANK1')
