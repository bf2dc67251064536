"""A process of Linux's to which a system call is refused: as on a disk that has no locks, or no links."""

from __future__ import annotations

_SCRIPT = """
import ctypes, os, struct, sys
call = {calls!r}[os.uname().machine]
lines = (0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | {error}), (0x06, 0, 0, 0x7FFF0000)
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
rules = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code)))
assert not ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) and not ctypes.CDLL(None).prctl(22, 2, rules, 0, 0)
"""
_CALLS = {"flock": {"x86_64": 73, "aarch64": 32}, "symlink": {"x86_64": 88, "aarch64": 36}}


def refusing(call: str, error: int) -> str:
    """The beginning of a script, which holds for all that it starts. error: the answer, as errno has it."""
    return _SCRIPT.format(calls=_CALLS[call], error=error)
