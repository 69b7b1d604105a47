"""Heads as GLB, FBX, Alembic and USD: read again by Blender's importers, they move as FLAME says."""

import re
from fractions import Fraction

import bpy
import numpy as np
import pytest

from smirk_blender.errors import ExportError
from smirk_blender.exchange.glb import animation_times
from smirk_blender.flame import builtin_head, load_head
from smirk_blender.rig import bake_take, build_head, set_eyelid_order
from smirk_blender.rig import export as export_module
from smirk_blender.rig.export import export_head
from smirk_blender.rig.export_keys import split_values
from smirk_blender.rig.movie import set_fps
from smirk_blender.rig.nla import push_down
from tests.builders import make_take, tiny_head
from tests.rig.reimport import BAR_M, FIRST, NTSC, greatest_error_m, imported, need, shown_points
from tests.rig.scenes import flame_vertices, go_to, played_vertices, selected_objects

FORMATS = ("glb", "fbx", "abc", "usdc")


def played_head(head, take, *, frames=None, **options):
    """Return a head that plays a take from FIRST on in a scene of the take's rate and range."""
    head_object = build_head(head, **options)
    bake_take(head_object, head, take, scene_frame_start=FIRST)
    scene = bpy.context.scene
    set_fps(scene, take.fps)
    scene.frame_start, scene.frame_end = FIRST, FIRST + len(take) - 1
    return head_object


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_opens_again_with_the_same_motion(kind, tmp_path, figure):
    need(kind)
    head = tiny_head()
    take = make_take(12, head, fps=NTSC)
    take.expression[4, 3] = 14.0  # beyond Blender's sliders
    expected = flame_vertices(head, take)
    path = export_head(played_head(head, take), tmp_path / "new" / f"face.{kind}")
    error_m = greatest_error_m(path, expected)
    figure(f"{kind}, {len(take)} frames: greatest error", 1000 * error_m, "mm")
    assert error_m < BAR_M


@pytest.mark.parametrize(("model", "kind"), [("builtin", "glb"), ("builtin", "abc"), ("flame", "fbx")])
def test_a_real_head_survives(model, kind, tmp_path, request, figure):
    need(kind)
    if model == "builtin":
        head = builtin_head()
    else:
        folder = request.getfixturevalue("shared_folder") / "flame"
        head = load_head(folder / "generic_model.pkl", folder)
    take = make_take(3, head, fps=NTSC, expression=make_take(3, head).expression[:, :4], expression_names=())
    head_object = played_head(head, take, num_shape=0, num_expression=4)
    path = export_head(head_object, tmp_path / f"face.{kind}")
    error_m = greatest_error_m(path, flame_vertices(head, take))
    figure(f"{head.name} as {kind}: greatest error", 1000 * error_m, "mm")
    assert error_m < BAR_M


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), NTSC, Fraction(50)])
def test_a_glb_has_a_key_at_the_time_of_every_frame(fps, tmp_path):
    head = tiny_head()
    path = export_head(played_head(head, make_take(30, head, fps=fps)), tmp_path / "face.glb")
    for times in animation_times(path):
        np.testing.assert_allclose(times, np.arange(30) / float(fps), rtol=0, atol=1e-6)  # seconds


def test_a_usd_says_the_rate_and_the_frames(tmp_path):
    need("usda")
    head = tiny_head()
    text = export_head(played_head(head, make_take(5, head, fps=NTSC)), tmp_path / "face.usda").read_text()
    expected = {"timeCodesPerSecond": 30000 / 1001, "startTimeCode": 7, "endTimeCode": 11, "metersPerUnit": 1}
    said = {name: float(re.search(rf"^\s*{name} = (.*)$", text, re.M)[1]) for name in expected}
    assert said == pytest.approx(expected, rel=1e-6)
    assert 'upAxis = "Y"' in text
    assert len(re.findall(r"^\s+\d+: \[\(", text.partition("points.timeSamples")[2].partition("}")[0], re.M)) == 5


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_weights_stay_within_the_usual_range_or_are_the_heads_own(kind, tmp_path):
    head = tiny_head()
    take = make_take(6, head, fps=Fraction(25), expression=np.linspace(-3, 3, 48).reshape(6, 8))
    head_object = played_head(head, take)
    for unit in (True, False):
        export_head(head_object, tmp_path / f"face_{unit}.{kind}", unit_weights=unit)
    keys = {}
    for unit in (True, False):
        mesh, frames = imported(tmp_path / f"face_{unit}.{kind}", 6, Fraction(25))
        keys[unit] = {block.name: block for block in mesh.data.shape_keys.key_blocks}
        names, values = set(keys[unit]), []
        for frame in frames:
            go_to(bpy.context.scene, frame)
            values.append([block.value for block in keys[unit].values()])
        assert ("expression_000_minus" in names) == unit
        if unit:
            assert -1e-6 < np.min(values) and np.max(values) < 1 + 1e-6
    assert {name for name in names if name.startswith("expression")} == set(head.expression_names)


def test_values_are_split_into_parts_within_the_usual_range():
    rng = np.random.default_rng(0)
    for values in (3 * rng.normal(size=9), np.linspace(0, 1, 9), -np.linspace(0, 0.5, 9), np.zeros(9)):
        factor, part, minus_factor, minus = split_values(values)
        assert part.min() >= 0 and part.max() <= 1 and minus.min() >= 0 and minus.max() <= 1
        np.testing.assert_allclose(factor * part - minus_factor * minus, values, atol=1e-12)
    assert split_values(np.linspace(0, 1, 9))[::2] == (1.0, 0.0)


def state_of(scene):
    return (
        [sorted(thing.name for thing in kind) for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.armatures)],
        [sorted(thing.name for thing in kind) for kind in (bpy.data.actions, bpy.data.scenes, bpy.data.shape_keys)],
        [thing.name for thing in selected_objects()],
        bpy.context.view_layer.objects.active.name,
        (scene.frame_current, scene.frame_subframe, scene.frame_start, scene.frame_end),
        (scene.render.fps, scene.render.fps_base),
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_the_scene_is_as_before(kind, tmp_path):
    need(kind)
    head = tiny_head()
    take = make_take(8, head, fps=NTSC)
    head_object, scene = played_head(head, take), bpy.context.scene
    bpy.context.view_layer.objects.active = head_object.parent
    head_object.select_set(True)
    scene.frame_set(9, subframe=0.25)
    before = state_of(scene)
    export_head(head_object, tmp_path / f"face.{kind}", frames=(8, 10))
    assert state_of(scene) == before
    shown = played_vertices(head_object, FIRST + np.arange(8))
    np.testing.assert_allclose(shown, flame_vertices(head, take), atol=1e-5)  # metres


def test_an_exporter_that_fails_is_quoted_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(path, scene):
        raise RuntimeError("Error: the disk is full\n")

    head = tiny_head()
    head_object, scene = played_head(head, make_take(3, head)), bpy.context.scene
    bpy.context.view_layer.objects.active = head_object
    before = state_of(scene)
    monkeypatch.setitem(export_module.EXPORTERS, "fbx", fail)
    with pytest.raises(ExportError, match=r"could not export made_up to face.fbx \(the disk is full\)"):
        export_head(head_object, tmp_path / "face.fbx")
    assert state_of(scene) == before
    assert not list(tmp_path.iterdir())


def test_strips_and_fewer_keys_and_a_moved_rig_are_exported_as_they_play(tmp_path):
    head = tiny_head()
    take = make_take(10, head, fps=NTSC)
    head_object = played_head(head, take)
    action = bake_take(head_object, head, take, scene_frame_start=FIRST, tolerance_mm=0.2)
    push_down(head_object, action)
    head_object.parent.location, head_object.parent.rotation_euler = (1.0, 2.0, 0.5), (0.1, 0.2, 0.3)
    head_object.parent.scale = (0.5, 0.5, 0.5)
    expected = shown_points(head_object, 10)
    path = export_head(head_object, tmp_path / "face.fbx")
    assert greatest_error_m(path, expected) < BAR_M


@pytest.mark.parametrize("kind", ["glb", "usdc"])
def test_a_head_without_an_armature_turns_as_an_object(kind, tmp_path):
    need(kind)
    head = tiny_head()
    take = make_take(6, head, fps=NTSC)
    head_object = played_head(head, take, armature=False)
    expected = shown_points(head_object, 6)
    path = export_head(head_object, tmp_path / f"face.{kind}")
    assert greatest_error_m(path, expected) < BAR_M


def test_constrained_bones_go_as_they_move(tmp_path):
    head = tiny_head()
    head_object = played_head(head, make_take(4, head, fps=NTSC))
    leader = bpy.data.objects.new("leader", None)
    bpy.context.scene.collection.objects.link(leader)
    leader.rotation_euler = (0.4, 0.0, 0.2)
    constraint = head_object.parent.pose.bones["jaw"].constraints.new('COPY_ROTATION')
    constraint.target = leader
    expected = shown_points(head_object, 4)
    path = export_head(head_object, tmp_path / "face.fbx")
    assert greatest_error_m(path, expected) < BAR_M


def test_a_blender_without_the_exporter_is_told(tmp_path, monkeypatch):
    head = tiny_head()
    head_object = played_head(head, make_take(3, head))
    monkeypatch.setitem(export_module.ADD_ONS, "fbx", ("EXPORT_SCENE_OT_nothing", "FBX format"))
    with pytest.raises(ExportError, match="add-on FBX format is off. Enable it"):
        export_head(head_object, tmp_path / "face.fbx")


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    head = tiny_head()
    head_object = played_head(head, make_take(3, head, fps=NTSC))
    for name, said, options in (
        ("face.dae", "does not end in .glb", {}),
        ("face.glb", "No frames lie from 9 to 8", {"frames": (9, 8)}),
    ):
        with pytest.raises(ExportError, match=said):
            export_head(head_object, tmp_path / name, **options)
    with pytest.raises(ExportError, match="Head Rig is no mesh"):
        export_head(head_object.parent, tmp_path / "face.glb")
    set_eyelid_order(head_object, "after")
    with pytest.raises(ExportError, match="eyelids are added after posing"):
        export_head(head_object, tmp_path / "face.glb")
    assert not list(tmp_path.iterdir())
