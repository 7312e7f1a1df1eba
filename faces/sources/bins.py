"""The verification sets that insightface hands round, such as `lfw.bin` and `agedb_30.bin`.

Such a file is a pickle of two lists: 2 N encoded images, and for each two of them in turn whether
they show one person. A pickle is a program, which may call anything; so nothing but data is let
through here, twice over. Before anything is unpickled, every opcode is looked at, and the file is
refused unless all of them make bytes, lists, tuples, booleans or whole numbers. And the unpickler
that then reads it finds no class and no function, whatever it is asked for.

Source: insightface, `recognition/_datasets_/lfw2pack.py`.
"""

import io
import pickle
import pickletools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text

# What ends the name of such a file.
BIN_SUFFIX = ".bin"

# The opcodes that only make data, and fetch what was made, as Python 2 and 3 write them.
_DATA = frozenset(
    {
        "PROTO", "FRAME", "STOP", "MARK", "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE",
        "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "STRING",
        "BINSTRING", "SHORT_BINSTRING", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1",
        "BININT2", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET",
    }
)  # fmt: skip
# Those of them that keep a value in a place of its own.
_KEEP = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})

# A set of a million pairs takes about seven million; above that somebody wants to keep us busy.
MAX_OPCODES = 10_000_000

# What opcodes of data raise that do not go together, such as an APPEND to a number.
_UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    MemoryError,
)

_AS_WRITTEN = "expected a pickle of (images, flags), as insightface writes it"
_ANEW = (
    "pickle.dump(([bytes(image) for image in images], [bool(flag) for flag in flags]), file, "
    "protocol=4)"
)


@dataclass(frozen=True)
class BinSet:
    """What such a file holds.

    Attributes:
      images: encoded, two for each pair, 2 N of them.
      same: whether both images of a pair show one person, N flags.
    """

    images: Sequence[bytes]
    same: Sequence[bool]


def read_bin(data: bytes) -> BinSet:
    """Reads such a file; nothing that is in it is run.

    Memory is that of the images, once more than `data`, and of 8 bytes for each opcode at most.

    Raises:
      UserError: it is no such file, is cut off, asks for anything but data, holds something else
        than images and flags, or not two images for each flag.
    """
    _require_data(data)
    try:
        content = DataUnpickler(io.BytesIO(data), encoding="bytes").load()
    except _UNREADABLE as error:
        raise _no_set(error) from None
    return _set_of(content)


class DataUnpickler(pickle.Unpickler):
    """An unpickler that makes no object of any class, and calls nothing."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Called where a pickle asks for a class or a function: there is none."""
        raise pickle.UnpicklingError(f"it asks for {shown_text(f'{module}.{name}', 100)}")

    def persistent_load(self, pid: Any) -> NoReturn:
        """Called where a pickle asks for what is kept elsewhere: there is nothing."""
        raise pickle.UnpicklingError("it asks for what is kept outside of it")


def _require_data(data: bytes) -> None:
    """Refuses a pickle that is not whole, or does anything but make data."""
    if not data:
        raise _no_set("it is empty")
    end = 0
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
            name, end = opcode.name, position or 0
            if count >= MAX_OPCODES:
                raise UserError(f"it takes more than {MAX_OPCODES:,} steps to read")
            if name in _KEEP:
                # Writers count the places: one far out would make the unpickler's memory as large.
                _require_small(argument, count, name, end)
            elif name == "FRAME":
                _require_small(argument, len(data), name, end)
            elif name not in _DATA:
                raise _no_data(name, argument, end)
    except ValueError as error:
        raise _no_set(error) from None
    if end + 1 != len(data):
        raise _no_set(f"it goes on behind its end, byte {end}")


def _require_small(argument: Any, limit: int, name: str, position: int) -> None:
    if not 0 <= argument <= limit:
        raise _no_set(f"{name} {shown(argument)} at byte {position}")


def _no_data(name: str, argument: Any, position: int) -> UserError:
    """The error of an opcode that is refused; older writers kept images as arrays of NumPy."""
    received = name if argument is None else f"{name} {shown(argument)}"
    remedy = (
        "Images that are arrays of NumPy are not read, since to make an array is to run what the "
        f"file says; where you trust it, load it and write it anew: {_ANEW}"
        if "numpy" in str(argument)[:200]
        else f"None of it was run. A set of your own is written by {_ANEW}"
    )
    return UserError(
        "it asks for more than bytes, lists, tuples, true and false, which is all that is read of "
        f"a pickle: {received} at byte {position}. {remedy}"
    )


def _no_set(reason: object) -> UserError:
    return UserError(f"it is cut off, damaged or something else ({_AS_WRITTEN}): {_said(reason)}")


def _said(reason: object) -> str:
    return shown_text(str(reason), 200) or type(reason).__name__


def _set_of(content: Any) -> BinSet:
    if not _is_list(content) or len(content) != 2 or not all(map(_is_list, content)):
        raise UserError(f"{_AS_WRITTEN}, two lists. Received: {_kind(content)}")
    images, flags = content
    for place, image in enumerate(images):
        if type(image) is not bytes:
            raise UserError(
                f"{_AS_WRITTEN}: image {place} must be bytes. Received: {_kind(image)}. Write it "
                f"anew: {_ANEW}"
            )
    for place, flag in enumerate(flags):
        if type(flag) not in (bool, int) or flag not in (0, 1):
            raise UserError(
                f"{_AS_WRITTEN}: flag {place} must be true or false. Received: {_kind(flag)}"
            )
    if not flags or len(images) != 2 * len(flags):
        raise UserError(
            "there must be two images for each flag, and at least one of them. "
            f"Received: {len(images):,} images, {len(flags):,} flags"
        )
    return BinSet(images, [bool(flag) for flag in flags])


def _is_list(value: Any) -> bool:
    return type(value) in (list, tuple)


def _kind(value: Any) -> str:
    """What a value is, without its content, which may be nested without end."""
    size = f" of {len(value)}" if isinstance(value, list | tuple | bytes) else ""
    return f"{type(value).__name__}{size}" if not isinstance(value, int) else shown(value)
