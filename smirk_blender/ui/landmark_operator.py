"""What operators on a character's landmarks share: which character, its surface, and keeping what came of it."""

import json
from dataclasses import replace

import bpy
import numpy as np
from bpy.types import Context, Event, Object

from ..errors import RetargetError, SmirkError
from ..retarget.guide import embedding_of
from ..retarget.surface_point import SurfacePoint
from ..retarget.symmetry import MirrorPlane, mirror_planes
from ..rig.pick_surface import PickSurface
from ..rig.retarget_memory import keep_profile, profile_of
from . import landmark_points
from .landmark_points import Shown, chosen_character
from .landmark_view import NAVIGATION, View, redraw, view_under

CONFIRM, TAKE_BACK = frozenset(('RET', 'NUMPAD_ENTER')), frozenset(('BACK_SPACE',))
MOUSE = frozenset(('LEFTMOUSE', 'RIGHTMOUSE', 'BUTTON4MOUSE', 'BUTTON5MOUSE', 'PEN', 'ERASER'))


class LandmarkOperator:
    """An operator on the landmarks of the character that is meant.

    While it is modal it keeps the character's name alone, since undo makes another object of it; the character is
    changed at its end, all at once.
    """

    bl_options = {'UNDO'}  # what was clicked cannot be done again from a panel

    @classmethod
    def poll(cls, context: Context) -> bool:
        mesh_object = chosen_character(context)
        if mesh_object is None:
            cls.poll_message_set("Choose a character: select the mesh of its face")
            return False
        if mesh_object.library is not None:
            cls.poll_message_set(
                f"{mesh_object.name} is linked, and nothing can be kept with it. Make a library override of it first "
                "(Object > Library Override > Make)"
            )
            return False
        if mesh_object.mode == 'EDIT':
            cls.poll_message_set(f"Leave {mesh_object.name}'s Edit Mode first")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Begin with the mouse; at once where a script says where, or there is no window."""
        if self.is_given() or context.window is None or bpy.app.background:
            return self.execute(context)
        self.mirror = landmark_points.settings(context).mirror
        try:
            self.begin(context)
        except SmirkError as error:
            self.report({'ERROR'}, str(error))
            return {'CANCELLED'}
        self.start(context)
        return self.begin_modal(context)

    def is_given(self) -> bool:
        """Return whether the operator's options say where landmarks go."""
        raise NotImplementedError

    def start(self, context: Context) -> None:
        """Have everything ready for the mouse, and show it."""
        raise NotImplementedError

    def begin(self, context: Context) -> None:
        """Read the character.

        Raises:
            RetargetError: it has no faces.
        """
        mesh_object = chosen_character(context)
        self.character = mesh_object.name
        self.surface = PickSurface(mesh_object, context.evaluated_depsgraph_get())
        self.planes: list[MirrorPlane] = mirror_planes(self.surface.rest) if self.mirror else []

    def find(self, context: Context) -> Object | None:
        """Return the character, if it is there and has the vertices it had."""
        mesh_object = context.scene.objects.get(self.character)
        same = mesh_object is not None and mesh_object.type == 'MESH' and mesh_object.mode != 'EDIT'
        return mesh_object if same and len(mesh_object.data.vertices) == len(self.surface.shown) else None

    def begin_modal(self, context: Context) -> set[str]:
        context.window_manager.modal_handler_add(self)
        context.window.cursor_modal_set('CROSSHAIR')
        return {'RUNNING_MODAL'}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Tell what is the operator's own from what is not: navigation, other editors, panels."""
        if self.find(context) is None:
            self.report({'ERROR'}, f"{self.character} was changed meanwhile; its landmarks are as they were")
            return self._end(context, 'CANCELLED')
        if event.type == 'ESC' and event.value == 'PRESS':
            return self._end(context, 'CANCELLED')
        view = view_under(context.window, event)
        if event.type == 'MOUSEMOVE':
            self.moved(context, view)
            return {'PASS_THROUGH'}
        if event.type in NAVIGATION or event.alt or (view is None and event.type in MOUSE):
            return {'PASS_THROUGH'}
        if event.type == 'WINDOW_DEACTIVATE' or event.type.startswith('TIMER'):
            return {'PASS_THROUGH'}
        return self.acted(context, event, view)

    def moved(self, context: Context, view: View | None) -> None:
        """Show what the mouse is on."""
        raise NotImplementedError

    def acted(self, context: Context, event: Event, view: View | None) -> set[str]:
        """Answer a key or a button of the mouse in a viewport, a key elsewhere."""
        raise NotImplementedError

    def cancel(self, context: Context) -> None:
        self._leave(context)

    def _end(self, context: Context, state: str) -> set[str]:
        self._leave(context)
        return {state}

    def _leave(self, context: Context) -> None:
        landmark_points.show(None)
        if context.window is not None:
            context.window.cursor_modal_restore()
        if context.workspace is not None:
            context.workspace.status_text_set(None)

    def say(self, context: Context, shown: Shown, keys: tuple[str, ...]) -> None:
        """Show landmarks in the viewports, with the keys below the lines, and in the status bar."""
        landmark_points.show(replace(shown, lines=(*shown.lines, *keys)))
        context.workspace.status_text_set("     ".join((shown.lines[0], *keys)))
        redraw(context.window)


def keep(mesh_object: Object, points: dict[int, SurfacePoint] | None) -> None:
    """Keep landmarks with a character, in place of those that it had; None for none.

    Raises:
        RetargetError: the profile that it keeps is broken.
    """
    landmarks = embedding_of(points) if points else None
    keep_profile(mesh_object, replace(profile_of(mesh_object), landmarks=landmarks))


def places_by_landmark(text: str) -> dict[int, np.ndarray]:
    """Return places in the world, (3,) each, by landmark, from JSON: {"4": [x, y, z]}.

    Raises:
        RetargetError: it is something else.
    """
    try:
        places = {int(index): np.array(place, np.float64) for index, place in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise RetargetError(f'Give landmarks as JSON, such as {{"4": [0, -0.1, 1.6]}}: {error}') from error
    wrong = [index for index, place in places.items() if place.shape != (3,) or not np.isfinite(place).all()]
    if wrong:
        raise RetargetError(f"The landmark {wrong[0]} needs three numbers, its place in the world")
    return places
