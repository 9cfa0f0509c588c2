"""Tests and the code they test, in two locked processes. Run as `inside.py answer` and `inside.py tests`.

The process that decides whether a test passed never runs the code under test: it calls its functions by messages, and
what comes back is plain data. So whatever that code does, `os._exit(0)`, an `__eq__` that is always true, a walk
through the interpreter's frames, it cannot make a test pass but by the right answer.

`answer.py` is the code. `tests.json` holds `{"setup": [sources], "tests": [sources], "entryPoint": name or null}`; the
outcome is printed as `{"passed": n, "total": n, "failure": text or null, "broken": text or null}`, `broken` when the
tests themselves do not run.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import os
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Any

MOST_LINE_BYTES = 4 * 1024 * 1024
MOST_ELEMENTS = 1_000_000
MOST_MESSAGE_CHARS = 500
ANSWER = "answer.py"
TESTS = "tests.json"


class NotPlain(Exception):
    """A value that is more than data, and cannot go from one process to the other."""


class Broken(Exception):
    """The tests, not what they test, are at fault."""


def packed(value: Any) -> Any:
    """Plain data as JSON that `unpacked` makes the same of. Iterators become lists. Raises `NotPlain`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        kind = next(base for base in (list, tuple, frozenset, set) if isinstance(value, base))
        return {kind.__name__: [packed(entry) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[packed(key), packed(entry)] for key, entry in value.items()]}
    if isinstance(value, bytes | bytearray):
        return {"bytes": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, Iterator):
        return {"list": [packed(entry) for entry in counted(value)]}
    raise NotPlain(type(value).__name__)


def counted(entries: Iterator[Any]) -> Iterator[Any]:
    for number, entry in enumerate(entries):
        if number >= MOST_ELEMENTS:
            raise NotPlain("endless iterator")
        yield entry


def unpacked(value: Any) -> Any:
    """The plain data of `packed`. Raises ValueError, TypeError or KeyError for anything else."""
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "dict":
        return {unpacked(key): unpacked(entry) for key, entry in content}
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "complex":
        return complex(*content)
    made: Any = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
    return made(unpacked(entry) for entry in content)


class Channel:
    """Messages to and from the other process, a line of JSON each, over the socket that is standard input."""

    def __init__(self) -> None:
        stream = socket.socket(fileno=os.dup(0))
        self._lines = stream.makefile("rb")
        self._stream = stream

    def send(self, message: Any) -> None:
        self._stream.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> Any:
        """The next message, None when the other has ended. Raises ValueError when it is none."""
        line = self._lines.readline(MOST_LINE_BYTES)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise ValueError("a message is too long, or was cut off")
        return json.loads(line)


def serve() -> None:
    """Run the code under test, then its functions as they are asked for."""
    channel = Channel()
    sys.stdin = io.StringIO()
    space: dict[str, Any] = {"__name__": "answer"}
    try:
        with open(ANSWER, encoding="utf-8") as file:
            exec(compile(file.read(), ANSWER, "exec"), space)  # noqa: S102 - this is what it is for
    except BaseException as error:  # noqa: BLE001 - the code is anybody's, and may raise anything
        channel.send({"raised": type(error).__name__, "message": told(error, ANSWER)})
        return
    channel.send({"value": None})
    while (asked := channel.receive()) is not None:
        channel.send(called(space, *asked))


def called(space: dict[str, Any], name: str, arguments: Any, named: Any) -> Any:
    """The reply to one call: the value, and the arguments as the call has left them."""
    try:
        if name not in space:
            raise NameError(f"the code defines no {name!r}")
        given = unpacked(arguments)
        value = space[name](*given, **unpacked(named))
        return {"value": packed(value), "arguments": packed(given)}
    except NotPlain as error:
        return {"raised": "TypeError", "message": f"{name} returned a value that is no plain data: {error}"}
    except BaseException as error:  # noqa: BLE001 - likewise
        return {"raised": type(error).__name__, "message": str(error)[:MOST_MESSAGE_CHARS]}


class Function:
    """A function of the code under test, as tests call it."""

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel = channel
        self.__name__ = name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        try:
            self._channel.send([self.__name__, packed(list(arguments)), packed(named)])
        except NotPlain as error:
            raise Broken(f"they give {self.__name__} a value that is no plain data: {error}") from None
        reply = self._channel.receive()
        value = outcome(reply)
        for before, after in zip(arguments, unpacked(reply["arguments"]), strict=True):
            leave_as(before, after)
        return value


def outcome(reply: Any) -> Any:
    """What a call returned. Raises what it raised, or RuntimeError when the other process is gone."""
    if reply is None:
        raise RuntimeError("the code ended its process, or was ended for taking too much")
    if "raised" in reply:
        kind = getattr(builtins, str(reply["raised"]), None)
        usual = isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError)
        error: Any = (kind if usual and kind is not None else RuntimeError)(str(reply["message"]))
        error.of_the_code = True
        raise error
    return unpacked(reply["value"])


def leave_as(before: Any, after: Any) -> None:
    """Change an argument as the call has changed its copy."""
    if isinstance(before, list | bytearray):
        before[:] = after
    elif isinstance(before, dict | set):
        before.clear()
        before.update(after)


def test() -> dict[str, Any]:
    """Run every test, and say how many passed."""
    with open(TESTS, encoding="utf-8") as file:
        given = json.load(file)
    channel = Channel()
    tests: list[str] = given["tests"]
    found: dict[str, Any] = {"passed": 0, "total": len(tests), "failure": None, "broken": None}
    space: dict[str, Any] = {"__name__": "tests"}
    try:
        for source in given["setup"]:
            run(source, space)
        outcome(channel.receive())
        for source in tests:
            found["passed"] += passes(source, space, channel, given["entryPoint"], found)
    except Exception as error:  # noqa: BLE001 - what the code answers may make the tests raise anything
        of_the_tests = isinstance(error, Broken | SyntaxError | ImportError) and not hasattr(error, "of_the_code")
        found["broken" if of_the_tests else "failure"] = told(error, "tests")
    return found


def passes(
    source: str, space: dict[str, Any], channel: Channel, entry_point: str | None, found: dict[str, Any]
) -> bool:
    """Whether a test passes; the first failure is noted."""
    try:
        run_test(source, space, channel, entry_point)
    except Exception as error:
        if isinstance(error, Broken | ImportError) and not hasattr(error, "of_the_code"):
            raise
        found["failure"] = found["failure"] or told(error, "tests")
        return False
    return True


def run_test(source: str, space: dict[str, Any], channel: Channel, entry_point: str | None) -> None:
    """One test: statements that assert, or the definition of `check(candidate)`. Names that nobody has defined are
    functions of the code under test."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise Broken(f"SyntaxError: {error.msg} in line {error.lineno}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            name = node.id
            if name not in space and not hasattr(builtins, name):
                space[name] = Function(channel, name)
    if entry_point is not None:
        space[entry_point] = space["candidate"] = Function(channel, entry_point)
    run(source, space)
    if entry_point is not None and callable(space.get("check")) and not isinstance(space["check"], Function):
        space["check"](space["candidate"])


def run(source: str, space: dict[str, Any]) -> None:
    import linecache

    linecache.cache["tests"] = (len(source), None, source.splitlines(keepends=True), "tests")
    exec(compile(source, "tests", "exec"), space)  # noqa: S102 - this is what it is for


def told(error: BaseException, file: str) -> str:
    """An error as people read it: its message, else the line where it happened."""
    kind, message = type(error).__name__, str(error)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not message and lines:
        message = (lines[-1].line or f"line {lines[-1].lineno}").strip()
    place = f" (line {lines[-1].lineno})" if lines and file == ANSWER else ""
    return f"{kind}: {message}{place}"[:MOST_MESSAGE_CHARS]


def main() -> None:
    sys.set_int_max_str_digits(0)
    if sys.argv[1] == "answer":
        serve()
        return
    # The tests may print; only the outcome is read.
    written, sys.stdout = sys.stdout, io.StringIO()
    written.write(json.dumps(test()))
    written.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
