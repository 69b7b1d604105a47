"""The Solve panel: solver, face, device, one big button; and what it shows while the solve runs and afterwards."""

import time
from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty
from bpy.types import Context, Event, KeyMap, KeyMapItem, Object, Operator, Panel, UILayout

from ..capture.launch import OTHER_PYTHON
from ..errors import PACKAGES, HeadError, VideoError
from ..flame import BUILTIN_HEAD
from ..rig.memory import EYELID_FOLDER, MODEL_NAME, MODEL_PATH
from ..rig.standing import name_of
from . import landmark_model, preferences, tasks
from .bake import BakeSettings, draw_rate
from .faces import FindFacesTask
from .footage import ChosenFootage, chosen_key, faces_are_known, known_footage, missing_text, read_footage, thumbnail
from .properties import ALL_FACES, ONE_FACE, SMIRK_PG_scene
from .sidebar import SequencerPanel, View3DPanel, several_heads, target_head
from .task_operator import TaskOperator
from .tasks import Outcome, Task
from .text import draw_text

BUTTON_SCALE = 1.8
FACE_SCALE = 3.0  # of Blender's icon
OUTCOME_ICONS = {"done": 'CHECKMARK', "cancelled": 'CANCEL', "failed": 'ERROR'}


class FootageOperator(TaskOperator):
    """Needs footage."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not chosen_key(context):
            cls.poll_message_set(missing_text(context.scene.smirk))
            return False
        return True


class SMIRK_OT_solve(FootageOperator, Operator):
    bl_idname = "smirk.solve"
    bl_label = "Solve"
    bl_description = "Solve the footage in a process of its own, and bake the take onto the head; Esc stops it"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if several_heads(context):
            cls.poll_message_set("Select the head that the take is for")
            return False
        return True

    def make_task(self, context: Context) -> Task:
        return solve_task(context)


class SMIRK_OT_find_faces(FootageOperator, Operator):
    bl_idname = "smirk.find_faces"
    bl_label = "Find Faces"
    bl_description = "Look through the footage for everyone in it, to choose whose face is solved"

    def make_task(self, context: Context) -> Task:
        return FindFacesTask(context, read_footage(context), *preferences.worker_arguments(context))


class SMIRK_OT_cancel_task(Operator):
    bl_idname = "smirk.cancel_task"
    bl_label = "Cancel"
    bl_description = "Stop what runs"

    by_key: BoolProperty(name="By Key", description="Whether Esc was pressed", options={'HIDDEN', 'SKIP_SAVE'})
    number: IntProperty(name="Task", description="The number of what to stop; 0 for what runs now", options={'HIDDEN'})

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not tasks.tasks():
            cls.poll_message_set("Nothing runs")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Leave Esc to the playback, where that runs."""
        if self.by_key and context.screen is not None and context.screen.is_animation_playing:
            return {'PASS_THROUGH'}
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        meant = [task for task in tasks.tasks() if self.number in (0, task.number)]
        if not meant:
            self.report({'INFO'}, "It has ended already")
            return {'CANCELLED'}
        tasks.cancel(meant[0])
        return {'FINISHED'}


class SMIRK_OT_finish_solve(Operator):
    bl_idname = "smirk.finish_solve"
    bl_label = "Finish Here"
    bl_description = "Look at no more frames, and solve those that were looked at to the end"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not (tasks.tasks() and tasks.tasks()[0].can_finish_early):
            cls.poll_message_set("No solve runs")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        tasks.tasks()[0].finish_early = True
        tasks.redraw()
        return {'FINISHED'}


class SMIRK_OT_show_log(Operator):
    bl_idname = "smirk.show_log"
    bl_label = "Show Log"
    bl_description = "Open what the worker's libraries printed, in a text editor of a new window"

    path: StringProperty(name="Log", description="The log's file", subtype='FILE_PATH')

    def execute(self, context: Context) -> set[str]:
        if not Path(self.path).is_file():
            self.report({'ERROR'}, f"No log at {self.path}: the worker did not start, or the cache was cleared")
            return {'CANCELLED'}
        text = next((each for each in bpy.data.texts if each.filepath == self.path), None)
        if text is not None:
            bpy.data.texts.remove(text)  # it has grown since
        text = bpy.data.texts.load(self.path)
        if not bpy.app.background:
            bpy.ops.wm.window_new()
            area = context.window_manager.windows[-1].screen.areas[0]
            area.type = 'TEXT_EDITOR'
            area.spaces.active.text = text
        return {'FINISHED'}


def solve_task(context: Context) -> Task:
    """Return the solve of the chosen footage, as the panel says.

    Raises:
        SmirkError: there is nothing to solve, or not on this head.
    """
    from .live_head import SolveRequest  # enabling the add-on does without these
    from .solve_task import SolveTask

    chosen = read_footage(context)
    settings, head_object = context.scene.smirk, target_head(context)
    options = solver_options(context) | chosen.options()
    if settings.face != ONE_FACE:
        if not faces_are_known(context):
            raise VideoError(
                "These faces are not known any more: they were found in other footage, or the cache was cleared. "
                "Press Find Faces again, or choose The One Face"
            )
        options["face"] = "all" if settings.face == ALL_FACES else int(settings.face)
        options["people"] = settings.people_path
    name = chosen.footage.path.stem
    request = SolveRequest(
        chosen=chosen,
        options=options,
        log_path=preferences.log_file(f"{name}_{time.strftime('%Y%m%d_%H%M%S')}"),
        head=name_of(head_object) if head_object is not None else None,
        bake=BakeSettings.of(settings.bake),
        live=settings.live,
    )
    return SolveTask(context.scene, request, *preferences.worker_arguments(context))


def solver_options(context: Context) -> dict[str, object]:
    """Return the fields of `SolveOptions` that are the same for any footage, as panel and preferences say.

    Raises:
        HeadError: nobody knows the head's model file.
    """
    settings, head_object, options = context.scene.smirk, target_head(context), preferences.solve_options(context)
    if head_object is not None:
        options |= _model_options(head_object, options["eyelids"])
    if settings.solver != 'AUTO':
        options["solver"] = settings.solver
    elif options["head"] == BUILTIN_HEAD:
        options["solver"] = "landmarks"
    return options | {"smooth_crops": settings.smooth_crops}


def smirk_may_solve(context: Context) -> bool:
    """Return whether SMIRK's encoder may be what solves: it is chosen, or its weights are there."""
    solver = context.scene.smirk.solver
    return solver == 'smirk' or solver == 'AUTO' and bool(preferences.preferences(context).weights)


def draw_solve(layout: UILayout, context: Context) -> None:
    settings, scene = context.scene.smirk, context.scene
    shown = [task for task in tasks.tasks() if not task.quiet]
    here = [task for task in shown if task.scene_name == scene.name]
    column = layout.column()
    column.enabled = not here
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(settings, "solver")
    row = column.row(align=True)
    row.prop(settings, "face")
    row.active = settings.face == ONE_FACE or faces_are_known(context)
    row.operator("smirk.find_faces", text="", icon='VIEWZOOM')
    if faces_are_known(context):
        _draw_faces(layout, settings)
    if settings.solver != 'landmarks' and preferences.preferences(context).weights:
        column.prop(preferences.preferences(context), "device")
    if smirk_may_solve(context):
        column.prop(settings, "smooth_crops")
    if not here and target_head(context) is None and not several_heads(context):
        draw_text(layout, context, "No head yet: Solve adds one", icon='INFO')
    known = known_footage(context)
    if not here and isinstance(known, ChosenFootage):
        draw_rate(layout, context, known.footage.fps)
    if not here:
        landmark_model.draw(layout, context)
    button = layout.row()
    button.scale_y = BUTTON_SCALE
    text = "Solve Another" if here else "Solve"
    button.operator("smirk.solve", text=text, icon='PLAY')
    for task in here:
        draw_task(layout, context, task)
    elsewhere = len(shown) - len(here)
    if elsewhere:
        draw_text(layout, context, f"{elsewhere} more in other scenes", icon='INFO')
    outcome = tasks.outcome_of(scene.name)
    if outcome is not None and not here:
        draw_outcome(layout, context, outcome)
    row = layout.row(align=True)
    row.prop(settings, "live", toggle=True)
    follow = row.row(align=True)
    follow.enabled = settings.live
    follow.prop(settings, "follow", toggle=True)
    layout.prop(settings, "keep_when_cancelled")
    layout.operator("smirk.save_job", icon='FILE_TICK')


def _draw_faces(layout: UILayout, settings: SMIRK_PG_scene) -> None:
    """Show everyone who was found, whoever is solved brighter."""
    row = layout.row(align=True)
    for face in settings.faces:
        column = row.column(align=True)
        column.active = settings.face in (ALL_FACES, str(face.face))
        column.template_icon(thumbnail(face.thumbnail_path), scale=FACE_SCALE)
        column.label(text=str(face.face + 1))


def draw_task(layout: UILayout, context: Context, task: Task) -> None:
    """Show how far a task is, or that it waits, with what stops it."""
    box = layout.box()
    if task is not tasks.tasks()[0]:
        row = box.row()
        row.label(text=f"Next: {task.title}", icon='TIME')
        row.operator("smirk.cancel_task", text="", icon='X').number = task.number
        return
    box.label(text=task.title, icon='RENDER_ANIMATION')
    box.progress(text="" if task.fraction is None else f"{100 * task.fraction:.0f} %", factor=task.fraction or 0.0)
    draw_text(box, context, task.text)
    row = box.row(align=True)
    if task.can_finish_early:
        row.operator("smirk.finish_solve", icon='CHECKMARK')
    row.operator("smirk.cancel_task", icon='X').number = task.number
    if task.log_path:
        box.operator("smirk.show_log", icon='TEXT').path = task.log_path


def draw_outcome(layout: UILayout, context: Context, outcome: Outcome) -> None:
    """Show how a task ended, with what helps where it failed."""
    box = layout.box()
    draw_text(box, context, outcome.text, icon=OUTCOME_ICONS[outcome.state], alert=outcome.state == "failed")
    if outcome.hint:
        draw_text(box, context, outcome.hint)
    if outcome.lacks == PACKAGES or OTHER_PYTHON in outcome.text + outcome.hint:
        box.operator("preferences.addon_show", text="Open Preferences", icon='PREFERENCES').module = preferences.ADDON
    if outcome.log_path:
        box.operator("smirk.show_log", icon='TEXT').path = outcome.log_path


def _model_options(head_object: Object, eyelids: str | None) -> dict[str, str | None]:
    """Return the head and the eyelids of `SolveOptions` for a head of the scene.

    Raises:
        HeadError: nobody knows its model's file.
    """
    path = head_object.data.get(MODEL_PATH, "")
    if not path:
        raise HeadError(
            f"{head_object.name} was adopted by its names, without a model file ({head_object.data[MODEL_NAME]}). "
            "Adopt it with FLAME's file, so that footage can be solved on it"
        )
    return {"head": path, "eyelids": head_object.data.get(EYELID_FOLDER, "") or eyelids}


class SMIRK_PT_solve(View3DPanel, Panel):
    bl_idname = "SMIRK_PT_solve"
    bl_label = "Solve"

    def draw(self, context: Context) -> None:
        draw_solve(self.layout, context)


class SMIRK_PT_sequencer_solve(SequencerPanel, Panel):
    bl_idname = "SMIRK_PT_sequencer_solve"
    bl_label = "Solve"

    def draw(self, context: Context) -> None:
        draw_solve(self.layout, context)


classes = (
    SMIRK_OT_solve,
    SMIRK_OT_find_faces,
    SMIRK_OT_cancel_task,
    SMIRK_OT_finish_solve,
    SMIRK_OT_show_log,
    SMIRK_PT_solve,
    SMIRK_PT_sequencer_solve,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)
_keys: list[tuple[KeyMap, KeyMapItem]] = []


def register() -> None:
    _register_classes()
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is not None:  # none in background
        keymap = configuration.keymaps.new(name="Window", space_type='EMPTY')
        item = keymap.keymap_items.new("smirk.cancel_task", 'ESC', 'PRESS')
        item.properties.by_key = True
        _keys.append((keymap, item))


def unregister() -> None:
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)
    _keys.clear()
    _unregister_classes()
