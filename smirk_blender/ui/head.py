"""The head on which takes are played: add, import or adopt one, and what is done to it besides baking."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import Context, Event, Object, Operator, Panel, Scene
from bpy_extras.io_utils import ImportHelper

from .. import rig
from ..errors import HeadError
from ..flame import BUILTIN_HEAD
from ..rig.memory import MODEL_NAME, has_armature
from ..rig.shape_keys import NUM_EXPRESSION_KEYS, NUM_IDENTITY_KEYS
from . import preferences
from .outcome import report
from .sidebar import HeadOperator, View3DPanel, target_head
from .task_operator import TaskOperator
from .tasks import Task

MODEL_FILES = "*.pkl;*.npz"
POSE_KEYS = (
    ('keyed', "Keyed with the Take", "A bake keys them, and exports carry them"),
    ('driven', "Driven by the Bones", "They follow the bones besides, so that a head posed by hand is FLAME's too"),
)
LIDS = (
    ('clear', "Kept off the Eyeballs", "More keys keep shut lids off the eyeballs, which FLAME's own do not"),
    ('exact', "Exactly FLAME's", "Lids turn with the head, and may cut the eyeballs when shut"),
    ('after', "After Posing", "Lids are added to the posed head, as SMIRK's authors do; not in exports to game engines"),
)


class HeadOptions:
    """What an import offers for every kind of head."""

    num_shape: IntProperty(
        name="Identity Keys",
        description="How many identity directions get a shape key; the rest of an identity shares one more",
        default=NUM_IDENTITY_KEYS,
        min=0,
        max=300,
    )
    num_expression: IntProperty(
        name="Expression Keys",
        description="How many expression directions get a shape key; a bake adds those that a take needs beyond",
        default=NUM_EXPRESSION_KEYS,
        min=0,
        max=100,
    )
    pose_keys: EnumProperty(name="Pose Keys", description="How FLAME's pose directions move", items=POSE_KEYS)
    lids: EnumProperty(name="Eyelids", description="How shut lids and eyeballs get along", items=LIDS)
    armature: BoolProperty(
        name="Armature",
        description="Turn jaw, eyes and neck by bones; without, by shape keys alone, for game engines",
        default=True,
    )

    def task_for(self, scene: Scene, path: str, eyelid_folder: str = "") -> Task:
        from .add_head import AddHeadTask, HeadRequest  # enabling the add-on does without

        options = ("num_shape", "num_expression", "pose_keys", "lids", "armature")
        request = HeadRequest(path, eyelid_folder, **{name: getattr(self, name) for name in options})
        request.check()
        return AddHeadTask(scene, request)


class SMIRK_OT_add_builtin_head(HeadOptions, TaskOperator, Operator):
    bl_idname = "smirk.add_builtin_head"
    bl_label = "Add Built-in Head"
    bl_description = "Add a head that needs no model file"

    ask: BoolProperty(
        name="Ask", description="Show the options first", default=False, options={'HIDDEN', 'SKIP_SAVE'}
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        if self.ask:
            self.clicked = True
            return context.window_manager.invoke_props_dialog(self, title="Add Built-in Head")
        return super().invoke(context, event)

    def make_task(self, context: Context) -> Task:
        return self.task_for(context.scene, BUILTIN_HEAD)


class SMIRK_OT_import_flame(HeadOptions, TaskOperator, Operator, ImportHelper):
    bl_idname = "smirk.import_flame"
    bl_label = "Import FLAME Head"
    bl_description = "Build the head of a FLAME model file, 2017 to 2023 Open"

    filter_glob: StringProperty(default=MODEL_FILES, options={'HIDDEN'})
    eyelid_folder: StringProperty(
        name="Eyelids",
        description="Folder with SMIRK's eyelid shapes and landmark embedding; the model's own where left empty",
        subtype='DIR_PATH',
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.clicked = True
        known = preferences.preferences(context)
        self.filepath = self.filepath or known.flame_model
        self.eyelid_folder = self.eyelid_folder or known.eyelid_folder
        return ImportHelper.invoke(self, context, event)

    def make_task(self, context: Context) -> Task:
        path, folder = bpy.path.abspath(self.filepath), bpy.path.abspath(self.eyelid_folder)
        return self.task_for(context.scene, path, folder)


class SMIRK_OT_adopt_head(Operator, ImportHelper):
    bl_idname = "smirk.adopt_head"
    bl_label = "Adopt Selected Mesh"
    bl_description = "Make a FLAME head from elsewhere one that takes can be baked onto, whatever its units, axes and names"
    bl_options = {'REGISTER', 'UNDO'}

    filter_glob: StringProperty(default=MODEL_FILES, options={'HIDDEN'})
    model: EnumProperty(
        name="Model",
        description="What the mesh was made from",
        items=(
            ('file', "FLAME File", "Find which shape key is which by what they move"),
            ('builtin', "Built-in Head", "The mesh is a copy of the built-in head"),
            ('names', "No File, by Names", "Believe the names of shape keys, bones and vertex groups"),
        ),
    )
    pose_keys: EnumProperty(name="Pose Keys", description="How FLAME's pose directions move", items=POSE_KEYS)
    lids: EnumProperty(name="Eyelids", description="How shut lids and eyeballs get along", items=LIDS)

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.object is None or context.object.type != 'MESH':
            cls.poll_message_set("Select the mesh of a FLAME head")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._adopt(context.object))

    def _adopt(self, mesh_object: Object) -> str:
        options = dict(pose_keys=self.pose_keys, clear_lids=self.lids == 'clear')
        path = BUILTIN_HEAD if self.model == 'builtin' else bpy.path.abspath(self.filepath)
        head = rig.head_of_mesh(mesh_object) if self.model == 'names' else rig.open_model(path)
        if self.lids == 'after' and head.eyelid_directions is None:
            raise HeadError(f"{mesh_object.name} has no eyelid keys, which could come after posing. Choose other eyelids")
        adoption = rig.adopt_head(mesh_object, head, **options)
        if self.model != 'names':
            rig.remember_model(mesh_object, path)
        if self.lids == 'after':
            rig.set_eyelid_order(mesh_object, 'after')
        left_alone = f"; left alone: {', '.join(adoption.left_alone)}" if adoption.left_alone else ""
        return (
            f"Adopted {mesh_object.name}: {len(adoption.found)} shape keys found, {len(adoption.added)} added"
            f"{', with an armature' if adoption.made_armature else ''}; its face lies up to "
            f"{1000 * adoption.distance_m:.2f} mm from the model's{left_alone}"
        )


class SMIRK_OT_update_joints(HeadOperator, Operator):
    bl_idname = "smirk.update_joints"
    bl_label = "Update Joints"
    bl_description = "Move the bones to where FLAME has them in the face that the identity keys show now"

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._update(target_head(context)))

    def _update(self, head_object: Object) -> str:
        rig.update_joints(head_object, rig.model_of(head_object))
        return f"Updated the joints of {head_object.name}"


class SMIRK_OT_apply_identity(HeadOperator, Operator):
    bl_idname = "smirk.apply_identity"
    bl_label = "Apply Identity"
    bl_description = "Make the face that the identity keys show now the Basis, and set the keys to 0"

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._apply(target_head(context)))

    def _apply(self, head_object: Object) -> str:
        rig.apply_identity(head_object, rig.model_of(head_object))
        return f"Applied the identity of {head_object.name}"


class SMIRK_OT_drive_pose_keys(HeadOperator, Operator):
    bl_idname = "smirk.drive_pose_keys"
    bl_label = "Drive Pose Keys"
    bl_description = "Let FLAME's pose directions follow the bones, so that a head posed by hand is FLAME's too"

    driven: BoolProperty(name="Driven", description="Whether drivers hold the pose keys", default=True)

    def execute(self, context: Context) -> set[str]:
        change = rig.drive_pose_keys if self.driven else rig.undrive_pose_keys
        done = "Pose keys follow the bones" if self.driven else "Pose keys play as keyed"
        return report(self, lambda: change(target_head(context)) or done)


class SMIRK_OT_set_lids(HeadOperator, Operator):
    bl_idname = "smirk.set_lids"
    bl_label = "Eyelids"
    bl_description = "Choose how shut lids and eyeballs get along, in every action of this head"

    lids: EnumProperty(name="Eyelids", description="How shut lids and eyeballs get along", items=LIDS)

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._set(target_head(context)))

    def _set(self, head_object: Object) -> str:
        model = rig.model_of(head_object)
        rig.set_eyelid_order(head_object, 'after' if self.lids == 'after' else 'before')
        if self.lids == 'clear':
            rig.keep_lids_off_eyeballs(head_object, model, rig.worn_head(head_object, model).template)
        else:
            rig.let_lids_cut(head_object)
        return f"Eyelids of {head_object.name}: {next(name for key, name, _ in LIDS if key == self.lids)}"


class SMIRK_PT_head(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_head"
    bl_label = "Head"

    def draw(self, context: Context) -> None:
        head_object = target_head(context)
        if head_object is not None:
            self.layout.label(text=f"{head_object.name}: {head_object.data[MODEL_NAME]}", icon='MESH_MONKEY')
        column = self.layout.column(align=True)
        row = column.row(align=True)
        row.operator("smirk.add_builtin_head", icon='ADD')
        row.operator("smirk.add_builtin_head", text="", icon='OPTIONS').ask = True
        column.operator("smirk.import_flame", icon='IMPORT')
        column.operator("smirk.adopt_head", icon='EYEDROPPER')


class SMIRK_PT_head_tools(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_head_tools"
    bl_label = "Head Tools"
    bl_parent_id = "SMIRK_PT_head"
    bl_options = {'DEFAULT_CLOSED'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return target_head(context) is not None

    def draw(self, context: Context) -> None:
        head_object = target_head(context)
        column = self.layout.column(align=True)
        column.operator("smirk.update_joints", icon='BONE_DATA')
        column.operator("smirk.apply_identity", icon='CHECKMARK')
        column.operator_menu_enum("smirk.set_lids", "lids", icon='HIDE_OFF')
        if has_armature(head_object):
            driven = rig.pose_keys_are_driven(head_object)
            text = "Play Pose Keys as Keyed" if driven else "Drive Pose Keys by Bones"
            column.operator("smirk.drive_pose_keys", text=text, icon='DRIVER').driven = not driven


classes = (
    SMIRK_OT_add_builtin_head,
    SMIRK_OT_import_flame,
    SMIRK_OT_adopt_head,
    SMIRK_OT_update_joints,
    SMIRK_OT_apply_identity,
    SMIRK_OT_drive_pose_keys,
    SMIRK_OT_set_lids,
    SMIRK_PT_head,
    SMIRK_PT_head_tools,
)
register, unregister = bpy.utils.register_classes_factory(classes)
