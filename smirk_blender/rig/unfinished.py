"""What there is of a head that is built in steps, found anew after every pause, and taken away if it is given up.

Between steps users undo, delete, and open other files, which makes references to datablocks stale. So names
and session numbers are kept, and the mesh carries how many steps it has seen.
"""

from dataclasses import dataclass

import bpy
from bpy.types import ID, Object

from ..errors import HeadError

STEPS_DONE = "smirk_steps_done"  # custom property of the mesh, until the head is finished
LISTS = {
    'ARMATURE': "armatures",
    'COLLECTION': "collections",
    'MATERIAL': "materials",
    'MESH': "meshes",
    'OBJECT': "objects",
}


@dataclass(frozen=True)
class Known:
    """A datablock of this session and file by name and number."""

    kind: str
    name: str
    number: int  # Blender's, which no other datablock of the session ever gets

    @classmethod
    def by(cls, datablock: ID) -> "Known":
        return cls(datablock.id_type, datablock.name, datablock.session_uid)

    def find(self) -> ID | None:
        """Return the datablock, renamed or not; None where it is gone."""
        datablocks = getattr(bpy.data, LISTS[self.kind])
        named = datablocks.get((self.name, None))
        if named is not None and named.session_uid == self.number:
            return named
        scene_collections = [scene.collection for scene in bpy.data.scenes] if self.kind == 'COLLECTION' else []
        candidates = (*datablocks, *scene_collections)
        return next((datablock for datablock in candidates if datablock.session_uid == self.number), None)


class Unfinished:
    """A head that is being built: `pause` after each step, `resume` before the next, `remove` if there is none."""

    def __init__(self, head_object: Object):
        self._name = head_object.name
        self._steps_done = -1
        self.pause(head_object)

    def pause(self, head_object: Object) -> None:
        """Note how far the head is, and what belongs to it."""
        self._steps_done += 1
        head_object.data[STEPS_DONE] = self._steps_done
        rig = head_object.parent
        parts = [head_object, head_object.data, *([rig, rig.data] if rig else []), *head_object.data.materials]
        self._parts = [Known.by(part) for part in parts]

    def resume(self) -> Object:
        """Return the head's mesh object as it was left.

        Raises:
            HeadError: it is gone, or as it was at an earlier step.
        """
        parts = [part.find() for part in self._parts]
        if None in parts or parts[0].data.get(STEPS_DONE) != self._steps_done:
            raise HeadError(f"{self._name} was deleted or undone while it was being built. Add it again")
        return parts[0]

    def finish(self, head_object: Object) -> None:
        del head_object.data[STEPS_DONE]

    def remove(self) -> None:
        """Take away what there is of the head."""
        bpy.data.batch_remove([part for part in (known.find() for known in self._parts) if part is not None])
