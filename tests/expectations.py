# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a capsule or module from elsewhere should do, as JSON beside it. docs/foreign.md describes the format.

Everything is checked before anything runs, and what is wrong is told with its place: a misspelt key must not be a test that
cannot fail."""

import base64
import binascii
import dataclasses
import json
import pathlib

SIZE_MAX = 1024 * 1024  # of a file with expectations, and of a file with input
CALLS_MAX = 1000
REPEAT_MAX = 10000000
LIMIT_MAX = 86400000  # milliseconds, as in the options of the command
KEYS = ["config", "env", "error", "export", "input", "limits", "output", "repeat", "status", "tool"]
OURS = ["ASTRID_HOME", "HOME"]  # each case has a home of its own


class Wrong(Exception):
    """The file with the expectations is not what it should be."""


@dataclasses.dataclass
class Expected:
    """What the answer should be: kind is "text", "bytes", "contains" or "json"."""

    kind: str
    value: object


@dataclasses.dataclass
class Call:
    """One call and what should come of it."""

    name: str
    input: bytes
    status: int = 0
    output: Expected | None = None
    error: str | None = None
    repeat: int = 1
    config: dict = dataclasses.field(default_factory=dict)
    env: dict = dataclasses.field(default_factory=dict)
    limits: dict = dataclasses.field(default_factory=dict)


def load(path, kind):
    """The calls of the file at `path`; `kind` is what they call: "tool" or "export"."""
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_MAX + 1)
    except OSError as problem:
        raise Wrong("%s: cannot be read: %s" % (path.name, problem.strerror)) from None
    if len(data) > SIZE_MAX:
        raise Wrong("%s: is over %d bytes" % (path.name, SIZE_MAX))
    listed = parse(data, path.name)
    if not isinstance(listed, list) or not listed:
        raise Wrong("%s: must be a list of calls, at least one" % path.name)
    if len(listed) > CALLS_MAX:
        raise Wrong("%s: has %d calls, over %d" % (path.name, len(listed), CALLS_MAX))
    return [Reader(item, "%s: call %d" % (path.name, number), path.parent).call(kind) for number, item in enumerate(listed, 1)]


def parse(data, name):
    """The value of JSON text, in which no key may stand twice and every number has a value."""

    def pairs(items):
        seen = dict(items)
        if len(seen) != len(items):
            keys = [key for key, _ in items]
            raise Wrong("%s: key `%s` stands twice" % (name, next(key for key in keys if keys.count(key) > 1)))
        return seen

    def constant(word):
        raise Wrong("%s: %s is not JSON" % (name, word))

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except UnicodeDecodeError as problem:
        raise Wrong("%s: is not UTF-8 at byte %d" % (name, problem.start)) from None
    except json.JSONDecodeError as problem:
        raise Wrong("%s:%d:%d: %s" % (name, problem.lineno, problem.colno, problem.msg)) from None
    except (RecursionError, ValueError):
        raise Wrong("%s: is nested too deep, or has too long a number" % name) from None


class Reader:
    """Reads one call; `place` begins each message."""

    def __init__(self, item, place, folder):
        self.item, self.place, self.folder = item, place, folder

    def wrong(self, message, *values):
        return Wrong(self.place + ": " + message % values)

    def call(self, kind):
        if not isinstance(self.item, dict):
            raise self.wrong("must be an object")
        for key in self.item:
            if key not in KEYS:
                raise self.wrong("unknown key `%s`; there are: %s", key, ", ".join(KEYS))
        if ("tool" in self.item) == ("export" in self.item):
            raise self.wrong("needs one of the keys `tool` and `export`")
        if kind not in self.item:
            there = "folder has tools" if kind == "tool" else "module has exports"
            raise self.wrong("a %s: write `%s`", there, kind)
        if kind == "tool" and "config" in self.item:
            raise self.wrong("`config` is for exports; the settings of a capsule stand in [env] of its manifest")
        if "error" in self.item and "output" in self.item:
            raise self.wrong("`error` and `output` exclude each other")
        error = self.text("error") if "error" in self.item else None
        return Call(
            name=self.text(kind),
            input=self.tool_input() if kind == "tool" else self.export_input(),
            status=self.number(self.item, "status", 0, 255, default=0 if error is None else 1),
            output=self.output(),
            error=error,
            repeat=self.number(self.item, "repeat", 1, REPEAT_MAX, default=1),
            config=self.texts("config"),
            env=self.environment(),
            limits=self.limits(),
        )

    def text(self, key):
        value = self.item[key]
        if not isinstance(value, str) or value == "" or "\0" in value:
            raise self.wrong("`%s` must be a text that is not empty, without NUL", key)
        return value

    def texts(self, key):
        value = self.item.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
            raise self.wrong("`%s` must be an object with texts as values", key)
        for name, entry in value.items():
            if name == "" or "=" in name or "\0" in name + entry:
                raise self.wrong("`%s`: `%s` is no name of a setting, or there is a NUL in it", key, name)
        return value

    def environment(self):
        value = self.texts("env")
        for name in OURS:
            if name in value:
                raise self.wrong("`env`: %s is set by the harness", name)
        return value

    def number(self, table, key, least, most, default=None):
        value = table.get(key, default)
        if type(value) is not int or not least <= value <= most:  # a bool is an int
            raise self.wrong("`%s` must be a number from %d to %d", key, least, most)
        return value

    def limits(self):
        value = self.item.get("limits", {})
        if not isinstance(value, dict):
            raise self.wrong("`limits` must be an object")
        for key in value:
            if key not in ["cpu_ms", "wall_ms"]:
                raise self.wrong("`limits`: unknown key `%s`; there are: cpu_ms, wall_ms", key)
        return {key: self.number(value, key, 1, LIMIT_MAX) for key in value}

    def tool_input(self):
        return json.dumps(self.item.get("input", {})).encode()

    def export_input(self):
        value = self.item.get("input", "")
        if isinstance(value, str):
            return self.encoded(value, "input")
        form = self.form(value, ["base64", "file"])
        if form is None:
            raise self.wrong('`input` must be a text, {"base64": text} or {"file": path}')
        return self.decoded(value[form], "input") if form == "base64" else self.file(value[form])

    def file(self, name):
        path = pathlib.PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise self.wrong("`input`: the file `%s` must stand beside the expectations or below", name)
        try:
            data = (self.folder / path).read_bytes()
        except (OSError, ValueError) as problem:
            raise self.wrong("`input`: the file `%s` cannot be read: %s", name, problem) from None
        if len(data) > SIZE_MAX:
            raise self.wrong("`input`: the file `%s` is over %d bytes", name, SIZE_MAX)
        return data

    def output(self):
        if "output" not in self.item:
            return None
        value = self.item["output"]
        if isinstance(value, str):
            return Expected("text", self.encoded(value, "output"))
        if isinstance(value, dict) and len(value) == 1 and "json" in value:
            return Expected("json", value["json"])
        form = self.form(value, ["base64", "contains"])
        if form == "base64":
            return Expected("bytes", self.decoded(value[form], "output"))
        if form == "contains":
            if value[form] == "":
                raise self.wrong("`output`: `contains` is empty, which every answer contains")
            return Expected("contains", self.encoded(value[form], "output"))
        return Expected("json", value)

    def form(self, value, names):
        """Which of `names` is the only key of the object `value`, with a text; None if it is something else."""
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in names:
            name = next(iter(value))
            if not isinstance(value[name], str):
                raise self.wrong("`%s` must be a text", name)
            return name
        return None

    def encoded(self, text, key):
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError:
            raise self.wrong("`%s` has half of a surrogate pair", key) from None

    def decoded(self, text, key):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise self.wrong("`%s`: `base64` is no base64", key) from None
