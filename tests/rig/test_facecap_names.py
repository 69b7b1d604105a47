"""facecap.glb, an ARKit character, moved by its keys' names."""

import bpy
import numpy as np
import pytest

from smirk_blender.flame import builtin_head
from smirk_blender.retarget.arkit import NEVER_SEEN, is_arkit
from smirk_blender.retarget.arkit_curves import take_of_curves
from smirk_blender.retarget.arkit_solve import arkit_curves
from smirk_blender.retarget.by_names import character_weights, keys_by_name
from smirk_blender.retarget.character import Character
from smirk_blender.retarget.profile import RetargetProfile
from tests.retarget.curves import made_up_curves


@pytest.fixture
def facecap(shared_folder):
    path = shared_folder / "rigs" / "facecap.glb"
    if not path.is_file():
        pytest.skip(f"no character at {path}")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(path))
    (mesh,) = (obj.data for obj in bpy.data.objects if obj.type == 'MESH' and obj.data.shape_keys)
    basis, *keys = mesh.shape_keys.key_blocks
    places = np.empty((1 + len(keys), len(mesh.vertices) * 3), np.float32)
    for row, key in zip(places, (basis, *keys)):
        key.data.foreach_get("co", row)
    places = places.reshape(len(places), -1, 3)
    limits = np.array([[key.slider_min, key.slider_max] for key in keys])
    names = tuple(key.name for key in keys)
    return Character("facecap", places[0].astype(float), np.empty((0, 3), int), names, places[1:] - places[0], limits)


def test_known_weights_come_out_on_facecap(facecap, figure):
    assert is_arkit(facecap.key_names)
    curves = made_up_curves(120)
    take = take_of_curves(curves, "known")
    found = character_weights(arkit_curves(take, builtin_head()), facecap, RetargetProfile())
    assert len(found.key_names) == 52 and not found.notes
    name_of = {key: name for name, key in keys_by_name(facecap, RetargetProfile()).items()}
    expected = np.column_stack([curves.weight(name_of[key]) for key in found.key_names])
    expected[:, [name_of[key] in NEVER_SEEN for key in found.key_names]] = 0.0
    error = np.abs(found.weights - expected).max()
    figure("greatest error of a weight", error)
    assert error < 0.02


def test_curves_of_a_file_reach_facecap_whole(facecap):
    curves = made_up_curves(120)
    found = character_weights(curves, facecap, RetargetProfile())
    tongue = found.key_names.index("tongueOut")
    np.testing.assert_allclose(found.weights[:, tongue], curves.weight("tongueOut"), atol=1e-6)
