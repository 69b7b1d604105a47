"""Retargeting by click: the active take onto a character of the user's own, and settings that follow."""

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Operator
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..errors import RetargetError, SmirkError, TakeError
from ..retarget.profile_files import PROFILE_SUFFIX
from . import tasks
from .outcome import report
from .retarget_settings import SMIRK_PG_retarget, forget, listen
from .sidebar import character_of
from .takes import TakeOperator, absolute_path
from .task_operator import TaskOperator
from .tasks import Task


class CharacterOperator:
    """An operator on the chosen character."""

    bl_options = {'UNDO'}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if character_of(context) is None:
            cls.poll_message_set("Choose a character first")
            return False
        return True


class SMIRK_OT_find_landmarks(CharacterOperator, TaskOperator, Operator):
    bl_idname = "smirk.find_landmarks"
    bl_label = "Find Landmarks"
    bl_description = "Look for a face on the character, drawn from the front in a process of its own; Esc stops it"

    def make_task(self, context: Context) -> Task:
        from .retarget_task import FindLandmarksTask

        return FindLandmarksTask(context.scene, character_of(context))


class SMIRK_OT_retarget_take(CharacterOperator, TaskOperator, Operator):
    bl_idname = "smirk.retarget_take"
    bl_label = "Retarget"
    bl_description = "Write the active take onto the character; keys of your own stay as they are"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return TakeOperator.poll.__func__(cls, context) and super().poll(context)

    def make_task(self, context: Context) -> Task:
        from ..rig.retarget_memory import profile_of
        from .retarget_task import RetargetTask

        item, mesh_object = context.scene.smirk.active_take(), character_of(context)
        if item is None:
            raise TakeError("Solve a video or open a take first")
        context.scene.smirk.retarget.show(profile_of(mesh_object))  # its keys may have other names by now
        return RetargetTask(context.scene, absolute_path(item), mesh_object)


class SMIRK_OT_remove_retargeted(CharacterOperator, Operator):
    bl_idname = "smirk.remove_retargeted"
    bl_label = "Remove from Character"
    bl_description = "Delete what the active take was retargeted to on the character, which plays what it played before"

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._remove(context))

    def _remove(self, context: Context) -> str:
        from ..rig.retarget_actions import remove_retargeted, retargeted_action

        mesh_object, item = character_of(context), context.scene.smirk.active_take()
        action = retargeted_action(mesh_object, item.name) if item is not None else None
        if action is None:
            raise RetargetError(f"The active take was not retargeted onto {mesh_object.name}. Choose another take")
        name = action.name
        remove_retargeted(mesh_object, action)
        return f"Removed {name}; {mesh_object.name} plays what it played before"


class SMIRK_OT_load_retarget_profile(CharacterOperator, Operator, ImportHelper):
    bl_idname = "smirk.load_retarget_profile"
    bl_label = "Load Retarget Profile"
    bl_description = "Give the character the settings and landmarks of a file"

    filter_glob: StringProperty(default=f"*{PROFILE_SUFFIX}", options={'HIDDEN'})

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._load(context))

    def _load(self, context: Context) -> str:
        from ..retarget.profile_files import fitted, load_retarget_profile
        from ..rig.retarget_memory import keep_profile, mesh_facts

        mesh_object, path = character_of(context), bpy.path.abspath(self.filepath)
        profile, note = fitted(*load_retarget_profile(path), mesh_facts(mesh_object))
        keep_profile(mesh_object, profile)
        context.scene.smirk.retarget.show(profile)
        follow(context)
        return ". ".join(filter(None, [f"{mesh_object.name} has the profile of {path} now", note]))


class SMIRK_OT_save_retarget_profile(CharacterOperator, Operator, ExportHelper):
    bl_idname = "smirk.save_retarget_profile"
    bl_label = "Save Retarget Profile"
    bl_description = "Write the character's settings and landmarks to a file, for other scenes and copies of it"

    filename_ext = PROFILE_SUFFIX
    filter_glob: StringProperty(default=f"*{PROFILE_SUFFIX}", options={'HIDDEN'})
    check_extension = None  # ours has two dots, which Blender's check would cut

    def invoke(self, context: Context, event: Event) -> set[str]:
        if not self.filepath:
            self.filepath = f"{character_of(context).name}{PROFILE_SUFFIX}"
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._save(context))

    def _save(self, context: Context) -> str:
        from ..retarget.profile_files import save_retarget_profile
        from ..rig.retarget_memory import mesh_facts, profile_of

        mesh_object, path = character_of(context), bpy.path.abspath(self.filepath)
        if not path.endswith(".json"):
            path += PROFILE_SUFFIX
        save_retarget_profile(profile_of(mesh_object), mesh_facts(mesh_object), path)
        return f"Saved {path}"


class SMIRK_OT_refresh_character(CharacterOperator, Operator):
    bl_idname = "smirk.refresh_character"
    bl_label = "Read Again"
    bl_description = "Read the character's shape keys again, after some were added, renamed or removed"

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._read(context))

    def _read(self, context: Context) -> str:
        from ..rig.retarget_memory import profile_and_note_of

        mesh_object = character_of(context)
        profile, note = profile_and_note_of(mesh_object)
        context.scene.smirk.retarget.show(profile)
        return note or f"Read the shape keys of {mesh_object.name}"


def follow(context: Context) -> None:
    """Retarget again soon, where the active take is on the character already and a window is there to see it."""
    from ..rig.retarget_actions import retargeted_action

    settings, mesh_object = context.scene.smirk.retarget, character_of(context)
    item = context.scene.smirk.active_take()
    if bpy.app.background or not settings.live or mesh_object is None or item is None:
        return
    if retargeted_action(mesh_object, item.name) is None:
        return
    from .retarget_task import RetargetTask

    path = absolute_path(item)
    for task in tasks.tasks():
        if isinstance(task, RetargetTask) and task.quiet and task.path == path and task.outcome is None:
            task.touch()
            return
    tasks.start(RetargetTask(context.scene, path, mesh_object, live=True))


def _setting_changed(settings: SMIRK_PG_retarget) -> None:
    """Keep a changed setting in the character's profile; what is in the way of that, the panel says."""
    from ..rig.retarget_memory import keep_profile, profile_of

    mesh_object = settings.character
    if mesh_object is None:
        return
    try:
        keep_profile(mesh_object, settings.wanted(profile_of(mesh_object)))
    except SmirkError as error:
        settings.trouble = str(error)
        return
    settings.trouble = ""
    follow(bpy.context)


classes = (
    SMIRK_OT_find_landmarks,
    SMIRK_OT_retarget_take,
    SMIRK_OT_remove_retargeted,
    SMIRK_OT_load_retarget_profile,
    SMIRK_OT_save_retarget_profile,
    SMIRK_OT_refresh_character,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register_classes()
    listen(_setting_changed)


def unregister() -> None:
    forget(_setting_changed)
    _unregister_classes()
