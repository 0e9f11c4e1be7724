# SPDX-License-Identifier: MIT OR Apache-2.0
"""The library as a file: what it shows, what it keeps, and how a stranger finds and links it."""

import re

import pytest

from conftest import ROOT
from embedding import (
    BUILD,
    EMBED,
    LIBRARY,
    build_option,
    compile_program,
    execute,
    installed,
    package,
    package_environment,
    pkg_config,
)

__all__ = ["installed", "package"]  # fixtures

SYMBOLS = ROOT / "tools" / "libcapsule.symbols"
ADVICE = "a function was added or taken away: change tools/libcapsule.symbols, and the version if one is gone"

# Memory of ours that can be written and is shared by all runtimes of a process: name -> why it may be. There is none.
WRITABLE = {}

# What the sanitizers add to each object.
OF_SANITIZERS = re.compile(r"^(__odr_asan|_?\.?L?ASAN|__asan|__tsan|__ubsan|_ZL?.*asan)|^\.L|^$")


def declared():
    """The functions that the public headers mark with CAPSULE_API."""
    names = []
    for header in (ROOT / "include" / "capsule").glob("*.h"):
        text = re.sub(r"/\*.*?\*/|^#.*?$", "", header.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        names += re.findall(r"\bCAPSULE_API\b[^;(]*?\b(\w+)\(", text)
        assert len(re.findall(r"\bCAPSULE_API\b", text)) == len(re.findall(r"\bCAPSULE_API\b[^;(]*?\b\w+\([^;]*\);", text))
    return sorted(names)


def listed():
    lines = SYMBOLS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def symbols(path, *options):
    """(kind, name) of each symbol that `path` defines, as nm tells."""
    said = execute("nm", "--defined-only", *options, path)
    assert said.returncode == 0, said.stderr
    return sorted((kind, name) for _, kind, name in re.findall(r"^([0-9a-f]+) (\w) (\S+)$", said.stdout, re.MULTILINE))


@pytest.fixture(scope="module")
def our_object(tmp_path_factory):
    """All of our code in the static library, which is one object of it; the others are Wasmtime and what belongs to it."""
    said = execute("ar", "t", BUILD / "libcapsule.a")
    assert said.stdout.split().count("capsule.o") == 1
    folder = tmp_path_factory.mktemp("archive")
    assert execute("ar", "x", BUILD / "libcapsule.a", "capsule.o", cwd=folder).returncode == 0
    return folder / "capsule.o"


def test_the_list_of_functions_is_that_of_the_headers():
    assert listed() == declared(), ADVICE


def test_the_shared_library_exports_just_these():
    assert symbols(LIBRARY, "-D") == [("T", name) for name in listed()], ADVICE


def test_the_static_library_shows_just_these_of_ours(our_object):
    shown = [(kind, name) for kind, name in symbols(our_object, "--extern-only") if not OF_SANITIZERS.match(name)]
    assert shown == [("T", name) for name in listed()], ADVICE


def writable(path):
    """Names of objects in sections that can be written, those apart that are read-only once the loader is done."""
    said = execute("objdump", "-t", path)
    assert said.returncode == 0, said.stderr
    rows = re.findall(r"^[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$", said.stdout, re.MULTILINE)
    assert len(rows) > 1000
    return sorted(
        name
        for flags, section, size, name in rows
        if re.match(r"\.t?data(?!\.rel\.ro)|\.t?bss|\*COM\*", section)
        and "d" not in flags
        and int(size, 16) > 0
        and not OF_SANITIZERS.match(name)
    )


def test_the_library_has_no_state_of_its_own(our_object):
    assert writable(our_object) == sorted(WRITABLE), "state belongs to struct capsule_runtime: other runtimes share this"
    assert all(WRITABLE.values())


def test_the_name_says_which_programs_it_serves():
    said = execute("readelf", "-d", LIBRARY).stdout
    assert re.search(r"SONAME.*\[libcapsule\.so\.0\]", said)
    assert "TEXTREL" not in said


# How it is found and linked


def test_the_installed_tree_is_whole(installed, package):
    headers = sorted(path.name for path in (ROOT / "include" / "capsule").glob("*.h"))
    assert sorted(path.name for path in (installed / "include" / "capsule").glob("*.h")) == headers
    version = re.search(r"version: '([0-9.]+)'", (ROOT / "meson.build").read_text(encoding="utf-8")).group(1)
    assert pkg_config("--modversion", "capsule", env=package) == [version]


def run_installed(path, environment):
    capsule = ROOT / "examples" / "capsules" / "hello"
    assert execute(ROOT / "examples" / "build.sh").returncode == 0
    done = execute(path, capsule, "greet", '{"name":"Ada"}', env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"greeting":"Hello, Ada!"}\n', "")


def needed(path):
    return re.findall(r"NEEDED.*\[(.*?)\]", execute("readelf", "-d", path).stdout)


def test_a_program_is_linked_with_the_shared_library(package, tmp_path):
    out = tmp_path / "smallest"
    compile_program(EMBED / "smallest.c", out, *pkg_config("--cflags", "--libs", "capsule", env=package), env=package)
    assert "libcapsule.so.0" in needed(out)
    assert not [name for name in needed(out) if re.match("lib(uv|sqlite3|yyjson)", name)], "what it links by itself is its own"
    run_installed(out, package)


def test_a_program_is_linked_with_the_static_library(package, tmp_path):
    out = tmp_path / "smallest"
    flags = pkg_config("--static", "--cflags", "--libs", "capsule", env=package)
    compile_program(EMBED / "smallest.c", out, "-Wl,--as-needed", "-l:libcapsule.a", *flags, env=package)
    assert "libcapsule.so.0" not in needed(out)
    run_installed(out, package)


def test_where_there_is_no_shared_library_the_static_one_is_taken(installed, environment, tmp_path):
    prefix = tmp_path / "static"
    libdir = prefix / build_option("libdir")
    (libdir / "pkgconfig").mkdir(parents=True)
    (prefix / "include").symlink_to(installed / "include")
    (libdir / "libcapsule.a").symlink_to(next(installed.rglob("libcapsule.a")))
    for copies in installed.rglob("%s/capsule" % libdir.name):  # of libraries that the system does not have
        (libdir / "capsule").symlink_to(copies)
    text = next(installed.rglob("capsule.pc")).read_text(encoding="utf-8")
    (libdir / "pkgconfig" / "capsule.pc").write_text(text.replace(str(installed), str(prefix)), encoding="utf-8")
    env = package_environment(prefix, environment)
    out = tmp_path / "smallest"
    flags = pkg_config("--static", "--cflags", "--libs", "capsule", env=env)
    compile_program(EMBED / "smallest.c", out, *flags, env=env)
    run_installed(out, env)
