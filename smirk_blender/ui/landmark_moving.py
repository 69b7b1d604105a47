"""Moving a character's landmarks on its surface, and forgetting them."""

import bpy
import numpy as np
from bpy.props import BoolProperty, FloatVectorProperty, IntProperty
from bpy.types import Context, Event, Operator

from ..errors import RetargetError, SmirkError
from ..retarget.guide import embedding_of, place_of, points_of, points_of_move
from ..retarget.surface_point import SurfacePoint
from . import landmark_points
from .landmark_operator import CONFIRM, TAKE_BACK, LandmarkOperator, keep
from .landmark_points import Shown, chosen_character, kept_landmarks
from .landmark_view import View

REACH_PX = 14.0  # of a press, to the point that it takes hold of
LISTED_BONUS_PX = 4.0  # so much farther away a place of the guided list is taken before any other point
SLACK = 0.02  # of the character's diagonal: what of its surface is so near to a point does not hide it
KEYS = ("Drag: Move Point", "Backspace: Take Back", "Enter: Finish   Esc: Cancel")
NO_LANDMARKS = "The character has no landmarks yet: find or pick them first"


class LandmarksOperator(LandmarkOperator):
    """An operator on landmarks that are there."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if kept_landmarks(chosen_character(context)) is None:
            cls.poll_message_set(NO_LANDMARKS)
            return False
        return True


class Moving(LandmarksOperator):
    """Lets landmarks be dragged, one after the other."""

    mirror: BoolProperty(
        name="Mirror", description="Move the other side's point along where the character is symmetric", default=True
    )
    index: IntProperty(
        name="Landmark", description="For scripts: which of MediaPipe's landmarks", default=-1, options={'SKIP_SAVE'}
    )
    location: FloatVectorProperty(
        name="Location", description="For scripts: where it goes, in the world", options={'SKIP_SAVE'}, subtype='XYZ'
    )

    def execute(self, context: Context) -> set[str]:
        try:
            self.begin(context)
            moved = points_of(kept_landmarks(self.find(context)))
            if self.index not in moved:
                raise RetargetError(f"{self.character} has no landmark {self.index}")
            moved |= self._moved_to(self.index, self.surface.nearest(np.array(self.location)), moved)
            keep(self.find(context), moved)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        return {'FINISHED'}

    def is_given(self) -> bool:
        return self.index >= 0

    def start(self, context: Context) -> None:
        self._before: list[dict[int, SurfacePoint]] = []  # every drag
        self._points = points_of(kept_landmarks(self.find(context)))
        self._held: int | None = None
        self._show(context, None)

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type == 'LEFTMOUSE' and event.value == 'RELEASE':  # over other editors, too
            self._held = None
        return super().modal(context, event)

    def moved(self, context: Context, view: View | None) -> None:
        if self._held is None:
            self._show(context, self._under(view) if view is not None else None)
            return
        found = view.hit(self.surface) if view is not None else None
        if found is not None:
            self._points = self._points | self._moved_to(self._held, found.point, self._before[-1])
            self._show(context, self._held)

    def acted(self, context: Context, event: Event, view: View | None) -> set[str]:
        if event.value != 'PRESS':
            return {'RUNNING_MODAL'}
        if event.type == 'LEFTMOUSE':
            self._held = self._under(view)
            if self._held is not None:
                self._before.append(self._points)
        elif event.type in TAKE_BACK or (event.type == 'Z' and (event.ctrl or event.oskey)):
            if self._before and self._held is None:
                self._points = self._before.pop()
        elif event.type in CONFIRM:
            return self._finish(context)
        self._show(context, self._held)
        return {'RUNNING_MODAL'}

    def _finish(self, context: Context) -> set[str]:
        self._leave(context)
        if not self._before:
            return {'CANCELLED'}
        try:
            keep(self.find(context), self._points)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        return {'FINISHED'}

    def _moved_to(
        self, index: int, point: SurfacePoint, before: dict[int, SurfacePoint]
    ) -> dict[int, SurfacePoint]:
        plane = self.planes[0] if self.planes else None
        return points_of_move(index, point, before, self.surface.rest, plane)

    def _under(self, view: View) -> int | None:
        """Return which landmark the mouse is on: the nearest that is seen, those of the guided list first."""
        landmarks = embedding_of(self._points)
        places = landmarks.points(self.surface.shown[None])[0]
        away = np.linalg.norm(view.pixels(places) - (view.x, view.y), axis=1)
        away = np.nan_to_num(away, nan=np.inf)
        reach_px = REACH_PX * (bpy.context.preferences.system.ui_scale or 1.0)  # 0 without a window
        indices = landmarks.indices.tolist()
        order = np.argsort([px - LISTED_BONUS_PX * bool(place_of(index)) for index, px in zip(indices, away)])
        for row in order:
            if away[row] <= reach_px and self._is_seen(view, places[row]):
                return indices[row]
        return None

    def _is_seen(self, view: View, place: np.ndarray) -> bool:
        (pixel,) = view.pixels(place[None])
        start, _ = view.ray_before(self.surface, *pixel)
        return self.surface.sees(start, place, SLACK * self.surface.size)

    def _show(self, context: Context, marked: int | None) -> None:
        place = place_of(marked) if marked is not None else None
        name = place.name if place else f"Landmark {marked}" if marked is not None else "Move Points"
        side = ""
        if self.mirror:
            side = "The other side's point moves along" if self.planes else f"{self.character} is not symmetric"
        shown = Shown(
            self.character,
            embedding_of(self._points),
            marked=marked,
            wanted=place.index if place else None,
            lines=(name, *filter(None, (side,))),
        )
        self.say(context, shown, KEYS)


class SMIRK_OT_move_landmark(Moving, Operator):
    bl_idname = "smirk.move_landmark"
    bl_label = "Move Points"
    bl_description = "Drag landmarks over the character's surface"


class SMIRK_OT_clear_landmarks(LandmarksOperator, Operator):
    bl_idname = "smirk.clear_landmarks"
    bl_label = "Clear Points"
    bl_description = "Forget the character's landmarks"

    def execute(self, context: Context) -> set[str]:
        try:
            keep(chosen_character(context), None)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        landmark_points.redraw()
        return {'FINISHED'}


register, unregister = bpy.utils.register_classes_factory((SMIRK_OT_move_landmark, SMIRK_OT_clear_landmarks))
