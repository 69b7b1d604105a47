"""Read FLAME's pickles without running anything in them.

A pickle is a program: it names classes and functions and calls them. The unpickler here admits the few names that FLAME
files need, mostly as stand-ins of ours that only hold data, and refuses every other by name.
"""

import codecs
import collections
import os
import pickle
from pathlib import Path

import numpy as np

from ..errors import HeadError


class ChumpyArray:
    """Stands in for chumpy's arrays (`chumpy.ch.Ch`): `x` is the plain array inside."""

    def __setstate__(self, state: dict) -> None:
        self.x = state["x"]


class SparseMatrix:
    """Stands in for scipy's compressed sparse matrices; holds their state and spreads it out on demand."""

    by_column = True

    def __setstate__(self, state: dict) -> None:
        self.state = state

    def dense(self) -> np.ndarray:
        """Return the matrix, (rows, columns) float64; entries given twice are added, as scipy does."""
        shape = self.state.get("_shape") or self.state["shape"]
        pointers = np.asarray(self.state["indptr"])
        minor = np.asarray(self.state["indices"])
        major = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
        rows, columns = (minor, major) if self.by_column else (major, minor)
        matrix = np.zeros(shape)
        np.add.at(matrix, (rows, columns), np.asarray(self.state["data"]))
        return matrix


class SparseRowMatrix(SparseMatrix):
    by_column = False


class SparseTriples(SparseMatrix):
    """Stands in for scipy's coordinate matrices: rows, columns and values side by side."""

    def dense(self) -> np.ndarray:
        rows, columns = self.state.get("coords") or (self.state["row"], self.state["col"])  # scipy 1.13's; older ones'
        matrix = np.zeros(self.state.get("_shape") or self.state["shape"])
        np.add.at(matrix, (rows, columns), np.asarray(self.state["data"]))
        return matrix


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Stands in for `_codecs.encode`, with which Python 3 writes bytes into old pickles."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
    return codecs.latin_1_encode(text)[0]


def _new_instance(kind: type, base: type, state: None) -> object:
    """Stands in for `copyreg._reconstructor`, with which protocols 0 and 1 make instances; ours only."""
    if kind not in (ChumpyArray, SparseMatrix, SparseRowMatrix, SparseTriples) or base is not object or state is not None:
        raise pickle.UnpicklingError(f"an instance of {kind}")
    return kind()


def _array_from_bytes(
    content: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str, axes: tuple[int, ...] | None = None
) -> np.ndarray:
    """Stands in for numpy's `_frombuffer`, with which protocol 5 makes arrays; numpy 2.3 adds the order of the axes."""
    array = np.frombuffer(content, dtype=dtype)
    return array.reshape(shape, order=order) if axes is None else array.reshape(shape).transpose(axes)


_RECONSTRUCT = np.zeros(0).__reduce__()[0]  # numpy's own; its module's name differs between numpy 1 and 2
_SCALAR = np.float64(0).__reduce__()[0]

ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("numpy.core.numeric", "_frombuffer"): _array_from_bytes,
    ("numpy._core.numeric", "_frombuffer"): _array_from_bytes,
    ("chumpy.ch", "Ch"): ChumpyArray,
    ("scipy.sparse.csc", "csc_matrix"): SparseMatrix,
    ("scipy.sparse._csc", "csc_matrix"): SparseMatrix,
    ("scipy.sparse.csr", "csr_matrix"): SparseRowMatrix,
    ("scipy.sparse._csr", "csr_matrix"): SparseRowMatrix,
    ("scipy.sparse.coo", "coo_matrix"): SparseTriples,
    ("scipy.sparse._coo", "coo_matrix"): SparseTriples,
    ("scipy.sparse._csc", "csc_array"): SparseMatrix,
    ("scipy.sparse._csr", "csr_array"): SparseRowMatrix,
    ("scipy.sparse._coo", "coo_array"): SparseTriples,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _encode_latin1,
    ("copy_reg", "_reconstructor"): _new_instance,
    ("__builtin__", "object"): object,
    ("__builtin__", "set"): set,
}


class RefusedClass(pickle.UnpicklingError):
    """A name that no FLAME file needs."""


class DataUnpickler(pickle.Unpickler):
    """An unpickler that knows the names in ADMITTED and no other."""

    def find_class(self, module: str, name: str) -> object:
        module = {"copyreg": "copy_reg", "builtins": "__builtin__"}.get(module, module)  # Python 3's names of the same
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise RefusedClass(f"{module}.{name}") from None


def load_data_pickle(path: str | os.PathLike) -> dict[str, object]:
    """Return the dictionary in a pickle, its arrays plain numpy, its sparse matrices made dense.

    Raises:
        HeadError: no such file, not a pickle of a dictionary, or one that names a class which FLAME files have no use for.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            content = DataUnpickler(file, encoding="latin1").load()
    except FileNotFoundError as error:
        raise HeadError(
            f"No head model at {path}. Choose FLAME's .pkl file, or an .npz that was saved from one"
        ) from error
    except RefusedClass as error:
        raise HeadError(
            f"{path} wants to use {error}, which no FLAME file needs; it was not run. "
            "Use the file from FLAME's own site, and distrust this one"
        ) from error
    except OSError as error:
        raise HeadError(f"Cannot read {path}: {error.strerror or error}. Check the file's permissions") from error
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        MemoryError,
    ) as error:
        raise HeadError(
            f"{path} is not a FLAME model, or is damaged ({type(error).__name__}: {error}). {NEXT_STEP}"
        ) from error
    if not isinstance(content, dict):
        raise HeadError(f"{path} is not a FLAME model: it holds a {type(content).__name__}. {NEXT_STEP}")
    return {_text(name): _plain(value) for name, value in content.items()}


NEXT_STEP = "Choose FLAME's generic_model.pkl, male_model.pkl, female_model.pkl or flame2023.pkl"


def _text(name: object) -> str:
    return name.decode("latin1") if isinstance(name, bytes) else str(name)


def _plain(value: object) -> object:
    if isinstance(value, ChumpyArray):
        return np.asarray(value.x)
    return value.dense() if isinstance(value, SparseMatrix) else value
