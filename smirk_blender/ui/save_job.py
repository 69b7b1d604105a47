"""The panels' settings as a job's file, for `smirk batch`."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Object, Operator
from bpy_extras.io_utils import ExportHelper

from ..errors import SmirkError, VideoError
from ..sequences import sequence_from
from .footage import chosen_key, missing_text, read_footage
from .outcome import report
from .properties import ALL_FACES, KEYS, ONE_FACE, SMIRK_PG_bake
from .sidebar import character_of, target_head

USUAL_NAME = "job.json"


class SMIRK_OT_save_job(Operator, ExportHelper):
    bl_idname = "smirk.save_job"
    bl_label = "Save as Job"
    bl_description = "Write footage and settings of these panels to a file, for smirk batch to do without a window"

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={'HIDDEN'})
    whole_folder: BoolProperty(
        name="All Clips Beside It", description="Do every video in the footage's folder; otherwise the footage alone"
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not chosen_key(context):
            cls.poll_message_set(missing_text(context.scene.smirk))
            return False
        return True

    def invoke(self, context: Context, event: object) -> set[str]:
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / USUAL_NAME)
        return super().invoke(context, event)

    def execute(self, context: Context) -> set[str]:
        return report(self, lambda: self._save(context))

    def _save(self, context: Context) -> str:
        from ..batch.job import save_job  # enabling the add-on does without

        if not self.filepath:
            raise SmirkError("No name for the job. Choose a file")
        path = save_job(job_of_panels(context, whole_folder=self.whole_folder), bpy.path.abspath(self.filepath))
        left = left_out(context.scene.smirk.bake)
        sentences = [f"Saved {path.name} to {path.parent}", unsaved(context)]
        sentences.append(f"A job does not hold {left}" if left else "")
        return ". ".join(filter(None, sentences))


def job_of_panels(context: Context, *, whole_folder: bool = False) -> object:
    """Return the `batch.job.Job` of footage and settings.

    A head in a saved .blend makes that the template, a character in one is whom takes are retargeted onto.
    Args:
        whole_folder: whether all videos of the footage's folder are done, each whole; where that is a sequence, every
            sequence there as well.
    Raises:
        SmirkError: there is no footage that a job can hold, or nobody knows the head's model file.
    """
    from ..batch.job import Bake, Clean, Clip, Folder, Job, Solve, unusual
    from .solve import solver_options

    settings, chosen = context.scene.smirk, read_footage(context)
    footage, limits = chosen.footage, chosen.options()
    is_sequence = len(footage.images) > 1
    if is_sequence and list(footage.images) != sequence_from(footage.path)[0][: len(footage.images)]:
        raise VideoError(
            f"{footage.name} shows images that are not numbered one after another, and a job has no others. Solve it "
            "here, or number them"
        )
    face = None
    if not whole_folder and settings.face != ONE_FACE:
        face = "all" if settings.face == ALL_FACES else 1 + int(settings.face)
    clip = Clip(str(footage.path), "", limits["first_frame"], limits["last_frame"], face)
    head_object, character, blend = target_head(context), character_of(context), bpy.data.filepath
    template = {"template": blend, "head_object": head_object.name} if head_object is not None and blend else {}
    clean, item = Clean(), settings.active_take()
    if item is not None:
        wanted = item.clean_up.wanted()
        clean = Clean(enabled=False) if wanted is None else Clean(settings=unusual(wanted))
    return Job(
        clips=() if whole_folder else (clip,),
        folders=(Folder(str(footage.path.parent)),) if whole_folder else (),
        solve=Solve(**solver_options(context), image_fps=chosen.image_fps if is_sequence else None),
        clean=clean,
        bake=Bake(**template, arguments=tuple(bake_arguments(settings.bake))),
        retarget=_onto(character, blend, settings.retarget.write_as),
    )


def _onto(character: Object | None, blend: str, write_as: str) -> object:
    from ..batch.job import Retarget

    if character is None or not blend:
        return Retarget()
    return Retarget(blend, character.name, arguments=() if write_as == 'action' else ("--mode", write_as))


def unsaved(context: Context) -> str:
    """Return what the job lacks, or has as it was, since the .blend with head and character was not saved; or ""."""
    head_object, character = target_head(context), character_of(context)
    names = " and ".join(thing.name for thing in (head_object, character) if thing is not None)
    if not names:
        return ""
    if not bpy.data.filepath:
        return f"It is without {names}: save the .blend, then the job again"
    return f"It takes {names} from the .blend as last saved: save that too" if bpy.data.is_dirty else ""


def bake_arguments(settings: SMIRK_PG_bake) -> list[str]:
    """Return what of the Bake panel `smirk bake` takes."""
    arguments = ["--identity", settings.identity]
    if settings.fewer_keys:
        arguments += ["--key-tolerance", f"{settings.key_tolerance_mm:.6g}"]
    if settings.shot == 'none':
        return [*arguments, "--head-motion", settings.head_motion]
    arguments += ["--layout", "matched", "--camera", "perspective" if settings.shot == 'PERSP' else "orthographic"]
    if settings.shot == 'PERSP' and settings.focal_mm:
        arguments += ["--focal", f"{settings.focal_mm:.6g}"]
    return arguments


def left_out(settings: SMIRK_PG_bake) -> str:
    """Return what of the Bake panel is set and has no place in a job, in words; "" where nothing is."""
    there = {
        "which parts get keys": settings.keys != {key for key, _, _ in KEYS},
        "the start frame": settings.scene_frame_start != 1,
        "NLA strips": settings.bake_as == 'nla',
        "resampling": settings.timing == 'resample',
    }
    return ", ".join(words for words, is_set in there.items() if is_set)


register, unregister = bpy.utils.register_classes_factory((SMIRK_OT_save_job,))
