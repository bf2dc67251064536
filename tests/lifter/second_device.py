"""A GPU where there is none: real numbers on the processor, but tensors know on which device they would be.

What a GPU refuses is refused here: tensors of two devices in one operation (only a single number may come from the processor), a
GPU's tensor as an index of the processor's or as a numpy array, and a generator of the other device. `float64=False` is a device
without such numbers, as Apple's; `room_bytes` the largest tensor that it has memory for; `too_old`: nothing can be computed on
it, as torch says it of cards that its kernels were not made for, whose memory it fills all the same.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import patch

import torch
import torch._dynamo  # looks at what is changed here, once
from torch import Tensor
from torch.overrides import TorchFunctionMode

from lifter.device import why_not

_CPU = torch.device("cpu")
# Between two devices these copy.
_COPIES = {Tensor.copy_, Tensor.__deepcopy__, torch._foreach_copy_, torch._has_compatible_shallow_copy_type}
_TO_NUMPY = {Tensor.numpy, Tensor.__array__}


@contextlib.contextmanager
def second_device(
    name: str = "cuda", *, float64: bool = True, room_bytes: float = math.inf, too_old: bool = False
) -> Iterator[torch.device]:
    """Within it `name` can be asked for as a device; torch.cuda says that it is there, if that is the name."""
    pretended, autocast = torch.device(name, 0), torch.autocast
    make = Tensor._make_subclass

    class Generator(torch.Generator):
        """One of the pretended device where that is asked for."""

        def __new__(cls, device: Any = "cpu") -> Any:
            made = torch._C.Generator.__new__(cls, "cpu")
            made.pretended = _device_of(device, pretended)
            return made

        def __init__(self, device: Any = "cpu") -> None: ...

    def of_tensor(kind: type, data: Tensor, *more: Any) -> Tensor:  # a parameter
        made = make(kind, data, *more)
        made.__dict__.update(data.__dict__)
        return made

    there = {
        "torch.cuda.is_available": lambda: name == "cuda",
        "torch.cuda.get_device_name": lambda _: "A card",
        "torch.cuda.set_device": lambda _: None,
        "torch.cuda.synchronize": lambda: None,
        "torch.cuda.default_generators": (Generator(pretended).manual_seed(0),),
        "torch.cuda.Event": _Event,
        "torch.autocast": lambda _, dtype: autocast("cpu", dtype),
        "torch.Generator": Generator,
        "torch.Tensor._make_subclass": staticmethod(of_tensor),
    }
    with contextlib.ExitStack() as stack:
        for what, value in there.items():
            stack.enter_context(patch(what, value))
        stack.callback(why_not.cache_clear)
        why_not.cache_clear()
        stack.enter_context(_Devices(pretended, float64=float64, room_bytes=room_bytes, too_old=too_old))
        yield pretended


class _Event:
    """torch.cuda.Event."""

    def __init__(self, **_: Any) -> None: ...

    def record(self) -> None: ...

    def elapsed_time(self, _: _Event) -> float:
        return 0.0


class _Devices(TorchFunctionMode):
    def __init__(self, pretended: torch.device, *, float64: bool, room_bytes: float, too_old: bool) -> None:
        super().__init__()
        self.pretended, self.float64, self.room_bytes, self.too_old = pretended, float64, room_bytes, too_old

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if func == Tensor.device.__get__:
            return _place(args[0])
        if func == Tensor.is_cuda.__get__:
            return _place(args[0]).type == "cuda"
        if func == Tensor.data.__set__:
            func(*args, **kwargs)
            args[0].pretended = _place(args[1])
            return None
        wanted = None
        if kwargs.get("device") is not None:
            wanted = _device_of(kwargs["device"], self.pretended)
            kwargs["device"] = _CPU if wanted == self.pretended else wanted
        elif func in (Tensor.to, Tensor.cpu):
            wanted = self._asked_for(func, args)
            args = tuple(_CPU if _is_device(arg) else arg for arg in args)
        self._check(func, args, kwargs, wanted)
        if self.too_old and func in (torch.matmul, Tensor.matmul, Tensor.__matmul__) and _place(args[0]) == self.pretended:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might …")
        place = wanted or _common([*_tensors(args[:1] if func is Tensor.__deepcopy__ else args), *_tensors(kwargs.values())])
        # What the generator of the other device is asked for it gives; that it belongs there has been checked.
        out = func(*args, **kwargs)
        if wanted is not None and isinstance(out, Tensor) and any(out is a for a in args) and _place(out) != wanted:
            out = out.view_as(out) if not out.requires_grad else out.clone()
        self._mark(func, args, out, place)
        return out

    def _asked_for(self, func: Any, args: tuple) -> torch.device | None:
        if func is Tensor.cpu:
            return _CPU
        for arg in args[1:]:
            if _is_device(arg):
                return _device_of(arg, self.pretended)
            if isinstance(arg, Tensor):
                return _place(arg)
        return None

    def _check(self, func: Any, args: tuple, kwargs: dict, wanted: torch.device | None) -> None:
        name = getattr(func, "__name__", str(func))
        tensors = [*_tensors(args), *_tensors(kwargs.values())]
        if func in _TO_NUMPY and _place(args[0]) != _CPU:
            raise TypeError(f"a tensor of {_place(args[0])} cannot be made a numpy array")
        generator = kwargs.get("generator")
        if generator is not None:
            place = wanted or (_common(tensors) if tensors else _CPU)
            if generator.pretended != place:
                raise RuntimeError(f"{name}: the generator is {generator.pretended}'s, the numbers are for {place}")
        if func in _COPIES or func is Tensor.to or wanted is not None:
            return
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            here = _place(args[0])
            if wrong := [i for i in _tensors(args[1:2]) if i.dim() and _place(i) not in (here, _CPU)]:
                raise RuntimeError(f"an index of {_place(wrong[0])} for a tensor of {here}")
            return  # what is assigned is copied
        places = {_place(t) for t in tensors if t.dim() or _place(t) != _CPU}
        if len(places) > 1:
            raise RuntimeError(f"{name}: tensors of {' and '.join(sorted(map(str, places)))} in one operation")

    def _mark(self, func: Any, args: tuple, out: Any, place: torch.device) -> None:
        inplace = getattr(func, "__name__", "").endswith("_") and not getattr(func, "__name__", "").endswith("__")
        for tensor in _tensors([out]):
            if inplace and any(tensor is a for a in _tensors(args)):
                continue
            if place == self.pretended and tensor.nbytes > self.room_bytes:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")
            if not self.float64 and place != _CPU and tensor.dtype == torch.float64:
                raise TypeError(f"{getattr(func, '__name__', func)}: {place} has no float64")
            if place.type != "meta" and tensor.device.type != "meta" and _place(tensor) != place:
                tensor.pretended = place


def _is_device(value: Any) -> bool:
    return isinstance(value, torch.device) or (isinstance(value, str) and value.split(":")[0] in ("cpu", "cuda", "mps"))


def _device_of(value: Any, pretended: torch.device) -> torch.device:
    device = torch.device(value)
    return pretended if device.type == pretended.type else device


def _place(tensor: Tensor) -> torch.device:
    return tensor.__dict__.get("pretended", tensor.device)


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += _tensors(value)
        elif isinstance(value, dict):
            found += _tensors(value.values())
    return found


def _common(tensors: list[Tensor]) -> torch.device:
    return next((_place(t) for t in tensors if _place(t) != _CPU), _CPU)
