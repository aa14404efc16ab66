"""Plain values and uint8 arrays out of a pickle, without running it: nothing is imported, called or constructed.

The opcodes are those that `pickletools` names (PEP 3154). A pickle asks for code by naming it (`GLOBAL`); only the
three names by which numpy writes an array are known here, and they stand for an array, not for numpy's functions.
"""

import math
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from stemma.errors import StemmaError

NUMPY = {
    f"{module} {name}": name
    for name, modules in {
        "_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray"),
        "ndarray": ("numpy",),
        "dtype": ("numpy",),
    }.items()
    for module in modules
}
VALUES = {
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "FLOAT", "BINFLOAT"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
MARK = object()


class Named:
    """One of the names of `NUMPY`, and what has been said of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Any = None


def load(where: str, content: bytes) -> Any:
    """The value: dictionaries with text as keys, lists, tuples, texts, bytes, numbers, and uint8 arrays.

    Raises:
        StemmaError: no pickle, or one that names any other function or class; says which.
    """
    machine = Machine(where)
    try:
        for opcode, argument, _ in pickletools.genops(content):
            machine.step(opcode.name, argument)
        return plain(where, machine.stack.pop())
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise StemmaError(f"{where}: not a readable pickle ({error or type(error).__name__})") from None


class Machine:
    """The stack and the memory of a pickle."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.steps: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "FRAME": lambda _: None,
            "STOP": lambda _: None,
            "MARK": lambda _: self.stack.append(MARK),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "TUPLE1": lambda _: self.stack.append(self.last(1)),
            "TUPLE2": lambda _: self.stack.append(self.last(2)),
            "TUPLE3": lambda _: self.stack.append(self.last(3)),
            "TUPLE": lambda _: self.stack.append(tuple(self.marked())),
            "LIST": lambda _: self.stack.append(self.marked()),
            "DICT": lambda _: self.stack.append(self.pairs({}, self.marked())),
            "APPEND": lambda _: self.add(list(self.last(1))),
            "APPENDS": lambda _: self.add(self.marked()),
            "SETITEM": lambda _: self.add(list(self.last(2))),
            "SETITEMS": lambda _: self.add(self.marked()),
            "PUT": self.put,
            "BINPUT": self.put,
            "LONG_BINPUT": self.put,
            "MEMOIZE": lambda _: self.put(len(self.memory)),
            "GET": self.get,
            "BINGET": self.get,
            "LONG_BINGET": self.get,
            "GLOBAL": self.name,
            "STACK_GLOBAL": lambda _: self.name(" ".join(map(str, self.last(2)))),
            "REDUCE": lambda _: self.reduce(*self.last(2)),
            "BUILD": lambda _: self.build(*self.last(1)),
        }

    def step(self, opcode: str, argument: Any) -> None:
        if opcode in VALUES:
            self.stack.append(CONSTANTS.get(opcode, argument))
        elif opcode in self.steps:
            self.steps[opcode](argument)
        else:
            raise StemmaError(f"{self.where}: a pickle that asks for code ({opcode}); refused")

    def last(self, count: int) -> tuple[Any, ...]:
        found = [self.stack.pop() for _ in range(count)]
        if any(value is MARK for value in found):
            raise ValueError("a mark where a value should be")
        return tuple(reversed(found))

    def marked(self) -> list[Any]:
        found = []
        while (value := self.stack.pop()) is not MARK:
            found.append(value)
        return found[::-1]

    def put(self, place: int) -> None:
        self.memory[place] = self.stack[-1]

    def get(self, place: int) -> None:
        self.stack.append(self.memory[place])

    def add(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            self.pairs(target, values)
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise ValueError("items for what is no list or dictionary")

    def pairs(self, target: dict[Any, Any], values: list[Any]) -> dict[Any, Any]:
        target.update({_text(key): value for key, value in zip(values[::2], values[1::2], strict=True)})
        return target

    def name(self, name: str) -> None:
        if name not in NUMPY:
            raise StemmaError(f"{self.where}: a pickle that asks for code ({'.'.join(name.split())[:80]}); refused")
        self.stack.append(Named(NUMPY[name]))

    def reduce(self, function: Any, arguments: Any) -> None:
        """`_reconstruct(ndarray, ...)` and `dtype('u1', ...)` alone; both wait for their state."""
        name = function.name if isinstance(function, Named) else ""
        known = name == "dtype" and arguments and _text(arguments[0]) == "u1"
        if not known and not (name == "_reconstruct" and arguments and getattr(arguments[0], "name", "") == "ndarray"):
            raise StemmaError(f"{self.where}: a pickle of other than arrays of uint8; refused")
        self.stack.append(Named("u1" if name == "dtype" else "array"))

    def build(self, state: Any) -> None:
        if not isinstance(self.stack[-1], Named):
            raise ValueError("a state for what is no array")
        self.stack[-1].state = state


def _text(key: Any) -> Any:
    return key.decode("latin-1") if isinstance(key, bytes) else key


def plain(where: str, value: Any) -> Any:
    """`value` with arrays in the place of what was said of them, one level down."""
    if isinstance(value, dict):
        return {key: _array(where, item) if isinstance(item, Named) else item for key, item in value.items()}
    return value


def _array(where: str, named: Named) -> np.ndarray:
    """The array of the state `(version, shape, dtype, fortran, bytes)`."""
    _, shape, kind, fortran, content = named.state
    content = content.encode("latin-1") if isinstance(content, str) else content
    if named.name != "array" or getattr(kind, "name", "") != "u1" or not isinstance(content, bytes):
        raise StemmaError(f"{where}: a pickle of other than arrays of uint8; refused")
    if any(type(size) is not int or size < 0 for size in shape) or math.prod(shape) != len(content):
        raise StemmaError(f"{where}: an array of shape {shape} in {len(content):,} bytes")
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")
