"""The head on which takes are played: add, import or adopt one, and what is done to it besides baking."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy.types import Context, Object, Operator, Panel
from bpy_extras.io_utils import ImportHelper

from ..errors import HeadError, SmirkError, TakeError
from ..flame import BUILTIN_HEAD
from ..retarget.head_motion import with_head_motion
from ..rig import bake_in_shot, bake_take, build_head, is_head
from ..rig.adopt import adopt_head
from ..rig.drivers import drive_pose_keys, pose_keys_are_driven, undrive_pose_keys
from ..rig.eyelid_order import set_eyelid_order
from ..rig.head_object import NUM_EXPRESSION_KEYS, NUM_IDENTITY_KEYS
from ..rig.identity import apply_identity, update_joints, worn_head
from ..rig.lid_corrective import keep_lids_off_eyeballs, let_lids_cut
from ..rig.memory import has_armature
from ..rig.models import model_of, open_model, remember_model
from ..rig.named_head import head_of_mesh
from ..take import load_take

MODEL_FILES = "*.pkl;*.npz"
TAKE_FILES = "*.npz"
POSE_KEYS = (
    ('keyed', "Keyed with the Take", "A bake keys them, and exports carry them"),
    ('driven', "Driven by the Bones", "They follow the bones besides, so that a head posed by hand is FLAME's too"),
)
LIDS = (
    ('clear', "Kept off the Eyeballs", "More keys keep shut lids off the eyeballs, which FLAME's own do not"),
    ('exact', "Exactly FLAME's", "Lids turn with the head, and may cut the eyeballs when shut"),
    ('after', "After Posing", "Lids are added to the posed head, as SMIRK's authors do; not in exports to game engines"),
)
HEAD_MOTION = (
    ('keep', "As Solved", "The head turns as the actor's did"),
    ('neck', "On the Neck", "The neck turns in the head's place"),
    ('off', "Off", "Only the face moves"),
)
SHOT = (
    ('none', "Not Matched", "The head turns on the spot"),
    ('ORTHO', "Orthographic", "As solvers see: exact"),
    ('PERSP', "Perspective", "A camera with a lens"),
)
IDENTITY = (
    ('keys', "On Shape Keys", "The head wears the take's identity on its identity keys"),
    ('basis', "In the Basis", "The head wears the take's identity, applied into the Basis"),
    ('keep', "Keep the Head's Own", "The head stays whose it is"),
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

    def build(self, context: Context, path: str, eyelid_folder: str = "") -> Object:
        """Build the model's head, and make it the active object."""
        model = open_model(path, eyelid_folder)
        if not self.armature and (self.pose_keys == 'driven' or self.lids == 'after'):
            raise HeadError("Driven pose keys and eyelids after posing need an armature. Switch it on, or choose others")
        head_object = build_head(
            model,
            num_shape=self.num_shape,
            num_expression=self.num_expression,
            armature=self.armature,
            pose_keys=self.pose_keys,
            clear_lids=self.lids == 'clear',
        )
        if self.lids == 'after':
            set_eyelid_order(head_object, 'after')
        remember_model(head_object, path, eyelid_folder)
        for thing in context.selected_objects:
            thing.select_set(False)
        head_object.select_set(True)
        context.view_layer.objects.active = head_object
        return head_object


class SMIRK_OT_add_builtin_head(HeadOptions, Operator):
    bl_idname = "smirk.add_builtin_head"
    bl_label = "Add Built-in Head"
    bl_description = "Add a head that needs no model file"
    bl_options = {'REGISTER', 'UNDO'}

    def execute(self, context: Context) -> set[str]:
        return _report(self, lambda: f"Added {self.build(context, BUILTIN_HEAD).name}")


class SMIRK_OT_import_flame(HeadOptions, Operator, ImportHelper):
    bl_idname = "smirk.import_flame"
    bl_label = "Import FLAME Head"
    bl_description = "Build the head of a FLAME model file, 2017 to 2023 Open"
    bl_options = {'REGISTER', 'UNDO'}

    filter_glob: StringProperty(default=MODEL_FILES, options={'HIDDEN'})
    eyelid_folder: StringProperty(
        name="Eyelids",
        description="Folder with SMIRK's eyelid shapes and landmark embedding; the model's own where left empty",
        subtype='DIR_PATH',
    )

    def execute(self, context: Context) -> set[str]:
        path, folder = bpy.path.abspath(self.filepath), bpy.path.abspath(self.eyelid_folder)
        return _report(self, lambda: f"Imported {self.build(context, path, folder).name}")


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
        return _report(self, lambda: self._adopt(context.object))

    def _adopt(self, mesh_object: Object) -> str:
        options = dict(pose_keys=self.pose_keys, clear_lids=self.lids == 'clear')
        path = BUILTIN_HEAD if self.model == 'builtin' else bpy.path.abspath(self.filepath)
        head = head_of_mesh(mesh_object) if self.model == 'names' else open_model(path)
        if self.lids == 'after' and head.eyelid_directions is None:
            raise HeadError(f"{mesh_object.name} has no eyelid keys, which could come after posing. Choose other eyelids")
        adoption = adopt_head(mesh_object, head, **options)
        if self.model != 'names':
            remember_model(mesh_object, path)
        if self.lids == 'after':
            set_eyelid_order(mesh_object, 'after')
        left_alone = f"; left alone: {', '.join(adoption.left_alone)}" if adoption.left_alone else ""
        return (
            f"Adopted {mesh_object.name}: {len(adoption.found)} shape keys found, {len(adoption.added)} added"
            f"{', with an armature' if adoption.made_armature else ''}; its face lies up to "
            f"{1000 * adoption.distance_m:.2f} mm from the model's{left_alone}"
        )


class HeadOperator:
    """An operator on the active head."""

    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not is_head(context.object):
            cls.poll_message_set("Select a SMIRK head")
            return False
        return True


class SMIRK_OT_update_joints(HeadOperator, Operator):
    bl_idname = "smirk.update_joints"
    bl_label = "Update Joints"
    bl_description = "Move the bones to where FLAME has them in the face that the identity keys show now"

    def execute(self, context: Context) -> set[str]:
        return _report(self, lambda: update_joints(context.object, model_of(context.object)) or "Updated the joints")


class SMIRK_OT_apply_identity(HeadOperator, Operator):
    bl_idname = "smirk.apply_identity"
    bl_label = "Apply Identity"
    bl_description = "Make the face that the identity keys show now the Basis, and set the keys to 0"

    def execute(self, context: Context) -> set[str]:
        return _report(self, lambda: apply_identity(context.object, model_of(context.object)) or "Applied the identity")


class SMIRK_OT_drive_pose_keys(HeadOperator, Operator):
    bl_idname = "smirk.drive_pose_keys"
    bl_label = "Drive Pose Keys"
    bl_description = "Let FLAME's pose directions follow the bones, so that a head posed by hand is FLAME's too"

    driven: BoolProperty(name="Driven", description="Whether drivers hold the pose keys", default=True)

    def execute(self, context: Context) -> set[str]:
        change = drive_pose_keys if self.driven else undrive_pose_keys
        done = "Pose keys follow the bones" if self.driven else "Pose keys play as keyed"
        return _report(self, lambda: change(context.object) or done)


class SMIRK_OT_set_lids(HeadOperator, Operator):
    bl_idname = "smirk.set_lids"
    bl_label = "Eyelids"
    bl_description = "Choose how shut lids and eyeballs get along, in every action of this head"

    lids: EnumProperty(name="Eyelids", description="How shut lids and eyeballs get along", items=LIDS)

    def execute(self, context: Context) -> set[str]:
        return _report(self, lambda: self._set(context.object))

    def _set(self, head_object: Object) -> str:
        model = model_of(head_object)
        set_eyelid_order(head_object, 'after' if self.lids == 'after' else 'before')
        if self.lids == 'clear':
            keep_lids_off_eyeballs(head_object, model, worn_head(head_object, model).template)
        else:
            let_lids_cut(head_object)
        return f"Eyelids of {head_object.name}: {next(name for key, name, _ in LIDS if key == self.lids)}"


class SMIRK_OT_bake_take(HeadOperator, Operator, ImportHelper):
    bl_idname = "smirk.bake_take"
    bl_label = "Bake Take"
    bl_description = "Write a take onto the active head as a new action"

    filter_glob: StringProperty(default=TAKE_FILES, options={'HIDDEN'})
    scene_frame_start: IntProperty(name="Start Frame", default=1, description="Scene frame of the take's first frame")
    identity: EnumProperty(name="Identity", description="Whose face the head wears", items=IDENTITY)
    head_motion: EnumProperty(name="Head Motion", description="What becomes of the head's rotation", items=HEAD_MOTION)
    shot: EnumProperty(name="Shot", description="Whether the head is moved onto the actor, before a new camera", items=SHOT)
    focal_mm: FloatProperty(
        name="Focal Length",
        description="Of the perspective camera, in millimetres with 36 along the picture's longer side; 0 estimates it",
        default=0.0,
        min=0.0,
        max=1000.0,
    )

    def execute(self, context: Context) -> set[str]:
        return _report(self, lambda: self._bake(context))

    def _bake(self, context: Context) -> str:
        head_object = context.object
        take, model = load_take(bpy.path.abspath(self.filepath)), model_of(head_object)
        options = dict(scene_frame_start=self.scene_frame_start, identity=self.identity)
        if self.shot != 'none':
            if self.head_motion != 'keep':
                raise TakeError("The head can only lie on the actor if it moves as solved. Set Head Motion to As Solved")
            lens = dict(projection=self.shot, focal_mm=self.focal_mm or None)
            action, camera, _ = bake_in_shot(context.scene, head_object, model, take, **lens, **options)
            return f"Baked {len(take)} frames to {action.name}, before {camera.name}"
        action = bake_take(head_object, model, with_head_motion(take, self.head_motion), **options)
        return f"Baked {len(take)} frames to {action.name}"


class SMIRK_PT_head(Panel):
    bl_idname = "SMIRK_PT_head"
    bl_label = "Head"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'UI'
    bl_category = "SMIRK"

    def draw(self, context: Context) -> None:
        column = self.layout.column(align=True)
        column.operator("smirk.add_builtin_head", icon='ADD')
        column.operator("smirk.import_flame", icon='IMPORT')
        column.operator("smirk.adopt_head", icon='MESH_MONKEY')
        head_object = context.object
        if not is_head(head_object):
            return
        column = self.layout.column(align=True)
        column.operator("smirk.bake_take", icon='ACTION')
        column.operator("smirk.update_joints", icon='BONE_DATA')
        column.operator("smirk.apply_identity", icon='CHECKMARK')
        column.operator_menu_enum("smirk.set_lids", "lids", icon='HIDE_OFF')
        if has_armature(head_object):
            driven = pose_keys_are_driven(head_object)
            text = "Play Pose Keys as Keyed" if driven else "Drive Pose Keys by Bones"
            column.operator("smirk.drive_pose_keys", text=text, icon='DRIVER').driven = not driven


def _report(operator: Operator, work) -> set[str]:
    """Do the work and show the sentence it returns, or what was wrong."""
    try:
        sentence = work()
    except SmirkError as error:
        operator.report({'ERROR'}, str(error))
        return {'CANCELLED'}
    operator.report({'INFO'}, sentence)
    return {'FINISHED'}


classes = (
    SMIRK_OT_add_builtin_head,
    SMIRK_OT_import_flame,
    SMIRK_OT_adopt_head,
    SMIRK_OT_update_joints,
    SMIRK_OT_apply_identity,
    SMIRK_OT_drive_pose_keys,
    SMIRK_OT_set_lids,
    SMIRK_OT_bake_take,
    SMIRK_PT_head,
)
register, unregister = bpy.utils.register_classes_factory(classes)
