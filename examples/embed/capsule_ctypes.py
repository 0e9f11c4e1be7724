#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""libcapsule from Python, by ctypes: load a capsule, call its tools, close it.

    with Runtime() as runtime:
        hello = runtime.load("examples/capsules/hello")
        print(hello.call("greet", {"name": "Ada"}))

What fails raises CapsuleError with the library's text. A Runtime belongs to the thread that made it; adopt() takes it over.

Usage: capsule_ctypes.py DIR TOOL [ARGUMENTS]

The library is the one that $CAPSULE_LIBRARY names, else that of build/ in this checkout, else the installed one.
"""

import ctypes
import ctypes.util
import json
import os
import pathlib
import sys


class CapsuleError(Exception):
    """A failure; `status` is the number from enum capsule_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Options(ctypes.Structure):
    """The members of struct capsule_runtime_options that every release has; `size` says that there are no more."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("home", ctypes.c_char_p),
        ("principal", ctypes.c_char_p),
        ("memory_store", ctypes.c_bool),
        ("log", ctypes.c_void_p),
        ("log_user", ctypes.c_void_p),
        ("log_level", ctypes.c_int),
        ("call_cpu_ms", ctypes.c_uint64),
        ("call_wall_ms", ctypes.c_uint64),
        ("memory_pages", ctypes.c_uint32),
        ("queue_calls", ctypes.c_uint32),
        ("module_bytes", ctypes.c_uint64),
    ]


def open_library():
    built = pathlib.Path(__file__).resolve().parents[2] / "build" / "libcapsule.so"
    installed = ctypes.util.find_library("capsule") or "libcapsule.so.0"
    library = ctypes.CDLL(os.environ.get("CAPSULE_LIBRARY") or (str(built) if built.exists() else installed))
    handle, text, size, status = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    out = ctypes.POINTER(handle)
    rest = [handle, handle, out, handle]  # done function, its argument, operation, error
    for name, result, arguments in [
        ("error_new", handle, []),
        ("error_free", None, [handle]),
        ("error_text", text, [handle]),
        ("runtime_new", status, [out, ctypes.POINTER(Options), handle]),
        ("runtime_free", None, [handle]),
        ("runtime_adopt", status, [handle, handle]),
        ("load", status, [handle, text, *rest]),
        ("call", status, [handle, text, text, size, *rest]),
        ("unload", status, [handle, *rest]),
        ("tools_json", text, [handle]),
        ("op_wait", status, [handle, handle]),
        ("op_result", handle, [handle, ctypes.POINTER(size)]),
        ("op_capsule", handle, [handle]),
        ("op_free", None, [handle]),
    ]:
        function = getattr(library, "capsule_" + name)
        function.restype, function.argtypes = result, arguments
    return library


class Runtime:
    """One runtime. Keyword arguments are the members of Options, strings as str: home="/var/lib/me", call_cpu_ms=100 ..."""

    def __init__(self, **options):
        self._library = open_library()
        self._handle = ctypes.c_void_p()
        self._error = self._library.capsule_error_new()
        values = {name: os.fsencode(value) if isinstance(value, str) else value for name, value in options.items()}
        values = Options(size=ctypes.sizeof(Options), **values)
        try:
            self._check(self._library.capsule_runtime_new(ctypes.byref(self._handle), values, self._error))
        except CapsuleError:
            self.close()
            raise

    def _check(self, status):
        if status != 0:
            text = self._library.capsule_error_text(self._error)
            raise CapsuleError(status, text.decode("utf-8", "replace"))

    def _do(self, start, *arguments, result=lambda op: None):
        """Start an operation, wait for it, and give what `result` takes out of it."""
        if not self._handle:
            raise ValueError("the runtime is closed")
        op = ctypes.c_void_p()
        try:
            self._check(start(*arguments, None, None, ctypes.byref(op), self._error))
            self._check(self._library.capsule_op_wait(op, self._error))
            return result(op)
        finally:
            self._library.capsule_op_free(op)

    def load(self, folder):
        """The capsule in `folder`, loaded."""
        handle = self._do(self._library.capsule_load, self._handle, os.fsencode(folder), result=self._library.capsule_op_capsule)
        return Capsule(self, handle)

    def adopt(self):
        """Let the runtime belong to the calling thread; the thread before must have finished with it."""
        self._check(self._library.capsule_runtime_adopt(self._handle, self._error))

    def close(self):
        """End everything. Its capsules can't be used afterwards."""
        self._library.capsule_runtime_free(self._handle)
        self._library.capsule_error_free(self._error)
        self._handle, self._error = ctypes.c_void_p(), None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Capsule:
    """A loaded capsule of a Runtime."""

    def __init__(self, runtime, handle):
        self._runtime, self._handle = runtime, handle
        self.tools = json.loads(runtime._library.capsule_tools_json(handle))

    def _do(self, name, *arguments, **options):
        if self._handle is None:
            raise ValueError("the capsule is closed")
        return self._runtime._do(getattr(self._runtime._library, name), self._handle, *arguments, **options)

    def call(self, tool, arguments=None):
        """Call a tool; gives the value that it answered, or its text if that is no JSON."""
        given = json.dumps({} if arguments is None else arguments).encode()
        answer = self._do("capsule_call", tool.encode(), given, len(given), result=self._answer)
        try:
            return json.loads(answer)
        except ValueError:
            return answer

    def _answer(self, op):
        size = ctypes.c_size_t()
        text = self._runtime._library.capsule_op_result(op, ctypes.byref(size))
        return ctypes.string_at(text, size.value).decode()

    def close(self):
        """Unload it."""
        self._do("capsule_unload")
        self._handle = None


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: capsule_ctypes.py DIR TOOL [ARGUMENTS]")
    arguments = json.loads(sys.argv[3]) if len(sys.argv) > 3 else None
    try:
        with Runtime() as runtime:
            print(json.dumps(runtime.load(sys.argv[1]).call(sys.argv[2], arguments)))
    except CapsuleError as error:
        sys.exit("capsule_ctypes.py: %s" % error)


if __name__ == "__main__":
    main()
