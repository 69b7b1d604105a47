"""A take on a head: keyframes on shape keys and bones, as an action."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import bpy
import numpy as np
from bpy.types import Action, Object

from ..errors import TakeError
from ..flame.head import Head
from ..retarget.resample import WHOLE_FRAME
from ..retarget.selection import ALL_PARTS, take_of_parts
from ..retarget.solved_on import check_solved_on
from ..take import Take
from . import compat
from .channels import Baking, bone_steps, correction_steps, hold_steps, key_steps, late_steps, object_step
from .checks import check_head
from .drivers import drive_pose_keys, pose_keys_are_driven
from .eyelid_order import eyelid_order, set_eyelid_order
from .head_object import add_missing_keys
from .identity import apply_identity, wear_steps
from .key_sheet import FEWER_KEYS, KeySheet, sheet_steps
from .memory import EXPRESSION_KEYS, EYELID_KEYS, HEAD_ID, RIG_ACTION, has_armature, names, rig_action_of
from .named_head import NAMED_MODEL
from .nla import key_frames_of, players, renew_strips, strips_of
from .shape_keys import hold_in_earlier_actions
from .steps import HeldHead, Steps, finish

Wearing = Literal["keys", "basis", "keep"]


def bake_take(
    head_object: Object,
    head: Head,
    take: Take,
    *,
    scene_frame_start: int = 1,
    action_name: str | None = None,
    identity: Wearing = "keys",
    translation: np.ndarray | None = None,
    parts: Collection[str] = ALL_PARTS,
    action: Action | None = None,
    tolerance_mm: float | None = None,
    bind: bool = True,
) -> Action:
    """Write a take onto a head as a new action, and bind it; earlier actions stay as they were.

    Identity is not in the action, so every action baked onto this head plays on whichever identity it
    wears. Where an action animates one kind of datablock only (4.2, 4.3), the bones get a second one,
    called like the first with ".rig". Without bones, the object's own location and rotation are the
    action's from now on; a parent places it.
    Args:
        head_object: a head, built or adopted.
        head: its model.
        take: T frames.
        scene_frame_start: scene frame of the take's first frame.
        action_name: the take's source without its suffix where left out.
        identity: "keys": the head wears the take's identity from now on, on its identity keys; "basis": the same,
            applied into the Basis; "keep": it stays whose it is.
        translation: (T, 3) metres, FLAME axes, added to the posed head; it stays where it is where left out.
        parts: of the face, see `retarget.selection`; others get no F-curves, so that another action may play them.
        action: an earlier one of this head to bake to instead of a new one; its curves of these parts are replaced.
        tolerance_mm: how far any vertex of a face of real size may be off at any frame, so that fewer keys will do;
            `key_figures_of` says what became of it. Every frame gets a key, and curves are straight between them, where
            left out or 0.
        bind: whether the head plays it from now on; otherwise it plays on what it plays.
    Returns:
        The action with the shape keys' F-curves.
    Raises:
        HeadError: the object is not this head, or was changed beyond use.
        TakeError: the take was solved for another head, or has no frames, or holds values that are no numbers.
        ValueError: a part that no face has; an action of another head; a tolerance that is less than nothing.
    """
    return finish(
        bake_steps(
            head_object,
            head,
            take,
            scene_frame_start=scene_frame_start,
            action_name=action_name,
            identity=identity,
            translation=translation,
            parts=parts,
            action=action,
            tolerance_mm=tolerance_mm,
            bind=bind,
            threaded=False,
        )
    )


def bake_steps(
    head_object: Object,
    head: Head,
    take: Take,
    *,
    scene_frame_start: int = 1,
    action_name: str | None = None,
    identity: Wearing = "keys",
    translation: np.ndarray | None = None,
    parts: Collection[str] = ALL_PARTS,
    action: Action | None = None,
    tolerance_mm: float | None = None,
    bind: bool = True,
    corrections: bool = True,
    threaded: bool = True,
) -> Steps[Action]:
    """Do what `bake_take` does, in steps of milliseconds, between which the user may do anything; return the action.

    The first step checks everything, and raises what `bake_take` raises before anything is changed. A new action is
    bound in the last step: until then the head plays what it played, and is drawn again only where keys are added or
    its identity changes. An earlier action is written at the end, all at once unless it is long. Closed before, the
    generator removes a new action.
    Args:
        corrections: whether a head without an armature gets the keys that bring it within TOLERANCE_M of FLAME; they
            take seconds, which a take that is still growing has not got.
        threaded: whether what takes long and needs no Blender is done in a thread, steps only waiting for it.
        The others: see `bake_take`.
    Raises:
        HeadError: besides, what is needed was deleted between two steps.
    """
    check_bake(head_object, head, take, identity=identity, translation=translation)
    if action is not None and action.get(HEAD_ID) != head_object.data[HEAD_ID]:
        raise ValueError(f"{action.name} was not baked onto {head_object.name}")
    if tolerance_mm is not None and not 0 <= tolerance_mm < np.inf:
        raise ValueError(f"a tolerance of {tolerance_mm} mm")
    shape, take, held = take.shape, take_of_parts(take, parts), HeldHead(head_object)
    eyelid_keys = names(head_object, EYELID_KEYS)
    if action is not None:
        held.action, key_frames = action, key_frames_of(head_object, action)
    yield
    if identity != "keep":
        yield from wear_steps(held, head, shape, threaded=threaded)
    if identity == "basis":
        apply_identity(held.head_object, head)  # at once: half of it would be another head
        yield
    if _add_keys_for(held.head_object, head, take):
        yield
    if pose_keys_are_driven(held.head_object):
        drive_pose_keys(held.head_object)  # mesh or bones may have been turned since
        yield
    if action is None:
        held.action = _new_actions(held.head_object, action_name or Path(take.source.name).stem)
    scene_frames = scene_frames_of(take, scene_frame_start)
    sheet = KeySheet(tolerance_mm) if tolerance_mm else None
    late = [] if action is not None else None
    baking = Baking(held, head, take, scene_frames, translation, frozenset(parts), threaded, sheet, late)
    try:
        yield
        held.action.pop(FEWER_KEYS, None)
        yield from key_steps(baking)
        if has_armature(held.head_object):
            used = []
            yield from bone_steps(baking)
        else:
            used = (yield from correction_steps(baking)) if corrections else []
            yield from object_step(baking)
        if sheet is not None:
            yield from sheet_steps(sheet, held, head, scene_frames, threaded=threaded)
        yield from hold_steps(baking, used)
        yield from late_steps(baking)
        if action is not None:
            renew_strips(held.head_object, held.action, key_frames)
        if bind:
            play_action(held.head_object, held.action)
    except BaseException:  # GeneratorExit is one
        if action is None:
            held.remove_action()
        raise
    head_object = held.head_object
    if names(head_object, EYELID_KEYS) != eyelid_keys and eyelid_order(head_object) == "after":
        set_eyelid_order(head_object, "after")  # by the keys that took the others' place
    return held.action


def remove_action(action: Action) -> None:
    """Delete an action that was baked, with the one that turns the head where that is another."""
    bpy.data.batch_remove({rig_action_of(action), action})


def scene_frames_of(take: Take, scene_frame_start: float) -> np.ndarray:
    """Return the scene frame of each of the take's, (T,) float64: whole numbers for footage of constant rate.

    The first row's is `scene_frame_start`, whichever of the video's frames it is. Footage of varying rate lands on
    fractions, where its timestamps say. Timestamps that do not rise are not believed.
    """
    counted = np.arange(len(take), dtype=np.float64)
    timed = (take.time_s - take.time_s[:1]) * float(take.fps)
    if np.any(np.diff(timed) <= 0):
        return scene_frame_start + counted
    return scene_frame_start + np.where(np.abs(timed - counted) < WHOLE_FRAME, counted, np.round(timed, 3))


def _new_actions(head_object: Object, name: str) -> Action:
    """Return a new action; where an action animates one kind of datablock, it knows the one of what turns the head."""
    action = _new_action(name, head_object)
    if not compat.has_slots():
        action[RIG_ACTION] = _new_action(f"{action.name}.rig", head_object)
    return action


def play_action(head_object: Object, action: Action) -> None:
    """Let a head play an action, by its strips where it has some; the one that it played before is kept in the file."""
    for datablock, its_action in players(head_object, action):
        animation = datablock.animation_data
        if animation is not None and animation.action is not None:
            animation.action.use_fake_user = True
        if not strips_of(datablock, its_action):
            compat.use_action(datablock, its_action)
        elif animation.action != its_action:
            animation.action = None


def _add_keys_for(head_object: Object, head: Head, take: Take) -> list[str]:
    """Add keys for the expression directions that the take uses beyond those that have one; return their names."""
    used = np.flatnonzero(np.any(take.expression, axis=0))
    listed = names(head_object, EXPRESSION_KEYS)
    missing = max(used, default=-1) + 1 - len(listed)
    if missing <= 0:
        return []
    head_object.data[EXPRESSION_KEYS] = [*listed, *[""] * missing]
    made = add_missing_keys(head_object, head, identity=False)
    hold_in_earlier_actions(head_object, made)
    return made


def _new_action(name: str, head_object: Object) -> Action:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True  # a later bake unbinds this one, and a file keeps no data without users
    action[HEAD_ID] = head_object.data[HEAD_ID]
    return action


def check_bake(
    head_object: Object, head: Head, take: Take, *, identity: Wearing = "keys", translation: np.ndarray | None = None
) -> None:
    """Raise what `bake_take` raises, before anything is changed."""
    check_head(head_object, head)
    check_take(head, take, identity=identity != "keep")
    if translation is not None and np.shape(translation) != (len(take), 3):
        raise ValueError(f"a translation of shape {np.shape(translation)} for a take of {len(take)} frames")


def check_take(head: Head, take: Take, *, identity: bool = True) -> None:
    """Raise TakeError where a take was solved for another head, has no frames, or holds values that are no numbers.

    Its identity may be of any length where it is not to be worn.
    """
    if len(take) == 0:
        raise TakeError(f"The take of {take.source.name} has no frames. Solve the video again")
    if head.name != NAMED_MODEL:
        check_solved_on(take, head, "Choose the head it was solved on, or carry it over")
    num_expression = take.expression.shape[1]
    num_shape = len(take.shape) if identity else 0
    other_names = take.expression_names and take.expression_names != head.expression_names[: len(take.expression_names)]
    if num_expression > head.num_expression or num_shape > head.num_shape or other_names:
        raise TakeError(
            f"The take of {take.source.name} was solved for another head than {head.name} ({num_expression} expression "
            f"directions, {num_shape} of identity). Choose the head it was solved for"
        )
    broken = [name for name, values in take.head_parameters().items() if not np.all(np.isfinite(values))]
    if broken:
        raise TakeError(f"The take of {take.source.name} has no numbers in {broken[0]}. Solve the video again")
