"""OBJ and PLY of single frames."""

import numpy as np
import pytest

from smirk_blender.errors import ExportError
from smirk_blender.exchange.meshes import posed_vertices, save_frames
from tests.builders import make_take, tiny_head

BAR_M = 1e-6  # metres


def read_ply(path):
    """Return a PLY file's header lines, vertices (V, 3) and triangles (F, 3); it has neither colours nor quads."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode().splitlines()
    counts = [int(line.split()[-1]) for line in lines if line.startswith("element")]
    vertices = np.frombuffer(body, "<f4", 3 * counts[0]).reshape(-1, 3)
    faces = np.frombuffer(body, [("count", "u1"), ("corners", "<i4", 3)], counts[1], vertices.nbytes)
    assert len(body) == vertices.nbytes + faces.nbytes and set(faces["count"]) == {3}
    return lines, vertices, faces["corners"]


def test_an_obj_holds_the_posed_head_in_the_models_order(tmp_path):
    head = tiny_head()
    take = make_take(5, head)
    (path,) = save_frames(head, take, tmp_path / "face.obj", [3])
    assert path == tmp_path / "face.obj"
    lines = [line.split() for line in path.read_text().splitlines()]
    vertices = np.array([line[1:] for line in lines if line[0] == "v"], float)
    np.testing.assert_allclose(vertices, head.vertices(**take.head_parameters())[3], rtol=0, atol=BAR_M)
    faces = [line[1:] for line in lines if line[0] == "f"]
    corners = np.array([[int(corner.split("/")[0]) - 1 for corner in face] for face in faces])
    order = np.argsort(head.surface.material_index, kind="stable")
    np.testing.assert_array_equal(corners, head.surface.polygons[order])
    places = np.array([line[1:] for line in lines if line[0] == "vt"], float)
    used = np.array([[places[int(corner.split("/")[1]) - 1] for corner in face] for face in faces])
    np.testing.assert_allclose(used, head.surface.uv[order], rtol=0, atol=1e-6)
    assert [line[1] for line in lines if line[0] == "usemtl"] == ["Skin", "Eyes"]


def test_a_ply_holds_the_same_in_binary(tmp_path):
    head = tiny_head()
    take = make_take(5, head)
    (path,) = save_frames(head, take, tmp_path / "face.ply", [3])
    lines, vertices, corners = read_ply(path)
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    np.testing.assert_array_equal(vertices, posed_vertices(head, take, 3))
    np.testing.assert_array_equal(corners, head.surface.polygons)


def test_all_frames_become_files_called_after_the_videos_frames(tmp_path):
    head = tiny_head()
    take = make_take(3, head, first_frame=98)
    paths = save_frames(head, take, tmp_path / "face.ply")
    assert [path.name for path in paths] == ["face_00098.ply", "face_00099.ply", "face_00100.ply"]
    for row, path in enumerate(paths):
        np.testing.assert_array_equal(read_ply(path)[1], posed_vertices(head, take, row))


def test_a_head_can_look_straight_ahead(tmp_path):
    head = tiny_head()
    take = make_take(2, head)
    parameters = take.head_parameters(slice(1, 2)) | {"head_pose": np.zeros((1, 3))}
    (path,) = save_frames(head, take, tmp_path / "face.ply", [1], head_pose=False)
    np.testing.assert_array_equal(read_ply(path)[1], head.vertices(**parameters)[0])


@pytest.mark.parametrize(("name", "rows", "said"), [("f.stl", [0], "not end in"), ("f.obj", [2], "no frame 2")])
def test_what_cannot_be_is_said(tmp_path, name, rows, said):
    head = tiny_head()
    with pytest.raises(ExportError, match=said):
        save_frames(head, make_take(2, head), tmp_path / name, rows)
    assert not list(tmp_path.iterdir())
