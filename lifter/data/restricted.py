"""Arrays and plain containers out of an .npz that holds pickles, without running anything that the file names.

Benchmarks are handed around as .npz files whose values are pickled dictionaries of arrays. numpy's own loader does whatever such
a pickle says. Here the few names that an array's pickle needs stand for records of ours, every other name is refused, and the
arrays are made from the records by numpy.frombuffer: the file's content is never more than data.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from ..errors import LifterError
from .mocap import UNREADABLE, first_line

_MAX_UNPACKED_BYTES = 8 << 30
# What unpickling and the making of arrays raise on nonsense, beside what reading a file does.
_MALFORMED = (*UNREADABLE, pickle.UnpicklingError, AttributeError, OverflowError)
_NUMBER_OR_TEXT = re.compile(r"[biufcSU]\d+")


def read_npz(path: Path, keys: Iterable[str], *, hint: str, optional: Iterable[str] = ()) -> dict[str, Any]:
    """The values of `keys`, and of those `optional` ones that are there: arrays, or dicts, lists, tuples, texts and numbers.

    Raises LifterError with `hint` if the file is missing, damaged, lacks a key or holds anything else.
    """
    values: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member.file_size for member in archive.infolist()}
            for key in (*keys, *optional):
                if (name := f"{key}.npy") not in members and key in optional:
                    continue
                if members.get(name, 0) > _MAX_UNPACKED_BYTES:
                    raise ValueError(f"{key} would unpack to more than a benchmark has")
                with archive.open(name) as member:
                    values[key] = _read_value(member)
    except _MALFORMED as reason:
        raise LifterError(f"Cannot read {path}: {first_line(reason)}.", hint=hint) from None
    return values


def _read_value(file: IO[bytes]) -> Any:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"it has the unknown array format {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if not dtype.hasobject:
        return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran_order else "C")
    content = file.read()
    for opcode, argument, _ in pickletools.genops(content):
        # The unpickler's list of what it remembers is as long as the largest number in it: a few bytes could ask for all memory.
        if opcode.name in ("PUT", "LONG_BINPUT") and (argument or 0) > len(content):
            raise ValueError("its pickle is damaged")
    # Old files were pickled by Python 2, whose texts are bytes: latin1 takes them as they are.
    value = _plain(_Unpickler(io.BytesIO(content), encoding="latin1").load(), {})
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


class _Record:
    """Something that a pickle says. A pickle may change what it names through __setstate__ only, so it may not."""

    __slots__ = ("arguments", "state")

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Array(_Record):
    """arguments: what an empty array is made of; state: (version, shape, dtype, fortran_order, bytes or list of objects)."""

    __slots__ = ()


class _Type(_Record):
    """arguments: (code such as "f4", ...); state: (version, byte order, subdtype, names, fields, ...)."""

    __slots__ = ()


class _Scalar(_Record):
    """arguments: (dtype, bytes)."""

    __slots__ = ()


class _Bytes(_Record):
    """arguments: (text, "latin1"): how old protocols spell bytes."""

    __slots__ = ()


class _ArrayClass(_Record):
    """numpy.ndarray, named as an array's class and never called."""

    __slots__ = ()


# Before numpy 2 its parts were called numpy.core, since then numpy._core.
_NAMES: dict[tuple[str, str], type[_Record]] = {
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _Bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[_Record]:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"its pickle asks for {module}.{name}, which is no part of an array")
        return _NAMES[module, name]

    def persistent_load(self, identity: object) -> NoReturn:
        raise pickle.UnpicklingError("its pickle refers to something outside of it")


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """Records become arrays and numbers, containers are gone through; anything else is refused. `done` keeps what was made, so
    that a list which holds one list many times over stays small, and one that holds itself is found out."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return value
    if id(value) in done:
        if done[id(value)] is value:
            raise ValueError("its pickle holds itself")
        return done[id(value)]
    done[id(value)] = value
    if isinstance(value, dict):
        made: Any = {_key(key): _plain(item, done) for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        made = type(value)(_plain(item, done) for item in value)
    elif isinstance(value, _Array):
        made = _array(value, done)
    elif isinstance(value, _Scalar):
        kind, content = value.arguments
        made = np.frombuffer(_bytes(content), _dtype(kind))[0].item()
    elif isinstance(value, _Bytes):
        made = _bytes(value)
    else:
        raise ValueError(f"its pickle holds a {type(value).__name__.strip('_')}")
    done[id(value)] = made
    return made


def _key(key: Any) -> Any:
    if not isinstance(key, (str, int)):
        raise ValueError("its pickle has keys that are neither text nor numbers")
    return key


def _array(record: _Array, done: dict[int, Any]) -> np.ndarray:
    _, shape, kind, fortran_order, content = record.state
    order: Any = "F" if fortran_order else "C"
    if isinstance(content, list):
        if any(n < 0 for n in shape) or len(content) != math.prod(shape):
            raise ValueError("its pickle has an array of another size than it says")
        objects = np.empty(len(content), np.object_)
        for place, item in enumerate(content):
            objects[place] = _plain(item, done)
        return objects.reshape(shape, order=order)
    return np.frombuffer(_bytes(content), _dtype(kind)).reshape(shape, order=order)


def _dtype(record: Any) -> np.dtype:
    code, byte_order = record.arguments[0], record.state[1] if record.state else "|"
    if not _NUMBER_OR_TEXT.fullmatch(code) or byte_order not in ("<", ">", "=", "|"):
        raise ValueError(f"its pickle has an array of {code}, which is neither numbers nor text")
    return np.dtype(byte_order + code)


def _bytes(content: Any) -> bytes:
    if isinstance(content, _Bytes):
        content, encoding = content.arguments
        if encoding not in ("latin1", "latin-1"):
            raise ValueError(f"its pickle has bytes in {encoding}")
    return content.encode("latin1") if isinstance(content, str) else bytes(memoryview(content))
