"""What the Clean-up panel's buttons do."""

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy.types import Context, Event, Operator
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..clean import PROFILE_SUFFIX
from ..take import CleanUp, load_clean_up, save_clean_up
from . import preferences
from .clean_follow import clean_soon, is_up_to_date
from .outcome import report
from .sidebar import target_head
from .takes import TakeOperator, absolute_path
from .task_operator import TaskOperator
from .tasks import Task

NO_LANDMARKS = "This take holds no landmarks: solve the video again to refine it"


class BakedTakeOperator(TakeOperator, TaskOperator):
    """Starts a task on the active take, and on the head that it was baked onto."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if context.scene.smirk.active_take().action is None:
            cls.poll_message_set("Bake the take first")
            return False
        return True


class SMIRK_OT_clean_take(BakedTakeOperator, Operator):
    bl_idname = "smirk.clean_take"
    bl_label = "Clean and Bake Again"
    bl_description = "Bake the active take again into its action, as its clean-up is set; a bake comes first"
    bl_options = {'UNDO'}

    def make_task(self, context: Context) -> Task:
        from .clean_task import CleanTask

        return CleanTask(context.scene, absolute_path(context.scene.smirk.active_take()), show=True)


class SMIRK_OT_refine_take(TakeOperator, TaskOperator, Operator):
    bl_idname = "smirk.refine_take"
    bl_label = "Refine Lips and Lids"
    bl_description = "Pull lips and lids to where they are in the picture, in a process of its own; Esc stops it"
    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if not context.scene.smirk.active_take().has_landmarks:
            cls.poll_message_set(NO_LANDMARKS)
            return False
        return True

    def make_task(self, context: Context) -> Task:
        from .clean_steps import ModelFiles
        from .clean_task import RefineTask

        head_object = target_head(context)
        if head_object is None:
            options = preferences.solve_options(context)
            files = ModelFiles(str(options["head"]), str(options["eyelids"] or ""))
        else:
            files = ModelFiles.of(head_object)
        return RefineTask(context.scene, absolute_path(context.scene.smirk.active_take()), files)


class SMIRK_OT_reset_clean_up(TakeOperator, Operator):
    bl_idname = "smirk.reset_clean_up"
    bl_label = "Reset Clean-up"
    bl_description = "Give every setting of the active take's clean-up its default"

    def execute(self, context: Context) -> set[str]:
        item = context.scene.smirk.active_take()
        item.clean_up.show(CleanUp())
        clean_soon(context.scene, item)
        return {'FINISHED'}


class SMIRK_OT_settle_clean_up(TakeOperator, Operator):
    bl_idname = "smirk.settle_clean_up"
    bl_label = "Settle Clean-up"
    bl_description = "Say whether the clean-up of the take's file holds, or the one of this .blend"

    keep: EnumProperty(
        name="Keep",
        description="Which clean-up holds",
        items=(
            ('FILE', "The File's", "That of the take's file; the panel shows it from then on"),
            ('BLEND', "This .blend's", "That of the panel; the take's file gets it"),
        ),
    )

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._settle(context))

    def _settle(self, context: Context) -> str:
        item = context.scene.smirk.active_take()
        path = absolute_path(item)
        if self.keep == 'FILE':
            item.clean_up.show(load_clean_up(path))
        else:
            save_clean_up(path, item.clean_up.wanted())
        item.file_settings = ""
        if not is_up_to_date(item):
            clean_soon(context.scene, item)
        return f"The clean-up of {item.name} is that of {'its file' if self.keep == 'FILE' else 'this .blend'}"


class SMIRK_OT_set_neutral(TakeOperator, Operator):
    bl_idname = "smirk.set_neutral"
    bl_label = "Use Current Frame"
    bl_description = "Take the face at the playhead for the resting one"

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._set(context))

    def _set(self, context: Context) -> str:
        item = context.scene.smirk.active_take()
        video_frame = item.video_frame_at(context.scene.frame_current_final)
        settings = item.clean_up
        settings.enabled = True
        settings.neutral_first_frame = settings.neutral_last_frame = video_frame
        settings.neutral_source = 'range'
        return f"The face of video frame {video_frame} is the resting one"


class SMIRK_OT_trim_here(TakeOperator, Operator):
    bl_idname = "smirk.trim_here"
    bl_label = "Trim Here"
    bl_description = "Let the take begin or end at the playhead"

    end: EnumProperty(
        name="End",
        description="Which end of the take is meant",
        items=(('FIRST', "First", "The take begins here"), ('LAST', "Last", "The take ends here")),
    )

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._trim(context))

    def _trim(self, context: Context) -> str:
        item = context.scene.smirk.active_take()
        video_frame = item.video_frame_at(context.scene.frame_current_final)
        item.clean_up.enabled = True
        setattr(item.clean_up, f"timing_{self.end.lower()}_frame", video_frame)
        return f"The take {'begins' if self.end == 'FIRST' else 'ends'} at video frame {video_frame}"


class SMIRK_OT_compare_take(BakedTakeOperator, Operator):
    bl_idname = "smirk.compare_take"
    bl_label = "Compare"
    bl_description = "Let the head play the take as solved, or as cleaned, in turn"
    bl_options = {'UNDO'}

    def make_task(self, context: Context) -> Task:
        from .clean_task import CompareTask

        return CompareTask(context.scene, absolute_path(context.scene.smirk.active_take()))


class SMIRK_OT_load_profile(TakeOperator, Operator, ImportHelper):
    bl_idname = "smirk.load_profile"
    bl_label = "Use Actor Profile"
    bl_description = "Take identity, neutral and gains from an actor profile that was saved from another take"
    bl_options = {'UNDO'}

    filter_glob: StringProperty(default=f"*{PROFILE_SUFFIX}", options={'HIDDEN'})

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._use(context))

    def _use(self, context: Context) -> str:
        from ..clean.profile import load_profile

        path, item = bpy.path.abspath(self.filepath), context.scene.smirk.active_take()
        profile = load_profile(path)
        settings = item.clean_up
        settings.enabled, settings.identity_profile = True, path
        settings.identity_source = settings.neutral_source = 'profile'
        for region, gain in profile.gains.items():
            setattr(settings, f"gains_{region}", gain)
        return f"Identity, neutral and gains are those of {profile.name}"


class SMIRK_OT_save_profile(BakedTakeOperator, Operator, ExportHelper):
    bl_idname = "smirk.save_profile"
    bl_label = "Save Actor Profile"
    bl_description = "Keep the actor's identity, neutral and gains in a file, for other takes"

    filename_ext = PROFILE_SUFFIX
    check_extension = None  # ours has two dots
    filter_glob: StringProperty(default=f"*{PROFILE_SUFFIX}", options={'HIDDEN'})

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.clicked = True
        return ExportHelper.invoke(self, context, event)

    def make_task(self, context: Context) -> Task:
        from .clean_task import ProfileTask

        path = bpy.path.abspath(self.filepath)
        if not path.endswith(PROFILE_SUFFIX):
            path = f"{path.removesuffix('.json')}{PROFILE_SUFFIX}"
        return ProfileTask(context.scene, absolute_path(context.scene.smirk.active_take()), path)


classes = (
    SMIRK_OT_clean_take,
    SMIRK_OT_refine_take,
    SMIRK_OT_reset_clean_up,
    SMIRK_OT_settle_clean_up,
    SMIRK_OT_set_neutral,
    SMIRK_OT_trim_here,
    SMIRK_OT_compare_take,
    SMIRK_OT_load_profile,
    SMIRK_OT_save_profile,
)
register, unregister = bpy.utils.register_classes_factory(classes)
