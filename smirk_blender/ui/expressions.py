"""Expressions: what the head shows kept as an asset, and put on a head again, from the panel or the Asset Browser."""

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty
from bpy.types import Action, Context, Event, Menu, Operator, UILayout

from ..errors import SmirkError
from ..rig.memory import EXPRESSION_TAG
from . import outcome
from .asset_menu import draw_apply
from .latest import WatchedOperator
from .sidebar import HeadOperator, target_head
from .tasks import Task

CATALOG = "Expressions"
# Menus of the Asset Browser that get an entry; which there are differs between versions.
ASSET_MENUS = ("ASSETBROWSER_MT_context_menu", "ASSETBROWSER_MT_asset")
MOST_LISTED = 30  # in the panel's menu; the Asset Browser has them all


class SMIRK_OT_save_expression(HeadOperator, WatchedOperator, Operator):
    bl_idname = "smirk.save_expression"
    bl_label = "Save Expression"
    bl_description = "Keep what the head shows now as an asset: an action of one frame, with a picture"
    bl_options = {'UNDO'}

    name: StringProperty(name="Name", description="What the expression is called", default="Expression")
    catalog: StringProperty(
        name="Catalog",
        description="Where the Asset Browser lists it, parts with a slash between; only a saved .blend has them",
        default=CATALOG,
    )
    description: StringProperty(name="Description", description="A sentence for the Asset Browser")
    parts: EnumProperty(
        name="Keys",
        description="What it moves",
        items=(
            ('face', "Face", "Expression, lids, jaw and gaze"),
            ('all', "Face and Head", "The head's and the neck's rotation, too"),
        ),
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.clicked = True
        return context.window_manager.invoke_props_dialog(self, confirm_text="Save")

    def make_task(self, context: Context) -> Task:
        from ..retarget.selection import ALL_PARTS  # enabling the add-on does without
        from ..rig.pose_assets import FACE
        from .expression_task import SaveExpressionTask

        return SaveExpressionTask(
            context.scene,
            target_head(context),
            self.name.strip() or "Expression",
            parts=FACE if self.parts == 'face' else ALL_PARTS,
            catalog=self.catalog.strip(),
            description=self.description,
        )


class SMIRK_OT_apply_expression(HeadOperator, Operator):
    bl_idname = "smirk.apply_expression"
    bl_label = "Apply Expression"
    bl_description = "Let the head show an expression, or some of it; with Auto Keying on, at this frame of its action"

    action: StringProperty(name="Expression", description="The action's name; the Asset Browser's where left empty")
    library: StringProperty(
        name="Library",
        description="The .blend that it is in; this one where left empty",
        subtype='FILE_PATH',
        options={'HIDDEN'},
    )
    blend: FloatProperty(
        name="Blend",
        description="How much of it: 0 leaves the face as it is, 1 is the whole expression",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype='FACTOR',
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        asset = chosen_asset(context)
        if not self.action and asset is not None:
            self.action = asset.name
            self.library = "" if asset.local_id is not None else asset.full_library_path
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        return outcome.report(self, lambda: self._apply(context))

    def _apply(self, context: Context) -> str:
        from ..rig.pose_assets import apply_expression  # likewise

        action = find_expression(self.action, self.library)
        auto = context.scene.tool_settings.use_keyframe_insert_auto
        head_object = target_head(context)
        key_frame = float(context.scene.frame_current) if auto else None
        applied = apply_expression(head_object, action, blend=self.blend, key_frame=key_frame)
        missing = f"; it has no {', '.join(applied.missing[:3])}" if applied.missing else ""
        animation = head_object.data.shape_keys.animation_data
        passing = not auto and animation is not None and animation.action is not None
        hint = ", until the frame changes: turn Auto Keying on to keep it in the action" if passing else ""
        return f"{head_object.name} shows {action.name}{missing}{hint}"


class SMIRK_MT_expressions(Menu):
    bl_idname = "SMIRK_MT_expressions"
    bl_label = "Apply Expression"
    bl_description = "Let the head show an expression of this .blend"

    def draw(self, context: Context) -> None:
        for action in expressions()[:MOST_LISTED]:
            self.layout.operator("smirk.apply_expression", text=action.name, translate=False).action = action.name


def expressions() -> list[Action]:
    """Return the expressions in this .blend, by name; cheap enough for a panel."""
    return [action for action in bpy.data.actions if EXPRESSION_TAG in action]


def find_expression(name: str, library: str = "") -> Action:
    """Return an expression of this .blend, or of another, from where it is appended once.

    Raises:
        SmirkError: there is none of that name.
    """
    found = bpy.data.actions.get((name, None)) if name else None
    if found is not None and not library:
        return found
    if not library:
        raise SmirkError(f"No expression {name!r} is in this .blend. Choose one in the Asset Browser, or save one")
    path = bpy.path.abspath(library)
    for action in expressions():
        if action.name == name and action.get("smirk_from") == path:
            return action
    try:
        with bpy.data.libraries.load(path) as (there, wanted):
            wanted.actions = [each for each in there.actions if each == name]
    except OSError as error:
        raise SmirkError(f"Cannot open the library {path} ({error}). Choose another expression") from error
    if not wanted.actions:
        raise SmirkError(f"{path} has no expression {name}. Refresh the Asset Browser")
    (action,) = wanted.actions
    action.asset_clear()  # the library has it
    action["smirk_from"] = path
    return action


def chosen_asset(context: Context) -> object | None:
    """Return the Asset Browser's asset where it is an action."""
    asset = getattr(context, "asset", None)
    return asset if asset is not None and asset.id_type == 'ACTION' else None


def draw_expressions(layout: UILayout, context: Context) -> None:
    """Lay out what saves an expression and what applies one."""
    column = layout.column(align=True)
    column.operator("smirk.save_expression", icon='ASSET_MANAGER')
    part = column.row(align=True)
    part.enabled = bool(expressions()) and target_head(context) is not None
    part.menu("SMIRK_MT_expressions", icon='SHAPEKEY_DATA')


classes = (SMIRK_OT_save_expression, SMIRK_OT_apply_expression, SMIRK_MT_expressions)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register_classes()
    for name in ASSET_MENUS:
        if hasattr(bpy.types, name):
            getattr(bpy.types, name).prepend(draw_apply)


def unregister() -> None:
    for name in ASSET_MENUS:
        if hasattr(bpy.types, name):
            getattr(bpy.types, name).remove(draw_apply)
    _unregister_classes()
