"""Landmarks that are found on a mesh by drawing it."""

import sys

import numpy as np
import pytest

from smirk_blender.capture.face_mesh import open_face_mesh
from smirk_blender.capture.find_landmarks import find_landmarks
from smirk_blender.capture.job import Job
from smirk_blender.capture.mesh_landmarks import IRISES, LOWER_LIP, UPPER_LIP
from smirk_blender.capture.protocol import Done, Failed
from smirk_blender.errors import ModelError, RetargetError
from smirk_blender.flame import builtin_head
from smirk_blender.flame.builtin.assemble import LANDMARK_FILE, OUTLINE
from smirk_blender.retarget.drawable import Drawable, load_drawable, read_found, save_drawable
from tests.jobs import messages_of

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # from FLAME's axes
FACE_SIDES = (234, 454)  # landmarks whose distance is the face's width


@pytest.fixture(scope="module", autouse=True)
def models():
    """Skip where MediaPipe brings no models along."""
    try:
        open_face_mesh(every_frame=False).close()
    except ModelError as error:
        pytest.skip(str(error))


def drawable_head() -> Drawable:
    """The built-in head, with a key that opens its mouth."""
    head = builtin_head()
    quads = head.surface.polygons
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    points = head.template @ Z_UP.T.astype(np.float64)
    opened = (head.vertices(jaw_pose=np.array([[0.25, 0.0, 0.0]])) - head.template) @ Z_UP.T
    return Drawable(
        name="Head",
        points=points,
        triangles=triangles,
        colors=head.surface.colors[triangles],
        own=np.ones(len(triangles), bool),
        num_vertices=len(points),
        key_offsets=opened.astype(np.float32),
        framings=np.array([[0.0, -0.06, 0.0, 0.16]]),
    )


def drawable_cube() -> Drawable:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    colors, own = np.full((12, 3, 3), 0.6, np.float32), np.ones(12, bool)
    return Drawable("Cube", corners, triangles, colors, own, 8, np.zeros((0, 8, 3)), np.array([[0.0, 0, 0, 2]]))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What is found on the built-in head."""
    folder = tmp_path_factory.mktemp("found")
    path, out = save_drawable(drawable_head(), folder / "drawn.npz"), folder / "found.npz"
    messages = list(find_landmarks(str(path), str(out)))
    assert isinstance(messages[-1], Done) and messages[-1].paths == [str(out)]
    return read_found(out)


def places_of(indices, corners, weights) -> np.ndarray:
    """Return landmarks' places on the built-in head, (478, 3) metres; NaN for those that are not there."""
    places = np.full((478, 3), np.nan)
    places[indices] = np.einsum("lk,lkc->lc", weights, builtin_head().template[corners])
    return places


def test_what_is_drawn_reads_back_as_it_was(tmp_path):
    drawable = drawable_cube()
    read = load_drawable(save_drawable(drawable, tmp_path / "drawn.npz"))
    assert (read.name, read.num_vertices) == ("Cube", 8)
    for name in ("points", "triangles", "colors", "own", "key_offsets", "framings"):
        np.testing.assert_array_equal(getattr(read, name), getattr(drawable, name))


def test_a_file_of_another_kind_is_an_error_that_names_it(tmp_path):
    (tmp_path / "drawn.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(RetargetError, match="drawn.npz"):
        load_drawable(tmp_path / "drawn.npz")


def test_landmarks_of_the_built_in_head_are_found_where_they_are(found, figure):
    with np.load(LANDMARK_FILE, allow_pickle=False) as stored:
        truth = places_of(stored["indices"], stored["corners"], stored["weights"])
    width = np.linalg.norm(truth[FACE_SIDES[0]] - truth[FACE_SIDES[1]])
    marks = found.landmarks
    away = np.linalg.norm(places_of(marks.indices, marks.corners, marks.weights) - truth, axis=1) / width
    figure("median distance", 100 * np.nanmedian(away), "% of face width")
    figure("90th percentile", 100 * np.nanpercentile(away, 90), "% of face width")
    assert len(marks) >= 400
    assert np.nanmedian(away) < 0.03
    assert np.nanpercentile(away, 90) < 0.07


def test_the_outline_is_left_out_and_all_else_has_weights_of_a_triangle(found):
    assert not OUTLINE & set(found.landmarks.indices.tolist())
    np.testing.assert_allclose(found.landmarks.weights.sum(axis=1), 1.0, atol=1e-5)
    assert found.landmarks.weights.min() >= -1e-6
    assert found.agreement.shape == found.landmarks.indices.shape


def test_each_lip_has_its_own_landmarks_though_the_mouth_is_shut(found):
    opened = np.linalg.norm(drawable_head().key_offsets[0], axis=1)
    marks = found.landmarks
    moved = np.full(478, np.nan)
    moved[marks.indices] = (opened[marks.corners] * marks.weights).sum(axis=1)
    inner = slice(3, 6)  # the middle of each row, away from the corners
    upper, lower = (np.reshape(lip, (4, 9))[:, inner] for lip in (UPPER_LIP, LOWER_LIP))
    assert np.nanmax(moved[upper]) < 0.5 * np.nanmin(moved[lower])


def test_irises_lie_on_the_eyeballs_and_lids_do_not(found):
    marks = found.landmarks
    follows = builtin_head().skinning_weights[:, 3:].sum(axis=1)
    turned = (follows[marks.corners] * marks.weights).sum(axis=1)
    irises = np.isin(marks.indices, IRISES)
    assert irises.sum() == len(IRISES)
    np.testing.assert_allclose(turned[irises], 1.0, atol=1e-5)
    np.testing.assert_allclose(turned[~irises], 0.0, atol=1e-5)


def test_a_thing_without_a_face_is_refused_by_name_with_what_to_do(tmp_path):
    path = save_drawable(drawable_cube(), tmp_path / "drawn.npz")
    arguments = {"drawable_path": str(path), "out_path": str(tmp_path / "found.npz")}
    job = Job(sys.executable, "capture.find_landmarks", arguments, tmp_path / "worker.log")
    try:
        *_, last = messages_of(job)
    finally:
        job.close()
    assert isinstance(last, Failed)
    assert "Cube" in last.text and "Pick Points" in last.text
    assert not (tmp_path / "found.npz").exists()
