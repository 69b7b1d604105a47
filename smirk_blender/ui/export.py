"""The part of a panel that exports: a head or a character as it plays, or the active take, to other programs' files."""

import os
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy.types import Context, Event, Object, Operator, UILayout
from bpy_extras.io_utils import ExportHelper

from ..errors import SmirkError, TakeError
from ..flame import BUILTIN_HEAD
from ..rig.memory import MODEL_PATH
from .latest import WatchedOperator
from .sidebar import HeadOperator, character_of, target_head
from .tasks import Task

LIBRARIES = {'abc': "alembic", 'usdc': "usd"}  # that Blenders of Linux distributions may be without
HEAD_FORMATS = tuple(
    item
    for item in (
        ('glb', "glTF (.glb)", "Shape keys and bones, for game engines and the web"),
        ('fbx', "FBX (.fbx)", "Shape keys and bones, for other animation programs and game engines"),
        ('abc', "Alembic (.abc)", "The vertices of every frame"),
        ('usdc', "USD (.usdc)", "The vertices of every frame"),
    )
    if item[0] not in LIBRARIES or getattr(bpy.app.build_options, LIBRARIES[item[0]])
)
TAKE_FORMATS = (
    ('csv', "Table (.csv)", "A row a frame, a named column a channel"),
    ('obj', "Meshes (.obj)", "The head at every frame, a file each"),
    ('ply', "Meshes (.ply)", "The head at every frame, a file each, binary"),
    ('npz', "FLAME, SMIRK's names (.npz)", "Parameters as SMIRK's encoder names them"),
    ('vhap', "FLAME, VHAP's names (.npz)", "Parameters as VHAP's tracker saves them"),
    ('avatars', "FLAME, a file a frame", "Parameters for GaussianAvatars, in a folder called like the file"),
)
OF_FLAME = ('npz', 'vhap', 'avatars')  # whose numbers mean nothing on the built-in head
SKINNED = ('glb', 'fbx')  # that hold shape keys
SUFFIXES = {'vhap': ".npz", 'avatars': ""}  # of formats that are not called so


class _Export(ExportHelper, WatchedOperator):
    """Asks for a file whose name ends as the format wants, and starts the task that writes it."""

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.clicked = True
        if not self.properties.is_property_set("filepath"):  # the last one may be another take's
            beside = bpy.data.filepath
            folder = Path(self.filepath or beside).parent if self.filepath or beside else Path.home()
            self.filepath = str(folder / f"{self.stem(context)}{self.suffix}")
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def check(self, context: Context) -> bool:
        path = Path(self.filepath)
        known = {f".{name}" for name, _, _ in (*HEAD_FORMATS, *TAKE_FORMATS)}
        bare = path.with_suffix("") if path.suffix.lower() in known else path
        wanted = str(bare.with_name(bare.name + self.suffix)) if bare.name else self.filepath
        changed, self.filepath = wanted != self.filepath, wanted
        return changed

    @property
    def suffix(self) -> str:
        return SUFFIXES.get(self.format, f".{self.format}")

    @property
    def path(self) -> str:
        """The file that was chosen, absolute: it may be written by another process.

        Raises:
            SmirkError: none was.
        """
        if not self.filepath:
            raise SmirkError("No name for the export. Choose a file")
        if self.clicked:
            self.check(bpy.context)
        return os.path.abspath(bpy.path.abspath(self.filepath))


class _ExportMesh(_Export):
    """Writes how a mesh plays."""

    filename_ext = ""
    filter_glob: StringProperty(default="*.glb;*.fbx;*.abc;*.usdc", options={'HIDDEN'})
    format: EnumProperty(name="Format", description="Which kind of file", items=HEAD_FORMATS, default='glb')
    frames: EnumProperty(
        name="Frames",
        description="Which frames are written",
        items=(
            ('action', "Of the Action", "All that its action has keys for; without one, the scene's"),
            ('scene', "Of the Scene", "The scene's frame range"),
        ),
    )
    weights: EnumProperty(
        name="Shape Keys",
        description="What values the shape keys have in the file",
        items=(
            ('usual', "As the Format Has It", "Within 0 to 1 in glTF, and as they are in FBX"),
            ('unit', "Within 0 to 1", "Keys that go below 0 get a second one, for what cuts values off there"),
            ('own', "As They Are", "FLAME's coefficients, below 0 and beyond 1"),
        ),
    )

    def draw(self, context: Context) -> None:
        column = self.layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop(self, "format")
        column.prop(self, "frames")
        if self.format in SKINNED:
            column.prop(self, "weights")

    def mesh_object(self, context: Context) -> Object:
        raise NotImplementedError

    def stem(self, context: Context) -> str:
        return self.mesh_object(context).name

    def make_task(self, context: Context) -> Task:
        from ..rig.export import action_frames  # enabling the add-on does without
        from .export_task import ExportMeshTask

        mesh_object, scene = self.mesh_object(context), context.scene
        frames = action_frames(mesh_object) if self.frames == 'action' else None
        frames = frames or (scene.frame_start, scene.frame_end)
        unit_weights = {'usual': None, 'unit': True, 'own': False}[self.weights]
        return ExportMeshTask(scene, mesh_object, self.path, frames, unit_weights)


class SMIRK_OT_export_head(_ExportMesh, HeadOperator, Operator):
    bl_idname = "smirk.export_head"
    bl_label = "Export Head"
    bl_description = "Write how the head plays to a file for other programs"
    bl_options = {'UNDO'}

    def mesh_object(self, context: Context) -> Object:
        return target_head(context)


class SMIRK_OT_export_character(_ExportMesh, Operator):
    bl_idname = "smirk.export_character"
    bl_label = "Export Character"
    bl_description = "Write how the character of the Retarget panel plays, with its eyes, teeth and hair, to a file"
    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if character_of(context) is None:
            cls.poll_message_set("Choose a character in the Retarget panel")
            return False
        return True

    def mesh_object(self, context: Context) -> Object:
        return character_of(context)


class SMIRK_OT_export_take(_Export, Operator):
    bl_idname = "smirk.export_take"
    bl_label = "Export Take"
    bl_description = "Write the active take to a file for other programs; cleaned as the take says"

    filename_ext = ""
    filter_glob: StringProperty(default="*.npz;*.csv;*.obj;*.ply", options={'HIDDEN'})
    format: EnumProperty(name="Format", description="Which kind of file", items=TAKE_FORMATS, default='csv')

    def draw(self, context: Context) -> None:
        column = self.layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop(self, "format")
        head_object = target_head(context)
        if self.format in OF_FLAME and head_object is not None and head_object.data.get(MODEL_PATH) == BUILTIN_HEAD:
            column.label(text="For takes on FLAME, not on the built-in head", icon='ERROR')

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.scene.smirk.active_take() is None:
            cls.poll_message_set("Solve a video or open a take first")
            return False
        return True

    def stem(self, context: Context) -> str:
        return Path(context.scene.smirk.active_take().path).name.removesuffix(".npz").removesuffix(".take")

    def make_task(self, context: Context) -> Task:
        from ..rig.models import model_of  # enabling the add-on does without
        from .clean_steps import ModelFiles
        from .export_task import ExportTask

        item, head_object = context.scene.smirk.active_take(), target_head(context)
        if item is None:
            raise TakeError("Solve a video or open a take first")
        if head_object is None and (self.format in ('obj', 'ply') or item.clean_up.wanted() is not None):
            raise SmirkError("Select the head that the take was solved on")
        files = ModelFiles.of(head_object) if head_object is not None else ModelFiles()
        model = model_of(head_object) if head_object is not None else None
        path = bpy.path.abspath(item.path)
        return ExportTask(context.scene, path, self.path, self.format, item.clean_up.wanted(), model, files)


def draw_export(layout: UILayout, context: Context) -> None:
    """Lay out what exports the head, the character and the active take."""
    column = layout.column(align=True)
    column.operator_context = 'INVOKE_DEFAULT'
    column.operator("smirk.export_head", icon='EXPORT')
    column.operator("smirk.export_character", icon='EXPORT')
    column.operator("smirk.export_take", icon='EXPORT')


classes = (SMIRK_OT_export_head, SMIRK_OT_export_character, SMIRK_OT_export_take)
register, unregister = bpy.utils.register_classes_factory(classes)
