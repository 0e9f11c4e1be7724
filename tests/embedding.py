# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of embedding share: the programs of examples/embed, which are built with everything else, the library that they
link, and a compiler that sees no more of this project than a stranger's would."""

import json
import os
import pathlib
import shlex
import subprocess

import pytest

from conftest import ROOT, TIMEOUT_S

EMBED = ROOT / "examples" / "embed"
BUILD = pathlib.Path(os.environ.get("CAPSULE_BUILD_DIR", ROOT / "build")).resolve()
LIBRARY = BUILD / "libcapsule.so"
STRICT = ["-std=c11", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]


def program(name):
    return BUILD / "examples" / name


def execute(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **options)


def session(path, *lines, cpu_ms=None, environment=None):
    """Call the tools of the capsule (or the exports of the module) at `path`, a line each: "NAME INPUT". Gives a line each:
    "ok ANSWER" or "failed REASON". A capsule kept loaded over several calls, some of which fail, is what the command cannot
    show, since its first failure ends it."""
    options = [] if cpu_ms is None else ["-c", str(cpu_ms)]
    text = "".join(line + "\n" for line in lines).encode()
    command = [program("session"), *options, path]
    done = subprocess.run(command, input=text, capture_output=True, timeout=TIMEOUT_S, env=environment, check=False)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


def build_option(name):
    """The value of an option that the build folder was configured with."""
    options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text(encoding="utf-8"))
    return next(option["value"] for option in options if option["name"] == name)


def sanitizer_flags():
    """What a program needs so that the library can be loaded into it."""
    chosen = build_option("b_sanitize")
    return [] if chosen == "none" else ["-fsanitize=" + chosen]


def compile_program(source, out, *flags, env=None):
    """Compile and link one C file; without a word from the compiler."""
    command = [*shlex.split(os.environ.get("CC", "cc")), *STRICT, *sanitizer_flags(), source, "-o", out, *flags]
    made = execute(*command, env=env)
    assert (made.returncode, made.stdout + made.stderr) == (0, "")


def library_flags():
    """To compile against the built library."""
    return ["-pthread", "-I", ROOT / "include", "-L", BUILD, "-lcapsule", "-Wl,-rpath," + str(BUILD)]


def python_environment(environment):
    """Environment for a Python that loads the library. An interpreter is not built with sanitizers: their runtimes come first."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    runtimes = []
    for name in build_option("b_sanitize").split(","):
        if name != "none":
            library = {"address": "libasan.so", "undefined": "libubsan.so", "thread": "libtsan.so"}[name]
            runtimes.append(execute(*compiler, "-print-file-name=" + library).stdout.strip())
    more = {"LD_PRELOAD": ":".join(runtimes)} if runtimes else {}
    asan = ":".join(filter(None, [environment.get("ASAN_OPTIONS"), "detect_leaks=0"]))  # of the interpreter
    return dict(environment, CAPSULE_LIBRARY=str(LIBRARY), PYTHONDONTWRITEBYTECODE="1", ASAN_OPTIONS=asan, **more)


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The library as it is after an installation. Gives the prefix: a folder of this test, though the build was configured for
    another one, which only capsule.pc names."""
    folder = tmp_path_factory.mktemp("installed")
    made = execute("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", folder)
    assert made.returncode == 0, made.stdout + made.stderr
    prefix = folder / build_option("prefix").lstrip("/")
    package = prefix / build_option("libdir") / "pkgconfig" / "capsule.pc"
    text = package.read_text(encoding="utf-8")
    assert text.count(build_option("prefix")) == 1
    package.write_text(text.replace("prefix=" + build_option("prefix"), "prefix=" + str(prefix), 1), encoding="utf-8")
    return prefix


def package_environment(prefix, environment):
    """The environment in which pkg-config and the loader find the library installed below `prefix`."""
    libdir = prefix / build_option("libdir")
    yyjson = ROOT / "build" / "prefix" / "lib"  # where the set-up unpacks it when the system has none
    pkg_config_path = "%s:%s" % (libdir / "pkgconfig", yyjson / "pkgconfig")
    return dict(environment, PKG_CONFIG_PATH=pkg_config_path, LD_LIBRARY_PATH="%s:%s" % (libdir, yyjson))


@pytest.fixture
def package(installed, environment):
    return package_environment(installed, environment)


def pkg_config(*arguments, env):
    said = execute("pkg-config", *arguments, env=env)
    assert (said.returncode, said.stderr) == (0, "")
    return shlex.split(said.stdout)
