"""A character's landmarks as they are drawn and told of; how that looks is looked at in a window."""

import bpy
import numpy as np
from mathutils import Matrix

from smirk_blender.rig.pick_surface import PickSurface
from smirk_blender.ui import landmark_drawing, landmark_points, landmark_view
from smirk_blender.ui.landmark_panel import draw_landmarks
from tests.ui.fake_layout import Context, Layout
from tests.ui.test_landmark_picking import add_face, left_places, pick

VIEW_PX = (800, 600)


def test_a_ray_that_goes_in_by_an_opening_hits_nothing():
    face = add_face()
    front = [polygon.index for polygon in face.data.polygons if abs(polygon.center.x) < 0.02 and polygon.center.y < 0]
    keep_faces = [tuple(polygon.vertices) for polygon in face.data.polygons if polygon.index not in front]
    points = [tuple(vertex.co) for vertex in face.data.vertices]
    for turned in (False, True):  # and where the normals all point inwards
        face.data.clear_geometry()
        face.data.from_pydata(points, [], [corners[::-1] if turned else corners for corners in keep_faces])
        surface = PickSurface(face, bpy.context.evaluated_depsgraph_get())
        along = np.array([0, 1.0, 0])
        assert surface.hit(np.array([0, -1.0, 0.0]), along) is None
        assert surface.hit(np.array([0.04, -1.0, 0.0]), along).place[1] < -0.05


def test_discs_are_as_large_in_pixels_however_far_away(figure):
    for perspective in (True, False):
        view = Matrix.Translation((0, 0, -3)) @ Matrix.Rotation(-1.2, 4, 'X')
        lens = np.array([[2.0, 0, 0, 0], [0, 2.0 * VIEW_PX[0] / VIEW_PX[1], 0, 0], [0, 0, -1.0, -0.2], [0, 0, -1.0, 0]])
        if not perspective:
            lens[2:] = [[0, 0, -0.01, -1.0], [0, 0, 0, 1.0]]
        matrix = Matrix(lens.tolist()) @ view
        matrices = landmark_drawing.ViewMatrices(view, matrix, perspective, VIEW_PX)
        places = np.random.default_rng(2).uniform(-0.5, 0.5, (6, 3))
        discs = matrices.discs(places, np.full(6, 5.0), 0.01)
        seen = landmark_view.pixels_of(discs.reshape(-1, 3), np.array(matrix), VIEW_PX).reshape(6, -1, 2)
        radii_px = np.linalg.norm(seen[:, 1:] - seen[:, :1], axis=2)
        np.testing.assert_allclose(radii_px, 5.0, atol=1e-3)
        before = landmark_view.pixels_of(places, np.array(matrix), VIEW_PX)
        np.testing.assert_allclose(seen[:, 0], before, atol=1e-3)  # straight towards the viewer


def test_sides_have_their_colours_and_the_lists_places_are_larger():
    indices = np.array([263, 33, 4, 5])
    left, right, middle, other = landmark_points.colors_of(indices, None).tolist()
    assert left[2] > left[0] and right[0] > right[2] and middle == other
    radii = landmark_points.radii_of(indices, 33)
    assert radii[1] > radii[0] == radii[2] > radii[3]


def test_landmarks_of_another_mesh_are_not_shown():
    face = add_face()
    pick(left_places(face))
    assert landmark_points.kept_landmarks(face) is not None
    face.data = bpy.data.meshes.new("Other")
    assert landmark_points.kept_landmarks(face) is None


def test_the_panel_says_what_is_there_and_what_is_missing():
    face = add_face()

    def text():
        layout = Layout()
        draw_landmarks(layout, Context(), face)
        return layout.text

    assert "No landmarks on Face yet" in text() and "smirk.pick_landmarks" in text()
    pick(left_places(face))
    assert "21 landmarks" in text() and "Missing" not in text()
    pick({index: place for index, place in left_places(face).items() if index not in (152, 285)})
    assert "Missing: Inner End of the Left Brow" in text() and "Chin" in text()
