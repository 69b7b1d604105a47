"""FLAME's versions: made-up heads in the file layout of each, as publicly known, and how their directions are split."""

import io
import pickle
import struct
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from smirk_blender.errors import HeadError
from smirk_blender.flame import load_head, open_head, save_head
from smirk_blender.flame.safe_pickle import load_data_pickle
from tests.builders import tiny_head
from tests.flame.test_files import assert_same_head, flame_fields

PYTHON_2_FILES = ("generic_model.pkl", "male_model.pkl", "female_model.pkl")  # 2017, 2019 and 2020 alike
FLAME_2023_FILES = ("flame2023.pkl", "flame2023_no_jaw.pkl", "flame2023_Open.pkl")


class Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2 wrote its one kind of string: bytes without an encoding."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        content = text.encode("latin1") if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_string


def foreign_class(monkeypatch, module: str, name: str) -> type:
    """Return an empty class that pickles as `module.name`, until the test's monkeypatch is undone."""
    made = type(name, (), {"__module__": module, "__qualname__": name})
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        if path not in sys.modules or end == len(parts):
            monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
    setattr(sys.modules[module], name, made)
    return made


def instance(kind: type, **state) -> object:
    made = kind()
    made.__dict__.update(state)
    return made


def write_python_2_model(path, head, monkeypatch):
    """Write a head as FLAME 2017, 2019 and 2020 are: Python 2's pickle of chumpy arrays and a sparse regressor."""
    with monkeypatch.context() as patch:
        chumpy = foreign_class(patch, "chumpy.ch", "Ch")
        csc_matrix = foreign_class(patch, "scipy.sparse.csc", "csc_matrix")
        regressor = scipy.sparse.csc_matrix(head.joint_regressor)
        fields = flame_fields(head) | {
            "J_regressor": instance(
                csc_matrix,
                _shape=regressor.shape,
                data=regressor.data,
                indices=regressor.indices,
                indptr=regressor.indptr,
                maxprint=50,
            ),
            "J": head.joint_template,
            "bs_type": "lrotmin",
            "vert_sym_idxs": np.arange(len(head.template)),
            "weights_prior": None,
        }
        for name in ("v_template", "shapedirs"):
            fields[name] = instance(chumpy, x=fields[name], _dirty_vars=set(), _itr=None, _parents={})
        buffer = io.BytesIO()
        Python2Pickler(buffer, protocol=2).dump(fields)
    assert b"chumpy.ch" in buffer.getvalue() and b"scipy.sparse.csc\n" in buffer.getvalue()
    path.write_bytes(buffer.getvalue())
    return path


def plain_fields(head, **replacements) -> dict[str, object]:
    """Return a head as FLAME 2023's files hold it: plain arrays and nothing of chumpy's."""
    return (
        flame_fields(head)
        | {
            "J_regressor": head.joint_regressor,
            "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)], dtype=np.uint32),
            "J": head.joint_template,
            "bs_type": "lrotmin",
        }
        | replacements
    )


def write_pickle(path, fields, protocol=2):
    path.write_bytes(pickle.dumps(fields, protocol=protocol))
    return path


@pytest.mark.parametrize("num_expression", [50, 100])
@pytest.mark.parametrize("file_name", PYTHON_2_FILES)
def test_flame_2017_2019_and_2020_are_read(tmp_path, monkeypatch, file_name, num_expression):
    head = tiny_head(num_shape=300, num_expression=num_expression)
    loaded = load_head(write_python_2_model(tmp_path / file_name, head, monkeypatch))
    assert_same_head(loaded, head)
    assert loaded.name == file_name
    assert (loaded.num_shape, loaded.num_expression) == (300, num_expression)
    assert (loaded.shape_names[-1], loaded.expression_names[-1]) == ("shape_299", f"expression_{num_expression - 1:03d}")


@pytest.mark.parametrize("num_expression", [50, 100])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("file_name", FLAME_2023_FILES)
def test_flame_2023_and_2023_open_are_read(tmp_path, file_name, protocol, num_expression):
    head = tiny_head(num_shape=300, num_expression=num_expression)
    loaded = load_head(write_pickle(tmp_path / file_name, plain_fields(head), protocol))
    assert_same_head(loaded, head)
    assert loaded.name == file_name


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray])
def test_the_arrays_type_and_order_in_memory_do_not_matter(tmp_path, order, dtype, protocol):
    head = tiny_head(num_shape=300, num_expression=100)
    fields = plain_fields(head, f=order(head.triangles.astype(np.int32)))
    for name in ("v_template", "shapedirs", "posedirs", "weights", "J_regressor"):
        fields[name] = order(fields[name].astype(dtype))
    assert_same_head(load_head(write_pickle(tmp_path / "flame2023.pkl", fields, protocol)), head)


@pytest.mark.parametrize(
    "sparse",
    [
        scipy.sparse.csc_matrix,
        scipy.sparse.csr_matrix,
        scipy.sparse.coo_matrix,
        scipy.sparse.csc_array,
        scipy.sparse.csr_array,
        scipy.sparse.coo_array,
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_every_way_of_writing_the_regressor_is_read(tmp_path, sparse, protocol):
    head = tiny_head(num_shape=300, num_expression=100)
    fields = plain_fields(head, J_regressor=sparse(head.joint_regressor))
    assert_same_head(load_head(write_pickle(tmp_path / "flame2023.pkl", fields, protocol)), head)


def test_a_coordinate_matrix_of_an_older_scipy_is_read(tmp_path, monkeypatch):
    head = tiny_head(num_shape=300, num_expression=100)
    triples = scipy.sparse.coo_matrix(head.joint_regressor)
    with monkeypatch.context() as patch:
        coo_matrix = foreign_class(patch, "scipy.sparse.coo", "coo_matrix")
        old = instance(coo_matrix, _shape=triples.shape, row=triples.row, col=triples.col, data=triples.data)
        path = write_pickle(tmp_path / "model.pkl", plain_fields(head, J_regressor=old))
    assert_same_head(load_head(path), head)


def test_arrays_that_numpy_2_wrote_are_read(tmp_path, monkeypatch):
    """Its functions moved to numpy._core, and its protocol 5 states the order of turned axes."""
    template = np.arange(24.0).reshape(2, 3, 4)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "numpy._core", types.ModuleType("numpy._core"))
        patch.setitem(sys.modules, "numpy._core.numeric", types.ModuleType("numpy._core.numeric"))
        frombuffer = lambda *arguments: None
        frombuffer.__module__, frombuffer.__qualname__ = "numpy._core.numeric", "_frombuffer"
        sys.modules["numpy._core.numeric"]._frombuffer = frombuffer

        class Turned:
            def __reduce__(self):
                return frombuffer, (template.tobytes(), template.dtype, template.shape, "K", (2, 0, 1))

        path = write_pickle(tmp_path / "array.pkl", {"turned": Turned()}, protocol=5)
    np.testing.assert_array_equal(load_data_pickle(path)["turned"], template.transpose(2, 0, 1))


def test_a_head_whose_jaw_is_all_expression_is_read_and_stays_still(tmp_path):
    head = tiny_head(num_shape=300, num_expression=100)
    weights, pose_directions = head.skinning_weights.copy(), head.pose_directions.copy()
    weights[:, 1] += weights[:, 2]
    weights[:, 2] = 0
    pose_directions[..., 9:18] = 0
    fields = plain_fields(head, weights=weights, posedirs=pose_directions)
    loaded = load_head(write_pickle(tmp_path / "flame2023_no_jaw.pkl", fields))
    np.testing.assert_allclose(loaded.vertices(jaw_pose=[[0.4, 0.1, 0]])[0], head.template, atol=1e-6)  # metres


@pytest.mark.parametrize(
    ("num_columns", "num_shape"), [(400, 300), (350, 300), (310, 300), (301, 300), (150, 100)], ids=str
)
def test_identity_and_expression_are_told_apart_by_their_count(tmp_path, num_columns, num_shape):
    head = tiny_head(num_shape=num_shape, num_expression=num_columns - num_shape)
    loaded = load_head(write_pickle(tmp_path / "model.pkl", plain_fields(head)))
    assert_same_head(loaded, head)
    assert (len(loaded.shape_names), len(loaded.expression_names)) == (num_shape, num_columns - num_shape)


@pytest.mark.parametrize("num_columns", [10, 100, 151, 200, 250, 300, 401, 500])
def test_a_count_that_does_not_tell_is_named_and_can_be_said(tmp_path, num_columns):
    head = tiny_head(num_shape=num_columns - 8, num_expression=8)
    path = write_pickle(tmp_path / "cut.pkl", plain_fields(head))
    with pytest.raises(HeadError, match=rf"cut.pkl holds {num_columns} directions; how many .* \(num_shape\)"):
        load_head(path)
    assert_same_head(load_head(path, num_shape=num_columns - 8), head)
    assert_same_head(open_head(path, num_shape=num_columns - 8), head)


@pytest.mark.parametrize("num_shape", [-1, 0, 400, 500])
def test_a_number_of_identities_that_cannot_be_is_refused(tmp_path, num_shape):
    path = write_pickle(tmp_path / "model.pkl", plain_fields(tiny_head(num_shape=300, num_expression=100)))
    with pytest.raises(HeadError, match=rf"holds 400 directions, so {num_shape} of them .* from 1 to 399"):
        load_head(path, num_shape=num_shape)


def test_a_file_that_states_its_identities_is_believed(tmp_path):
    head = tiny_head()
    save_head(head, tmp_path / "head.npz")
    assert load_head(tmp_path / "head.npz", num_shape=head.num_shape).num_shape == head.num_shape
    with pytest.raises(HeadError, match="head.npz states 14 identity directions, of 22"):
        load_head(tmp_path / "head.npz", num_shape=10)
