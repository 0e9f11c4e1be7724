# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the whole-program tests share: the program under test, guests compiled during the run, capsule folders, a private home.

A tool that is missing skips a test on a laptop and fails it where CI is "true".
"""

import dataclasses
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SDK = ROOT / "sdk" / "c"
# Every command, so that one that appears or goes is noticed wherever they are listed.
COMMANDS = [
    "call", "exec", "tools", "list", "run", "context", "skills", "commands", "check", "explain", "diff", "order", "approve",
    "inspect", "hash", "schemas", "new", "sdk", "fs", "cache", "completion", "help", "version",
]
# Whoever starts the tests in the background may have them ignore signals, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
TIMEOUT_S = 120  # of one program; sanitizers are slow

MANIFEST = """\
[package]
name = "%(name)s"
version = "1.0.0"

[[component]]
file = "%(module)s"
"""

TOOL = """
[[tool]]
name = "%s"
description = "Tool for a test"
input_schema = { type = "object" }
"""


@dataclasses.dataclass
class Result:
    """How a program ended and what it said."""

    status: int
    output: bytes
    error: bytes

    @property
    def stdout(self):
        return self.output.decode("utf-8")

    @property
    def stderr(self):
        return self.error.decode("utf-8")


def need(tool):
    """The path of `tool`; without it the test is skipped, in CI it fails."""
    path = shutil.which(tool)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("%s is missing" % tool)
        pytest.skip("%s is missing" % tool)
    return path


def snapshot(folder):
    """Every path below `folder` with its content, to tell whether something was left behind; compiled code does not count."""
    folder = pathlib.Path(folder)
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*"))] if folder.exists() else []
    kept = [path for path in paths if path.parts[0] != "cache"]
    return {str(path): (folder / path).read_bytes() if (folder / path).is_file() else None for path in kept}


def manifest(name="test", module="guest.wat", tools=(), more=""):
    """The text of a Capsule.toml with these tools."""
    return MANIFEST % {"name": name, "module": module} + "".join(TOOL % tool for tool in tools) + more


@pytest.fixture(scope="session")
def capsule_bin():
    build = pathlib.Path(os.environ.get("CAPSULE_BUILD_DIR", ROOT / "build"))
    path = pathlib.Path(os.environ.get("CAPSULE_BIN", build / "capsule"))
    if not path.exists():
        pytest.fail("%s does not exist: build first, or name the program in CAPSULE_BIN" % path)
    return str(path.resolve())


@pytest.fixture
def home(tmp_path):
    """A home of its own for the runtime; nothing makes it until state is stored."""
    return tmp_path / "home"


@pytest.fixture
def environment(home, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASTRID_", "NO_COLOR", "CLICOLOR"))}
    return dict(kept, ASTRID_HOME=str(home), HOME=str(tmp_path / "user"), TERM="xterm", LC_ALL="C.UTF-8")


@pytest.fixture
def start(capsule_bin, environment):
    """Start the program and give its Popen, with pipes; whatever still runs at the end of the test is killed."""
    running = []

    def start_program(*arguments, env=None, **options):
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        command = [capsule_bin, *map(str, arguments)]
        process = subprocess.Popen(command, env={**environment, **(env or {})}, **{**pipes, **options})
        running.append(process)
        return process

    yield start_program
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def run(start):
    """Run the program to its end."""

    def run_program(*arguments, input=b"", timeout=TIMEOUT_S, **options):
        process = start(*arguments, **options)
        output, error = process.communicate(input.encode() if isinstance(input, str) else input, timeout=timeout)
        return Result(process.returncode, output or b"", error or b"")

    return run_program


@pytest.fixture
def terminal(start):
    """Run the program on a terminal of its own; gives its exit status and everything that the terminal got. `talk` is called
    with the process and what was seen so far, whenever that grew; bytes that it gives back are typed."""

    def run_on_terminal(*arguments, talk=None, **options):
        ours, theirs = pty.openpty()
        process = start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, **options)
        os.close(theirs)
        seen, until = b"", time.monotonic() + TIMEOUT_S
        try:
            while time.monotonic() < until:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                seen += os.read(ours, 65536)
                typed = talk(process, seen) if talk is not None else None
                if isinstance(typed, bytes):
                    os.write(ours, typed)
        except OSError:  # the other side is closed
            pass
        finally:
            os.close(ours)
        return process.wait(timeout=TIMEOUT_S), seen

    return run_on_terminal


@pytest.fixture(scope="session")
def guest(tmp_path_factory):
    """Compile a guest: the name of a file in tests/guests (x.c or x.wat), or C text. Gives the path of the module, which imports
    only what every host of the ABI has, unless a flag says otherwise."""
    folder = tmp_path_factory.mktemp("guests")
    made = {}

    def compile_guest(source, *flags):
        key = (source, flags)
        if key not in made:
            made[key] = compile_to(folder / ("guest%d" % len(made)), source, flags)
        return made[key]

    return compile_guest


def compile_to(stem, source, flags):
    file = ROOT / "tests" / "guests" / source if "\n" not in source else stem.with_suffix(".c")
    if "\n" in source:
        file.write_text(source, encoding="utf-8")
    if file.suffix == ".wat":
        return file
    need("wasm-ld")
    command = [need("clang"), "--target=wasm32", "-O2", "-nostdlib", "-ffreestanding", "-Wall", "-Werror", "-DCAPSULE_PORTABLE"]
    command += ["-Wl,--no-entry", "-I", str(SDK / "include"), *flags, str(file), "-o", str(stem.with_suffix(".wasm"))]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert made.returncode == 0, made.stdout
    return stem.with_suffix(".wasm")


@pytest.fixture
def make_capsule(tmp_path):
    """Make a capsule folder of a manifest (text or bytes; None for none) and a module (a path, text or bytes; None for none)."""

    def make(manifest_text, module=None, name="capsule", module_name="guest.wat"):
        folder = tmp_path / name
        folder.mkdir()
        if manifest_text is not None:
            content = manifest_text if isinstance(manifest_text, bytes) else manifest_text.encode()
            (folder / "Capsule.toml").write_bytes(content)
        if isinstance(module, pathlib.Path):
            module = module.read_bytes()
        if module is not None:
            (folder / module_name).write_bytes(module if isinstance(module, bytes) else module.encode())
        return folder

    return make
