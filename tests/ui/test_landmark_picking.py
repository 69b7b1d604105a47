"""Picking, moving and forgetting landmarks by script; the mouse is tried in a window."""

import json
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Vector

from smirk_blender.retarget.guide import asked_places
from smirk_blender.rig.retarget_memory import keep_profile, profile_of
from smirk_blender.ui import landmark_operator, landmark_points
from smirk_blender.ui.landmark_moving import Moving
from smirk_blender.ui.landmark_picking import Picking
from tests.retarget.ball_face import ball_face, places_before

ALL = {place.index for place in asked_places(mirrored=False)}
NEAR_M = 5e-4


def add_face(name="Face", **options):
    vertices, triangles = ball_face(**options)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], triangles.tolist())
    face = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(face)
    bpy.context.view_layer.objects.active = face
    return face


def on_front(face):
    """Return where rays along y meet a face, by landmark, (3,) metres in the world; the face stands at the origin."""
    bpy.context.view_layer.update()
    hits = {}
    for index, start in places_before().items():
        found, place, _, _ = face.ray_cast(start, (0, 1, 0))
        assert found, index
        hits[index] = list(face.matrix_world @ place)
    return hits


def left_places(face):
    asked = {place.index for place in asked_places(mirrored=True)}
    return {index: place for index, place in on_front(face).items() if index in asked}


def kept_places(face):
    """Return the landmarks' places on a face at rest, (3,) by landmark, in its object space."""
    landmarks = profile_of(face).landmarks
    vertices = np.array([vertex.co for vertex in face.data.vertices])
    return dict(zip(landmarks.indices.tolist(), landmarks.points(vertices[None])[0]))


def pick(places, **options):
    return bpy.ops.smirk.pick_landmarks(places=json.dumps(places), **options)


def test_picks_of_one_side_are_kept_for_both():
    face = add_face()
    given = left_places(face)
    assert pick(given) == {'FINISHED'}
    kept = kept_places(face)
    assert set(kept) == ALL
    for index, place in given.items():
        np.testing.assert_allclose(kept[index], place, atol=NEAR_M)
    for place in asked_places(mirrored=True):
        image = kept[place.partner or place.index]
        np.testing.assert_allclose(kept[place.index] * (-1, 1, 1), image, atol=NEAR_M)


def test_a_face_that_is_not_symmetric_needs_both_sides():
    face = add_face(shifted=0.01)
    with pytest.raises(RuntimeError, match="on both sides"):
        pick(left_places(face))
    given = on_front(face)
    pick(given)
    kept = kept_places(face)
    np.testing.assert_allclose([kept[index] for index in given], list(given.values()), atol=NEAR_M)


def test_what_a_script_gives_for_both_sides_is_kept_as_it_is():
    face = add_face()
    given = on_front(face)
    given[33] = given[159]
    pick(given)
    np.testing.assert_allclose(kept_places(face)[33], given[159], atol=NEAR_M)
    del given[33]
    pick(given, mirror=False)
    assert set(kept_places(face)) == ALL - {33}


@pytest.mark.parametrize("scale", [(1, 1, 1), (100, 100, 100), (-1, 1, 1)])
def test_a_face_may_stand_anywhere_be_turned_scaled_mirrored_and_posed(scale):
    face = add_face()
    rest = left_places(face)
    face.location, face.rotation_euler, face.scale = (1, 2, 3), (0.3, 0.2, 1.0), scale
    face.shape_key_add(name="Basis")
    key = face.shape_key_add(name="Up")
    for point in key.points:
        point.co.z += 0.05
    key.value = 1.0
    bpy.context.view_layer.update()
    pick({index: list(face.matrix_world @ Vector((x, y, z + 0.05))) for index, (x, y, z) in rest.items()})
    kept = kept_places(face)
    np.testing.assert_allclose([kept[index] for index in rest], list(rest.values()), atol=NEAR_M)
    assert set(kept) == ALL


def test_a_modifier_that_adds_vertices_is_looked_through(figure):
    face = add_face()
    given = left_places(face)
    face.modifiers.new("Subdivision", 'SUBSURF').levels = 1
    pick(given)
    kept = kept_places(face)
    missed_m = np.abs(np.array([kept[index] for index in given]) - list(given.values())).max()
    figure("farthest from what was picked", 1000 * missed_m, "mm")
    assert missed_m < 0.001


def test_too_few_places_or_something_else_is_refused_and_nothing_changes():
    face = add_face()
    pick(left_places(face))
    before = kept_places(face)
    few = dict(list(left_places(face).items())[:4])
    for places, message in (
        (json.dumps(few), "too few landmarks"),
        ("", "too few landmarks"),
        ("nonsense", "as JSON"),
        ("[1, 2]", "as JSON"),
        ('{"4": [0, 1]}', "needs three numbers"),
        ('{"4": [0, 1, NaN]}', "needs three numbers"),
        ('{"5": [0, 1, 2]}', "not in the list"),
    ):
        with pytest.raises(RuntimeError, match=message):
            bpy.ops.smirk.pick_landmarks(places=places)
    assert kept_places(face).keys() == before.keys()
    np.testing.assert_array_equal(list(kept_places(face).values()), list(before.values()))


def test_what_cannot_keep_landmarks_is_told_so(tmp_path):
    for operator in (bpy.ops.smirk.pick_landmarks, bpy.ops.smirk.move_landmark, bpy.ops.smirk.clear_landmarks):
        with pytest.raises(RuntimeError, match="Choose a character"):
            operator()
    face = add_face()
    for operator in (bpy.ops.smirk.move_landmark, bpy.ops.smirk.clear_landmarks):
        with pytest.raises(RuntimeError, match="no landmarks yet"):
            operator()
    bpy.ops.object.mode_set(mode='EDIT')
    with pytest.raises(RuntimeError, match="Edit Mode"):
        pick({})
    bpy.ops.object.mode_set(mode='OBJECT')
    face.data.clear_geometry()
    with pytest.raises(RuntimeError, match="no faces"):
        pick({})


def test_linked_characters_need_an_override(tmp_path):
    add_face("Linked Face")
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.objects = ["Linked Face"]
    (face,) = wanted.objects
    bpy.context.collection.objects.link(face)
    bpy.context.view_layer.objects.active = face
    with pytest.raises(RuntimeError, match="library override"):
        pick({})
    override = face.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    assert pick(left_places(override)) == {'FINISHED'}
    assert set(kept_places(override)) == ALL


def test_a_point_is_moved_with_its_partner_and_alone():
    face = add_face()
    pick(left_places(face))
    before = kept_places(face)
    target = before[386]
    bpy.ops.smirk.move_landmark(index=263, location=target)
    moved = kept_places(face)
    np.testing.assert_allclose([moved[263], moved[33]], [target, target * (-1, 1, 1)], atol=NEAR_M)
    others = [index for index in before if index not in (263, 33)]
    np.testing.assert_allclose([moved[index] for index in others], [before[index] for index in others], atol=1e-7)
    bpy.ops.smirk.move_landmark(index=263, location=before[263], mirror=False)
    np.testing.assert_allclose(kept_places(face)[33], target * (-1, 1, 1), atol=NEAR_M)
    np.testing.assert_allclose(kept_places(face)[263], before[263], atol=NEAR_M)
    with pytest.raises(RuntimeError, match="no landmark 7"):
        bpy.ops.smirk.move_landmark(index=7, location=target)


def test_clearing_and_undo():
    face = add_face()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.smirk.pick_landmarks('EXEC_DEFAULT', True, places=json.dumps(left_places(face)))
    bpy.ops.smirk.clear_landmarks('EXEC_DEFAULT', True)
    face = bpy.data.objects["Face"]
    assert profile_of(face).landmarks is None
    bpy.ops.ed.undo()
    assert set(kept_places(bpy.data.objects["Face"])) == ALL
    bpy.ops.ed.undo()
    assert profile_of(bpy.data.objects["Face"]).landmarks is None


def test_picking_leaves_the_rest_of_the_profile():
    face = add_face()
    profile = profile_of(face)
    keep_profile(face, profile)
    pick(left_places(face))
    assert profile_of(face).keys == profile.keys and profile_of(face).by == profile.by


# --- the mouse, without a window


class Sight:
    """A viewport that looks along +y, orthographic, with the mouse before a point."""

    across, up, towards = np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([0, -1.0, 0])

    def __init__(self, place):
        self.x, self.y = 1000 * place[0], 1000 * place[2]
        self.start = np.array([place[0], -1.0, place[2]])

    def hit(self, surface):
        return surface.hit(self.start, np.array([0, 1.0, 0]))

    def pixels(self, places):
        return 1000 * places[:, [0, 2]]

    def ray_before(self, surface, x, y):
        return np.array([x / 1000, -1.0, y / 1000]), np.array([0, 1.0, 0])


@pytest.fixture
def hand(monkeypatch):
    """Return a function that begins an operator, and gives one that sends it events: send(type, place, value)."""
    monkeypatch.setattr(landmark_operator, "redraw", lambda window: None)
    said = []
    window = SimpleNamespace(cursor_modal_set=lambda shape: None, cursor_modal_restore=lambda: None)

    def begin(kind, **options):
        methods = {"report": lambda self, kind, text: said.append(text), "mirror": True} | options
        operator = type("Begun", (kind,), methods)()
        context = SimpleNamespace(
            scene=bpy.context.scene,
            view_layer=bpy.context.view_layer,
            window=window,
            workspace=SimpleNamespace(status_text_set=said.append),
            evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get,
        )
        operator.begin(context)
        operator.start(context)

        def send(kind, place=None, value='PRESS', **held):
            sight = Sight(place) if place is not None else None
            monkeypatch.setattr(landmark_operator, "view_under", lambda window, event: sight)
            event = SimpleNamespace(type=kind, value=value, **{"alt": False, "ctrl": False, "oskey": False} | held)
            return operator.modal(context, event)

        send.operator, send.said = operator, said
        return send

    return begin


def test_clicks_pick_what_is_asked_for(hand):
    face = add_face()
    send, places = hand(Picking), left_places(face)
    for place in asked_places(mirrored=True):
        assert landmark_points.shown().wanted == place.index and place.name in landmark_points.shown().lines[0]
        assert send('MOUSEMOVE', places[place.index], 'NOTHING') == {'PASS_THROUGH'}
        assert set(landmark_points.shown().ghosts.indices) == {place.index, place.partner} - {None}
        assert profile_of(face).landmarks is None  # not before the end
        state = send('LEFTMOUSE', places[place.index])
    assert state == {'FINISHED'} and landmark_points.shown() is None and send.said[-1] is None
    kept = kept_places(face)
    np.testing.assert_allclose([kept[index] for index in places], list(places.values()), atol=NEAR_M)


def test_whoever_picks_the_wrong_side_gets_it_right(hand):
    face = add_face()
    send, places = hand(Picking), on_front(face)
    for place in asked_places(mirrored=True):
        send('LEFTMOUSE', places[place.partner or place.index])
    assert any("exchanged" in str(text) for text in send.said)
    kept = kept_places(face)
    np.testing.assert_allclose(kept[263], places[263], atol=NEAR_M)


def test_escape_leaves_what_was(hand):
    face = add_face()
    pick(left_places(face))
    before = kept_places(face)
    for kind in (Picking, Moving):
        send = hand(kind)
        send('LEFTMOUSE', before[263])
        send('MOUSEMOVE', before[386], 'NOTHING')
        send('LEFTMOUSE', before[386], 'RELEASE')
        assert send('ESC') == {'CANCELLED'} and landmark_points.shown() is None
        np.testing.assert_array_equal(list(kept_places(face).values()), list(before.values()))


def test_backspace_space_and_enter(hand):
    face = add_face()
    send, places = hand(Picking), left_places(face)
    send('LEFTMOUSE', places[263])
    send('LEFTMOUSE', (0.5, 0, 0.5))  # beside the face
    assert "Click on Face" in send.said and landmark_points.shown().wanted == 362
    send('BACK_SPACE')
    assert landmark_points.shown().wanted == 263 and not len(landmark_points.shown().points)
    assert send('RET') == {'RUNNING_MODAL'}  # too early
    for place in asked_places(mirrored=True):
        if place.index in (285, 276):
            send('SPACE')
        elif place.index != 152:
            send('LEFTMOUSE', places[place.index])
    assert send('RET') == {'FINISHED'}
    assert ALL - set(kept_places(face)) == {285, 276, 55, 46, 152}


def test_what_is_not_the_operators_own_is_let_through(hand):
    face = add_face()
    send, places = hand(Picking), left_places(face)
    for event in (
        dict(kind='MIDDLEMOUSE', place=places[4]),
        dict(kind='WHEELUPMOUSE', place=places[4]),
        dict(kind='LEFTMOUSE', place=places[4], alt=True),
        dict(kind='LEFTMOUSE'),  # over a panel
    ):
        assert send(**event) == {'PASS_THROUGH'}
    assert not len(landmark_points.shown().points)
    bpy.data.objects.remove(face)
    assert send('LEFTMOUSE', places[4]) == {'CANCELLED'} and "changed meanwhile" in send.said[-2]


def test_points_are_dragged(hand):
    face = add_face()
    pick(left_places(face))
    before = kept_places(face)
    send = hand(Moving)
    near = before[263] + (0.003, 0, 0.002)
    send('MOUSEMOVE', near, 'NOTHING')
    assert landmark_points.shown().marked == 263
    send('LEFTMOUSE', near)
    send('MOUSEMOVE', before[386], 'NOTHING')
    send('LEFTMOUSE', before[386], 'RELEASE')
    send('MOUSEMOVE', before[4], 'NOTHING')  # let go before
    send('LEFTMOUSE', before[152])
    send('MOUSEMOVE', before[17], 'NOTHING')
    send('LEFTMOUSE', None, 'RELEASE')
    send('BACK_SPACE')
    assert send('RET') == {'FINISHED'}
    kept = kept_places(face)
    np.testing.assert_allclose([kept[263], kept[33]], [before[386], before[386] * (-1, 1, 1)], atol=NEAR_M)
    np.testing.assert_allclose([kept[index] for index in (4, 152)], [before[4], before[152]], atol=NEAR_M)


def test_a_point_behind_the_face_is_not_taken(hand):
    face = add_face()
    pick(left_places(face))
    back = kept_places(face)[152] * (1, -1, 1)
    bpy.ops.smirk.move_landmark(index=152, location=back, mirror=False)
    send = hand(Moving)
    send('MOUSEMOVE', back, 'NOTHING')
    assert landmark_points.shown().marked is None
    assert send('RET') == {'CANCELLED'}  # nothing was moved
