"""What the Asset Browser's menus get of ours.

A module without `bpy`: where a function in the menu Asset knows one that has it, Blender 4.5 as a module never ends.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpy.types import Context, Menu


def draw_apply(menu: "Menu", context: "Context") -> None:
    from .expressions import chosen_asset

    if chosen_asset(context) is not None:
        menu.layout.operator_context = 'INVOKE_DEFAULT'
        menu.layout.operator("smirk.apply_expression", text="Apply Expression to Head")
        menu.layout.separator()
