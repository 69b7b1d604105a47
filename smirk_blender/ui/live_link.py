"""Live Link Face CSV in and out: a phone's recording becomes a take, a take a recording."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty
from bpy.types import Context, Event, Operator, Scene
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..take import save_take
from .outcome import report
from .takes import SUFFIX, TakeOperator, absolute_path, add_take, new_take_path
from .task_operator import TaskOperator
from .tasks import Outcome, Steps, Task, elsewhere

ANGLES = (
    ('AUTO', "Automatic", "Degrees where any is too large for radians"),
    ('RADIANS', "Radians", "As Live Link Face writes them"),
    ('DEGREES', "Degrees", "As some other programs write them"),
)
IN_DEGREES = {'AUTO': None, 'RADIANS': False, 'DEGREES': True}


class SMIRK_OT_import_live_link(Operator, ImportHelper):
    bl_idname = "smirk.import_live_link"
    bl_label = "Import Live Link Face CSV"
    bl_description = "Make a take of a phone's recording, to be cleaned, baked and retargeted like any other"
    bl_options = {'UNDO'}

    filter_glob: StringProperty(default="*.csv", options={'HIDDEN'})
    angles: EnumProperty(name="Angles", description="The unit of the head's and the eyes' turns", items=ANGLES)
    fps: FloatProperty(
        name="Frame Rate", description="Of its timecode; 0 to tell by the timecodes", default=0.0, min=0.0, max=1000.0
    )

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._import(context))

    def _import(self, context: Context) -> str:
        from ..retarget.arkit_curves import take_of_curves
        from ..retarget.live_link import read_live_link

        path = Path(bpy.path.abspath(self.filepath))
        curves = read_live_link(path, degrees=IN_DEGREES[self.angles], fps=self.fps or None)
        take = take_of_curves(curves, path.name)
        saved = new_take_path(path.stem)
        saved.parent.mkdir(parents=True, exist_ok=True)
        add_take(context.scene, str(save_take(take, saved)), take)
        return f"Imported {path.name}: {len(take)} frames, on the built-in head"


class SMIRK_OT_export_live_link(TakeOperator, TaskOperator, Operator, ExportHelper):
    bl_idname = "smirk.export_live_link"
    bl_label = "Export Live Link Face CSV"
    bl_description = "Write the active take, cleaned, as ARKit's 52 weights with the head's and the eyes' turns"

    filename_ext = ".csv"
    filter_glob: StringProperty(default="*.csv", options={'HIDDEN'})

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.clicked = True
        if not self.filepath:
            self.filepath = f"{context.scene.smirk.active_take().name}.csv"
        return ExportHelper.invoke(self, context, event)

    def make_task(self, context: Context) -> Task:
        path = absolute_path(context.scene.smirk.active_take())
        return ExportLiveLinkTask(context.scene, path, bpy.path.abspath(self.filepath))


class ExportLiveLinkTask(Task):
    """Cleans a take and writes it as a CSV."""

    def __init__(self, scene: Scene, path: str, out_path: str) -> None:
        super().__init__(f"Exporting {Path(path).name.removesuffix(SUFFIX)}", scene.name)
        self._path, self._out_path = path, out_path

    def steps(self) -> Steps:
        from ..retarget.arkit import NEVER_SEEN
        from ..retarget.arkit_solve import arkit_curves
        from ..retarget.live_link import write_live_link
        from .retarget_task import cleaned_take

        self.text = "Exporting"
        take, model, _ = yield from cleaned_take(self.scene_name, self._path)
        curves = yield from elsewhere(arkit_curves, take, model)
        yield from elsewhere(write_live_link, curves, self._out_path)
        text = f"Wrote {len(take)} frames to {self._out_path}. Always 0: {', '.join(NEVER_SEEN)}"
        self.outcome = Outcome("done", text)


classes = (SMIRK_OT_import_live_link, SMIRK_OT_export_live_link)
register, unregister = bpy.utils.register_classes_factory(classes)
