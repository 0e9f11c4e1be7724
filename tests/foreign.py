# SPDX-License-Identifier: MIT OR Apache-2.0
"""Capsules and modules that other people wrote: finds them below a folder and runs what the expectations beside them say."""

import dataclasses
import difflib
import json
import os
import pathlib
import subprocess

import expectations

SHOWN_MAX = 4000  # characters of one difference
GRACE_S = 60  # beyond the wall limit of all calls of a line: starting, compiling, sanitizers
WALL_MS = 60000  # for one call that sets no limit
CPU_MS = 10000


@dataclasses.dataclass
class Case:
    """A capsule folder, a module, or a file with expectations that belongs to neither."""

    path: pathlib.Path
    id: str
    kind: str  # "tool", "export" or "stray"

    @property
    def expected(self):
        """Where its expectations stand, if it has some."""
        return self.path / "expect.json" if self.kind == "tool" else self.path.with_suffix(".expect.json")


def find(top):
    """Every case below the folder `top`, in the order of their paths. Links to folders are not followed, and what is inside a
    capsule folder belongs to it."""
    top, found = pathlib.Path(top), []
    for name, folders, files in os.walk(top, onerror=give_up):
        folder = pathlib.Path(name)
        if "Capsule.toml" in files:
            found.append((folder, "tool"))
            folders.clear()
            continue
        modules = [file for file in files if file.endswith((".wasm", ".wat"))]
        found += [(folder / file, "export") for file in modules]
        stems = [file.rsplit(".", 1)[0] for file in modules]
        listed = [file for file in files if file == "expect.json" or file.endswith(".expect.json")]
        strays = [file for file in listed if file[: -len(".expect.json")] not in stems]
        found += [(folder / file, "stray") for file in strays]
    return sorted((Case(path, str(path.relative_to(top)), kind) for path, kind in found), key=lambda case: case.id)


def give_up(problem):
    raise problem  # os.walk() would leave the folder out without a word


class Runner:
    """Runs cases with the program `capsule`, in the environment `environment`."""

    def __init__(self, capsule, environment):
        self.capsule, self.environment = capsule, environment

    def problems(self, case):
        """What is not as it should be, each as text; nothing if all is well."""
        if case.kind == "stray":
            return ["%s: there is no capsule or module beside it" % case.id]
        if not case.expected.exists():
            return self.load(case)
        try:
            calls = expectations.load(case.expected, case.kind)
        except expectations.Wrong as problem:
            return [str(problem)]
        found = []
        for number, call in enumerate(calls, 1):
            place = "%s: call %d (`%s`)" % (case.expected.name, number, call.name)
            found += ["%s: %s" % (place, problem) for problem in self.call(case, call)]
        return found

    def execute(self, *arguments, input=b"", env=None, timeout=GRACE_S + WALL_MS / 1000):
        command = [self.capsule, *map(str, arguments)]
        env = {**self.environment, **(env or {})}
        return subprocess.run(command, input=input, capture_output=True, timeout=timeout, env=env, check=False)

    def load(self, case):
        if case.kind == "tool":
            checked = self.execute("check", case.path)
            if checked.returncode != 0:
                return ["capsule check: status %d\n%s" % (checked.returncode, said(checked))]
        shown = self.execute("inspect", case.path, "--json")
        if shown.returncode != 0:
            return ["capsule inspect: status %d\n%s" % (shown.returncode, said(shown))]
        unknown = [entry for entry in json.loads(shown.stdout)["imports"] if not entry["known"]]
        return ["it imports `%s` of `%s`, which does not exist here" % (entry["name"], entry["module"]) for entry in unknown]

    def call(self, case, call):
        cpu, wall = call.limits.get("cpu_ms", CPU_MS), call.limits.get("wall_ms", WALL_MS)
        verb, repeat = ("call", "--repeat") if case.kind == "tool" else ("exec", "--calls")
        options = ["--color", "never", repeat, call.repeat, "--cpu-ms", cpu, "--wall-ms", wall]
        options += ["--config=%s=%s" % entry for entry in call.config.items()]
        timeout = GRACE_S + min(call.repeat, 10) * wall / 1000
        try:
            done = self.execute(verb, *options, "--", case.path, call.name, "-", input=call.input, env=call.env, timeout=timeout)
        except subprocess.TimeoutExpired:
            return ["did not end within %d s; it was killed" % timeout]
        found = []
        if done.returncode != call.status:
            found.append("status %d instead of %d\n%s" % (done.returncode, call.status, said(done)))
        elif call.error is not None and call.error not in done.stderr.decode("utf-8", "replace"):
            found.append("the error does not contain\n  %s\nit is\n%s" % (call.error, said(done)))
        if call.output is not None and done.returncode == 0:
            found += compare(call.output, done.stdout, case.kind == "tool")
        return found


def said(done):
    """What a program told, indented, not endless."""
    text = (done.stdout + done.stderr).decode("utf-8", "replace").rstrip()
    return shorten("\n".join("  " + line for line in text.splitlines()) or "  (nothing)")


def shorten(text):
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "\n  ... %d characters more" % (len(text) - SHOWN_MAX)


def compare(expected, output, line):
    """How `output` differs. With `line` it was printed as a line: a newline was added if it did not end in one."""
    if line and expected.kind in ("text", "bytes") and output == expected.value + b"\n":
        return []
    if expected.kind in ("text", "bytes"):
        return [] if output == expected.value else ["the output differs\n" + difference(expected.value, output)]
    if expected.kind == "contains":
        wanted = expected.value.decode()
        return [] if expected.value in output else ["the output does not contain\n  %s\nit is\n%s" % (wanted, lines("  ", output))]
    try:
        value = expectations.parse(output, "the output")
    except expectations.Wrong as problem:
        return ["the output is not JSON: %s\n%s" % (problem, lines("  ", output))]
    if same(expected.value, value):
        return []
    return ["the output differs\n" + difference(as_lines(expected.value), as_lines(value))]


def same(left, right):
    """Whether two values are the same in JSON: a number is never a boolean, 1 is 1.0, and the order of keys does not count."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def as_lines(value):
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")


def lines(mark, data):
    return shorten("\n".join(mark + line for line in data.decode("utf-8", "backslashreplace").split("\n")))


def difference(expected, output):
    """What was expected (-) against what came (+), by lines."""
    texts = [data.decode("utf-8", "backslashreplace").split("\n") for data in (expected, output)]
    return shorten("\n".join(difflib.unified_diff(*texts, "expected", "output", lineterm="")))
