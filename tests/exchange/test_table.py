"""A take as CSV."""

import csv

import numpy as np

from smirk_blender.exchange.table import save_table
from tests.builders import make_take, tiny_head


def test_every_channel_reads_back_as_it_was(tmp_path):
    head = tiny_head(expression_names=("smile", 'a "quoted", name', *[f"expression_{index:03d}" for index in range(6)]))
    take = make_take(6, head, first_frame=40, gap=[0, 0, 1, 0, 0, 0], confidence=np.linspace(0, 1, 6))
    with open(save_table(take, tmp_path / "face.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    column = lambda name: np.array([float(row[name]) for row in rows])
    expected = {
        "frame": 40 + np.arange(6),
        "seconds": take.time_s,
        "gap": take.gap,
        "confidence": take.confidence,
        "smile": take.expression[:, 0],
        'a "quoted", name': take.expression[:, 1],
        "expression_005": take.expression[:, 7],
        "eyelid_left": take.eyelid[:, 0],
        "eyelid_right": take.eyelid[:, 1],
        "jaw_pose_x": take.jaw_pose[:, 0],
        "head_pose_y": take.head_pose[:, 1],
        "neck_pose_z": take.neck_pose[:, 2],
        "eye_pose_left_z": take.eye_pose[:, 2],
        "eye_pose_right_x": take.eye_pose[:, 3],
        "camera_scale": take.camera[:, 0],
        "camera_ty": take.camera[:, 2],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(column(name), values, rtol=0, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(column("seconds"), take.time_s)
    np.testing.assert_array_equal(column("smile").astype(np.float32), take.expression[:, 0])
    assert len(rows[0]) == 4 + 8 + 2 + 3 * 3 + 6 + 3
