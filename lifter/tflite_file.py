"""TensorFlow Lite models, changed where they lie. Standard library only.

A model is a FlatBuffer: tables that refer forward to other tables. A new root table in front of the old bytes can therefore refer
into them and add to them, the weights keep their alignment, and the result depends on no library's version.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Field numbers of tflite's tables and of the metadata tables, from their published schemas.
_MODEL_VERSION, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA = 0, 2, 4, 6
_SUBGRAPH_OUTPUTS, _SUBGRAPH_OPERATORS = 2, 3
_OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 1, 2
_BUFFER_DATA = 0
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_MODEL_METADATA_SUBGRAPHS, _MODEL_METADATA_MIN_PARSER_VERSION = 3, 7
_SUBGRAPH_METADATA_INPUTS = 2
_TENSOR_METADATA_NAME, _TENSOR_METADATA_CONTENT, _TENSOR_METADATA_PROCESS_UNITS = 0, 3, 4
_CONTENT_TYPE, _CONTENT = 0, 1
_CONTENT_TYPE_IMAGE = 2
_IMAGE_COLOR_SPACE = 0
_COLOR_SPACE_RGB = 1
_PROCESS_UNIT_TYPE, _PROCESS_UNIT_OPTIONS = 0, 1
_PROCESS_UNIT_TYPE_NORMALIZATION = 1
_NORMALIZATION_MEAN, _NORMALIZATION_STD = 0, 1


def with_input_scale(model: bytes, *, mean: float, std: float) -> bytes:
    """The TensorFlow Lite model with metadata that says: the input picture is RGB, each channel of it (value - mean) / std."""
    writer = _FlatBufferWriter(b"TFL3")
    old = _root_fields(model)
    buffers = _vector_targets(model, old[_MODEL_BUFFERS])
    entries = _vector_targets(model, old[_MODEL_METADATA]) if _MODEL_METADATA in old else []
    metadata = _input_scale_metadata(mean, std)
    fields = _references(model, old, number=_MODEL_VERSION)
    new_buffer = writer.table({_BUFFER_DATA: writer.blob(metadata)})
    new_entry = writer.table({_METADATA_NAME: writer.string("TFLITE_METADATA"), _METADATA_BUFFER: len(buffers)})
    fields[_MODEL_BUFFERS] = writer.vector([*map(_Existing, buffers), new_buffer])
    fields[_MODEL_METADATA] = writer.vector([*map(_Existing, entries), new_entry])
    return writer.finish(writer.table(fields), behind=model)


def without_output(model: bytes, left_out: int) -> bytes:
    """The model of one graph without the work that only its output of this number needs; what is asked for under that number is
    the first other output again.
    """
    writer = _FlatBufferWriter(b"TFL3")
    root = _root_fields(model)
    (graph,) = _vector_targets(model, root[_MODEL_SUBGRAPHS])
    fields = _fields(model, graph)
    outputs = _numbers(model, fields[_SUBGRAPH_OUTPUTS])
    outputs[left_out] = outputs[0 if left_out else 1]
    needed = set(outputs)
    kept: list[int] = []
    for operator in reversed(_vector_targets(model, fields[_SUBGRAPH_OPERATORS])):  # each comes after those it needs
        its = _fields(model, operator)
        if needed.intersection(_numbers(model, its[_OPERATOR_OUTPUTS])):
            needed.update(_numbers(model, its[_OPERATOR_INPUTS]))
            kept.insert(0, operator)
    changed = {_SUBGRAPH_OUTPUTS: writer.vector([*outputs]), _SUBGRAPH_OPERATORS: writer.vector([*map(_Existing, kept)])}
    new_graph = writer.table(_references(model, fields) | changed)
    new_root = _references(model, root, number=_MODEL_VERSION) | {_MODEL_SUBGRAPHS: writer.vector([new_graph])}
    return writer.finish(writer.table(new_root), behind=model)


def _input_scale_metadata(mean: float, std: float) -> bytes:
    w = _FlatBufferWriter(b"M001")
    normalization = w.table({_NORMALIZATION_MEAN: w.floats([mean]), _NORMALIZATION_STD: w.floats([std])})
    unit = w.table({_PROCESS_UNIT_TYPE: _PROCESS_UNIT_TYPE_NORMALIZATION, _PROCESS_UNIT_OPTIONS: normalization})
    image = w.table({_IMAGE_COLOR_SPACE: _COLOR_SPACE_RGB})
    tensor = {
        _TENSOR_METADATA_NAME: w.string("image"),
        _TENSOR_METADATA_CONTENT: w.table({_CONTENT_TYPE: _CONTENT_TYPE_IMAGE, _CONTENT: image}),
        _TENSOR_METADATA_PROCESS_UNITS: w.vector([unit]),
    }
    subgraph = w.table({_SUBGRAPH_METADATA_INPUTS: w.vector([w.table(tensor)])})
    version = w.string("1.0.0")
    return w.finish(w.table({_MODEL_METADATA_SUBGRAPHS: w.vector([subgraph]), _MODEL_METADATA_MIN_PARSER_VERSION: version}))


def _u32(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "little")


def _root_fields(data: bytes) -> dict[int, int]:
    return _fields(data, _u32(data, 0))


def _fields(data: bytes, table: int) -> dict[int, int]:
    """Number -> position of each field that the table there has."""
    vtable = table - int.from_bytes(data[table : table + 4], "little", signed=True)
    size = int.from_bytes(data[vtable : vtable + 2], "little")
    offsets = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)
    return {number: table + offset for number, offset in enumerate(offsets) if offset}


def _numbers(data: bytes, field: int) -> list[int]:
    """A field's vector of int32."""
    vector = field + _u32(data, field)
    return list(struct.unpack_from(f"<{_u32(data, vector)}i", data, vector + 4))


def _vector_targets(data: bytes, field: int) -> list[int]:
    """The positions that a field's vector of references points to."""
    vector = field + _u32(data, field)
    slots = range(vector + 4, vector + 4 + 4 * _u32(data, vector), 4)
    return [slot + _u32(data, slot) for slot in slots]


@dataclass(frozen=True)
class _Existing:
    """A position in the old bytes that a new reference points to."""

    position: int


_Place = Callable[[], int]
_Slot = int | _Existing | _Place


def _references(data: bytes, fields: Mapping[int, int], *, number: int | None = None) -> dict[int, _Slot]:
    """The fields of an old table for a new one: all of them references, but for `number`."""
    return {n: _u32(data, at) if n == number else _Existing(at + _u32(data, at)) for n, at in fields.items()}


class _FlatBufferWriter:
    """Lays out a FlatBuffer from the front. Each method returns a function that, when its parent is laid out, writes the object.

    Every field of a table gets four bytes; smaller numbers lie in the first of them.
    """

    def __init__(self, identifier: bytes) -> None:
        self._data = bytearray(4) + identifier
        self._into_old: list[tuple[int, int]] = []

    def table(self, fields: Mapping[int, _Slot]) -> _Place:
        def place() -> int:
            count = max(fields) + 1
            # The table begins where the list of its fields' offsets ends, on a multiple of 4.
            self._align(4, after=4 + 2 * count)
            start = len(self._data)
            order = {number: 4 + 4 * i for i, number in enumerate(sorted(fields))}
            offsets = (order.get(number, 0) for number in range(count))
            self._data += struct.pack(f"<{2 + count}H", 4 + 2 * count, 4 + 4 * len(fields), *offsets)
            position = len(self._data)
            self._data += struct.pack("<i", position - start)
            self._slots([fields[number] for number in order])
            return position

        return place

    def vector(self, items: list[_Slot]) -> _Place:
        def place() -> int:
            self._align(4)
            position = len(self._data)
            self._data += struct.pack("<I", len(items))
            self._slots(items)
            return position

        return place

    def blob(self, data: bytes) -> _Place:
        return self._counted(len(data), data, alignment=16)

    def string(self, text: str) -> _Place:
        return self._counted(len(text.encode()), text.encode() + b"\0", alignment=4)

    def floats(self, values: list[float]) -> _Place:
        return self._counted(len(values), struct.pack(f"<{len(values)}f", *values), alignment=4)

    def finish(self, root: _Place, *, behind: bytes = b"") -> bytes:
        """The whole: header, everything that the root leads to, then the bytes that _Existing positions count from."""
        struct.pack_into("<I", self._data, 0, root())
        self._align(16)
        for slot, position in self._into_old:
            struct.pack_into("<I", self._data, slot, len(self._data) + position - slot)
        return bytes(self._data) + behind

    def _counted(self, count: int, data: bytes, *, alignment: int) -> _Place:
        def place() -> int:
            self._align(alignment, after=4)
            position = len(self._data)
            self._data += struct.pack("<I", count) + data
            return position

        return place

    def _slots(self, values: list[_Slot]) -> None:
        start = len(self._data)
        self._data += bytes(4 * len(values))
        for slot, value in zip(range(start, len(self._data), 4), values, strict=True):
            if isinstance(value, _Existing):
                self._into_old.append((slot, value.position))
            else:
                number = value if isinstance(value, int) else value() - slot
                struct.pack_into("<I", self._data, slot, number)

    def _align(self, alignment: int, *, after: int = 0) -> None:
        """Pad so that `after` bytes further on is a multiple of the alignment."""
        self._data += bytes(-(len(self._data) + after) % alignment)
