"""Picking a character's landmarks by hand, along the guided list."""

import bpy
import numpy as np
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event, Operator

from ..errors import RetargetError, SmirkError
from ..retarget.guide import asked_places, embedding_of, is_enough
from ..retarget.picks import Picks
from .landmark_operator import CONFIRM, TAKE_BACK, LandmarkOperator, keep, places_by_landmark
from .landmark_points import Shown
from .landmark_view import View

KEYS = ("Click: Pick   Space: Leave Out", "Backspace: Take Back", "Enter: Finish   Esc: Cancel")
NOT_ENOUGH = "Pick at least six of the list's places, on both sides, and one of them in the middle"


class Picking(LandmarkOperator):
    """Asks for one place after the other."""

    mirror: BoolProperty(
        name="Mirror", description="Ask for one side alone where the character is symmetric", default=True
    )
    places: StringProperty(
        name="Places",
        description="For scripts: places in the world by landmark, as JSON; all that are not given are missing",
        options={'SKIP_SAVE'},
    )

    def execute(self, context: Context) -> set[str]:
        try:
            places = places_by_landmark(self.places or "{}")
            self.begin(context)
            picks = Picks(self.surface.rest, self.planes)
            unknown = set(places) - {place.index for place in asked_places(mirrored=False)}
            if unknown:
                raise RetargetError(f"The landmark {min(unknown)} is not in the list of places")
            while picks.place is not None:
                place = places.get(picks.place.index)
                if place is None:
                    picks.leave_out()
                else:
                    picks.pick(self.surface.nearest(place))
            for index, place in places.items():  # the right side's too, where a script gives it
                if index not in {place.index for place in picks.asked}:
                    picks.put(index, self.surface.nearest(place))
            return self._finish(context, picks)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}

    def is_given(self) -> bool:
        return bool(self.places)

    def start(self, context: Context) -> None:
        self._picks = Picks(self.surface.rest, self.planes)
        self._towards: list[np.ndarray] = []  # the viewer, of every click
        self._show(context, {})

    def moved(self, context: Context, view: View | None) -> None:
        found = view.hit(self.surface) if view is not None else None
        self._show(context, self._picks.preview(found.point) if found is not None else {})

    def acted(self, context: Context, event: Event, view: View | None) -> set[str]:
        if event.value != 'PRESS':
            return {'RUNNING_MODAL'}
        if event.type == 'LEFTMOUSE' and self._picks.place is not None:
            found = view.hit(self.surface)
            if found is None:
                self.report({'WARNING'}, f"Click on {self.character}")
                return {'RUNNING_MODAL'}
            self._picks.choose_plane(self.surface.to_rest(view.across), self.surface.to_rest(view.up))
            self._picks.pick(found.point)
            self._towards.append(view.towards)
        elif event.type == 'SPACE' and self._picks.place is not None:
            self._picks.leave_out()
        elif event.type in TAKE_BACK or (event.type == 'Z' and (event.ctrl or event.oskey)):
            self._picks.take_back()
        elif event.type in CONFIRM:
            if not self._picks.enough:
                self.report({'WARNING'}, NOT_ENOUGH)
                return {'RUNNING_MODAL'}
            return self._finish_modal(context)
        else:
            return {'RUNNING_MODAL'}
        if self._picks.place is None and self._picks.enough:
            return self._finish_modal(context)
        self._show(context, {})
        return {'RUNNING_MODAL'}

    def _show(self, context: Context, ghosts: dict) -> None:
        picks = self._picks
        place, asked = picks.place, picks.asked
        if place is None:
            lines = (NOT_ENOUGH, "Backspace asks for the last place again")
        else:
            one_side = "the other side follows by itself" if picks.planes else "this character is not symmetric"
            lines = (
                f"{place.name}",
                f"{place.hint[0].upper()}{place.hint[1:]}",
                f"{picks.number} of {len(asked)}; {one_side}",
                "Left is the character's own",
            )
        shown = Shown(
            self.character,
            embedding_of(picks.points),
            ghosts=embedding_of(ghosts),
            marked=place.index if place else None,
            wanted=place.index if place else None,
            lines=lines,
        )
        self.say(context, shown, KEYS)

    def _finish_modal(self, context: Context) -> set[str]:
        exchanged = False
        if self._towards:
            exchanged = self._picks.settle_sides(self.surface.shown, sum(self._towards))
        try:
            state = self._finish(context, self._picks, exchanged=exchanged)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            state = {'CANCELLED'}
        self._leave(context)
        return state

    def _finish(self, context: Context, picks: Picks, *, exchanged: bool = False) -> set[str]:
        if not is_enough(picks.points):
            raise RetargetError(f"{self.character} would have too few landmarks for a face. {NOT_ENOUGH}")
        keep(self.find(context), picks.points)
        note = "; left and right were exchanged, since left is the character's own" if exchanged else ""
        self.report({'INFO'}, f"{self.character} has {len(picks.points)} landmarks{note}")
        return {'FINISHED'}


class SMIRK_OT_pick_landmarks(Picking, Operator):
    bl_idname = "smirk.pick_landmarks"
    bl_label = "Pick Points"
    bl_description = "Click the places of the character's face that are asked for, one after the other"


register, unregister = bpy.utils.register_classes_factory((SMIRK_OT_pick_landmarks,))
