"""Exports at work, beside Blender's window: a take, cleaned as it says; how a mesh plays, by another Blender."""

import shutil
from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.types import Object, Scene

from ..capture.job import Job
from ..capture.protocol import Done, Failed, Message, Progress
from ..errors import HeadError
from ..exchange.formats import PARAMETERS
from ..exchange.meshes import MESH_FORMATS, save_frames
from ..exchange.writing import numbered
from ..flame import Head
from ..retarget.solved_on import check_solved_on
from ..rig.handed_over import hand_over
from ..rig.unfinished import Known
from ..take import CleanUp, Take, load_take
from .clean_steps import ModelFiles, cleaned_elsewhere, kept
from .job_steps import job_steps
from .passing import new_folder
from .preferences import log_file
from .preview_job import encoding_blender
from .tasks import Outcome, Steps, Task, elsewhere

STAGES = {"read": ("Reading", 0.0), "write": ("Writing", 0.5)}  # of `export.export`, and how much is done before them


class ExportMeshTask(Task):
    """Hands a mesh to another Blender, which exports how it plays."""

    def __init__(
        self, scene: Scene, mesh_object: Object, path: str, frames: tuple[int, int], unit_weights: bool | None
    ) -> None:
        super().__init__(f"Exporting {Path(path).name}", scene.name)
        self._mesh, self._path, self._frames, self._unit_weights = Known.by(mesh_object), path, frames, unit_weights
        self._job: Job | None = None
        self._folder: Path | None = None

    def steps(self) -> Steps:
        self.text = "Starting"
        log_path = log_file(Path(self._path).stem)
        self._folder = new_folder("exports", Path(self._path).stem)
        self._job = self._start(log_path)
        last = yield from job_steps(self, self._job, self._hear)
        if isinstance(last, Done):
            self.outcome = Outcome("done", f"Wrote {Path(self._path).name} to {Path(self._path).parent}")
        elif isinstance(last, Failed):
            self.outcome = Outcome("failed", last.text, last.hint, str(log_path))
        else:
            self.outcome = Outcome("cancelled", f"{self.title}: cancelled. A file of that name stays as it was")

    def close(self) -> None:
        if self._job is not None:
            self._job.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, log_path: Path) -> Job:
        mesh_object = self._mesh.find()
        if mesh_object is None:
            raise HeadError(f"{self._mesh.name} was deleted before it was exported. Undo that, and export again")
        blend = self._folder / "playing.blend"
        arguments = {
            "mesh": hand_over(mesh_object, bpy.data.scenes[self.scene_name], blend),
            "blend_path": str(blend),
            "out_path": self._path,
            "folder": str(self._folder),
            "frames": self._frames,
            "unit_weights": self._unit_weights,
        }
        blender, in_blender = encoding_blender()
        return Job(blender, "export", arguments, log_path, in_blender=in_blender)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Progress):
            what, before = STAGES[message.stage]
            self.text = f"{what}: frame {message.video_frame} of {message.num_frames}"
            self.fraction = before + 0.5 * message.video_frame / message.num_frames


class ExportTask(Task):
    """Cleans a take and writes it."""

    def __init__(
        self,
        scene: Scene,
        take_path: str,
        path: str,
        kind: str,
        clean_up: CleanUp | None,
        model: Head | None,
        files: ModelFiles,
    ) -> None:
        super().__init__(f"Exporting {Path(path).name}", scene.name)
        self._take_path, self._path, self._kind = take_path, path, kind
        self._clean_up, self._model, self._files = clean_up, model, files

    def steps(self) -> Steps:
        self.text = "Exporting"
        load: Callable[[str], Take] = load_take if self._clean_up is None else kept.load
        take = yield from elsewhere(load, self._take_path)
        if self._model is not None and (self._clean_up is not None or self._kind in MESH_FORMATS):
            check_solved_on(take, self._model, "Select the head that it was solved on")
        take = yield from cleaned_elsewhere(take, self._model, self._clean_up, self._take_path, self._files)
        if self.cancelled:
            self.outcome = Outcome("cancelled", "Exporting: cancelled")
            return
        if self._kind in MESH_FORMATS:
            yield from self._write_meshes(take)
        else:
            yield from elsewhere(PARAMETERS[self._kind], take, self._path)
            self.outcome = Outcome("done", f"Wrote {Path(self._path).name} to {Path(self._path).parent}")

    def _write_meshes(self, take: Take) -> Steps:
        """Write the frames one by one, so that it can be stopped between them."""
        paths = [numbered(self._path, take.first_frame + row) for row in range(len(take))]
        for row, path in enumerate(paths):
            if self.cancelled:
                self.outcome = Outcome("cancelled", f"{self.title}: cancelled after {row} of {len(paths)} frames")
                return
            self.text, self.fraction = f"Frame {row + 1} of {len(paths)}", row / len(paths)
            yield from elsewhere(save_frames, self._model, take, path, [row])
        self.outcome = Outcome("done", f"Wrote {paths[0].name} to {paths[-1].name} in {paths[0].parent}")
