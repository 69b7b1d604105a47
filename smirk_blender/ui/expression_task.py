"""An expression kept as an asset; its picture is drawn beside Blender's window."""

from collections.abc import Collection

import bpy
from bpy.types import Object, Scene

from ..exchange.asset_catalog import ensure_catalog
from ..exchange.portrait import FACE_PART, portrait
from ..rig.pose_assets import add_expression, face_of, library_folder, set_picture
from ..rig.steps import HeldHead
from .tasks import Outcome, Steps, Task, elsewhere


class SaveExpressionTask(Task):
    """Keys what a head shows in an action of its own, then draws it."""

    def __init__(
        self, scene: Scene, head_object: Object, name: str, *, parts: Collection[str], catalog: str, description: str
    ) -> None:
        super().__init__(f"Saving {name}", scene.name)
        self._held = HeldHead(head_object)
        self._name, self._parts, self._catalog, self._description = name, parts, catalog, description

    def steps(self) -> Steps:
        self.text = "Drawing"
        head_object, blend = self._held.head_object, bpy.data.filepath
        catalog_id = ensure_catalog(library_folder(blend), self._catalog) if blend and self._catalog else ""
        action = add_expression(
            head_object,
            self._name,
            parts=self._parts,
            catalog_id=catalog_id,
            description=self._description,
            picture=False,
        )
        number = action.session_uid
        pixels = yield from elsewhere(lambda face: portrait(*face, part=FACE_PART), face_of(head_object))
        action = next((each for each in bpy.data.actions if each.session_uid == number), None)
        if action is None:
            self.outcome = Outcome("cancelled", f"{self._name} was deleted or undone while its picture was drawn")
            return
        set_picture(action, pixels)
        why = "to keep it" if catalog_id or not self._catalog else "to keep it and to sort it into catalogs"
        text = f"{action.name} is an asset: in the Asset Browser, under Current File. Save the .blend {why}"
        self.outcome = Outcome("done", text, changed=True)
