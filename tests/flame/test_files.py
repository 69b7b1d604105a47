"""Head models in files: what FLAME's pickles may hold, and what they may not do."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from smirk_blender.errors import HeadError
from smirk_blender.flame import load_head, save_head
from tests.builders import tiny_head


def flame_fields(head) -> dict[str, object]:
    """Return a head's arrays under FLAME's names."""
    return {
        "v_template": head.template.astype(np.float64),
        "f": head.triangles.astype(np.uint32),
        "shapedirs": np.concatenate([head.shape_directions, head.expression_directions], axis=-1).astype(np.float64),
        "posedirs": head.pose_directions.astype(np.float64),
        "J_regressor": scipy.sparse.csc_matrix(head.joint_regressor),
        "weights": head.skinning_weights.astype(np.float64),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)], dtype=np.int64),
        "bs_style": "lbs",
    }


def flame_sized_head(**replacements):
    return tiny_head(num_shape=300, num_expression=100, **replacements)


def write_pickle(path, fields, protocol=2):
    path.write_bytes(pickle.dumps(fields, protocol=protocol))
    return path


def assert_same_head(loaded, head):
    for name in (
        "template",
        "shape_directions",
        "expression_directions",
        "pose_directions",
        "joint_regressor",
        "skinning_weights",
    ):
        np.testing.assert_allclose(getattr(loaded, name), getattr(head, name), rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(loaded.triangles, head.triangles)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("sparse", [scipy.sparse.csc_matrix, scipy.sparse.csr_matrix, lambda matrix: matrix])
def test_a_pickled_model_is_read(tmp_path, protocol, sparse):
    head = flame_sized_head()
    fields = flame_fields(head) | {"J_regressor": sparse(head.joint_regressor)}
    assert_same_head(load_head(write_pickle(tmp_path / "model.pkl", fields, protocol)), head)


@pytest.mark.parametrize("protocol", [0, 2])
def test_chumpy_arrays_are_read_without_chumpy(tmp_path, monkeypatch, protocol):
    class Ch:
        def __init__(self, x):
            self.x = x

        def __getstate__(self):
            return {"x": self.x, "_dirty_vars": set(), "_itr": None}

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    for name in ("chumpy", "chumpy.ch"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["chumpy.ch"].Ch = Ch
    head = flame_sized_head()
    fields = flame_fields(head)
    wrapped = {name: Ch(fields[name]) for name in ("v_template", "shapedirs")}
    path = write_pickle(tmp_path / "model.pkl", fields | wrapped, protocol)
    monkeypatch.undo()
    assert "chumpy" not in sys.modules
    assert_same_head(load_head(path), head)


def test_names_written_as_bytes_are_read(tmp_path):
    head = flame_sized_head()
    fields = {name.encode(): value for name, value in flame_fields(head).items()}
    assert_same_head(load_head(write_pickle(tmp_path / "model.pkl", fields)), head)


class RunsCode:
    def __reduce__(self):
        return os.mkdir, (os.environ["SMIRK_TEST_TRAP"],)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code_is_not_run_and_named(tmp_path, monkeypatch, protocol):
    trap = tmp_path / "trap"
    monkeypatch.setenv("SMIRK_TEST_TRAP", str(trap))
    path = write_pickle(tmp_path / "model.pkl", flame_fields(flame_sized_head()) | {"extra": RunsCode()}, protocol)
    with pytest.raises(HeadError, match=f"model.pkl wants to use {os.mkdir.__module__}.mkdir, .* not run"):
        load_head(path)
    assert not trap.exists()


def test_a_pickle_cannot_reach_through_an_admitted_name(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04cnumpy\nndarray.__class__\n.")
    with pytest.raises(HeadError, match=r"numpy.ndarray.__class__"):
        load_head(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}q\x00X", pickle.dumps([1, 2])])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(HeadError, match="model.pkl is not a FLAME model"):
        load_head(path)


def test_a_model_without_a_field_is_told_which(tmp_path):
    fields = flame_fields(flame_sized_head())
    del fields["posedirs"]
    with pytest.raises(HeadError, match="it has no posedirs"):
        load_head(write_pickle(tmp_path / "model.pkl", fields))


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("weights", np.zeros((50, 24)), r"weights has shape \(50, 24\), not \(50, 5\)"),
        ("kintree_table", np.array([[2**32 - 1, 0, 0, 1, 1], range(5)]), "joint tree"),
        ("f", np.array([[0, 1, 999]]), "triangles name vertices that it does not have"),
        ("v_template", "a text", "not a FLAME model"),
        ("v_template", None, "v_template is empty, misshapen or not finite"),
        ("v_template", np.full((50, 3), np.nan), "v_template is empty, misshapen or not finite"),
        ("shapedirs", np.float64(1), "shapedirs is empty, misshapen or not finite"),
    ],
)
def test_a_model_that_is_not_flames_is_refused(tmp_path, field, value, complaint):
    with pytest.raises(HeadError, match=complaint):
        load_head(write_pickle(tmp_path / "model.pkl", flame_fields(flame_sized_head()) | {field: value}))


def test_a_missing_model_is_named(tmp_path):
    for name in ("none.pkl", "none.npz"):
        with pytest.raises(HeadError, match=f"No head model at .*{name}"):
            load_head(tmp_path / name)


def test_a_saved_head_is_loaded_as_it_was(tmp_path):
    head = tiny_head()
    save_head(head, tmp_path / "head.npz")
    loaded = load_head(tmp_path / "head.npz")
    assert_same_head(loaded, head)
    np.testing.assert_array_equal(loaded.eyelid_directions, head.eyelid_directions)
    assert (loaded.name, loaded.shape_names, loaded.expression_names) == (
        head.name,
        head.shape_names,
        head.expression_names,
    )


def test_eyelids_are_found_beside_the_model_or_where_they_are_said_to_be(tmp_path):
    head = flame_sized_head()
    path = write_pickle(tmp_path / "model.pkl", flame_fields(head))
    assert load_head(path).eyelid_directions is None
    folder = tmp_path / "assets"
    folder.mkdir()
    with pytest.raises(HeadError, match="No eyelid shape at .*l_eyelid.npy"):
        load_head(path, folder)
    for side, name in enumerate(("l_eyelid.npy", "r_eyelid.npy")):
        np.save(folder / name, head.eyelid_directions[..., side])
    np.testing.assert_array_equal(load_head(path, folder).eyelid_directions, head.eyelid_directions)
    np.save(folder / "r_eyelid.npy", np.zeros((7, 3)))
    with pytest.raises(HeadError, match=r"r_eyelid.npy has shape \(7, 3\), the head has 50 vertices"):
        load_head(path, folder)


def test_the_flame_2020_layout_is_read(shared_folder):
    head = load_head(shared_folder / "flame" / "generic_model.pkl")
    assert head.template.shape == (5023, 3) and head.triangles.shape == (9976, 3)
    assert (head.num_shape, head.num_expression) == (300, 100)
    assert len(head.landmarks) == 105 and head.eyelid_directions.shape == (5023, 3, 2)
    np.testing.assert_allclose(head.skinning_weights.sum(axis=1), 1.0, atol=1e-5)
