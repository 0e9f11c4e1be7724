# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is installed: every file of it, and that program, library and SDK work from there without the folder they were built in."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import COMMANDS, ROOT, TIMEOUT_S, need
from embedding import sanitizer_flags

BUILD = pathlib.Path(os.environ.get("CAPSULE_BUILD_DIR", ROOT / "build")).resolve()

PROGRAM = """
#include <capsule/capsule.h>
#include <stdio.h>

int main(void)
{
	struct capsule_runtime *runtime = NULL;

	if (capsule_runtime_new(&runtime, NULL, NULL) != CAPSULE_OK)
		return 1;
	capsule_runtime_free(runtime);
	(void)puts(capsule_version());
	return 0;
}
"""


def meson(*arguments):
    done = subprocess.run([need("meson"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def execute(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


class Installed:
    """One installation below a folder of its own."""

    def __init__(self, below):
        options = {option["name"]: option["value"] for option in json.loads(meson("introspect", str(BUILD), "--buildoptions"))}
        self.version = json.loads(meson("introspect", str(BUILD), "--projectinfo"))["version"]
        self.below, self.prefix, self.libdir = below, options["prefix"], options["libdir"]
        self.root = below / self.prefix.lstrip("/")
        self.library = self.root / self.libdir
        self.program = self.root / "bin" / "capsule"
        meson("install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(below))

    def files(self):
        paths = (path for path in self.below.rglob("*") if path.is_symlink() or not path.is_dir())
        return {str(path.relative_to(self.root)) for path in paths}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def elsewhere(installed, environment, tmp_path):
    """An environment in which the installed program is found and nothing of the build is."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = "%s:%s" % (installed.program.parent, environment["PATH"])
    kept = {name: value for name, value in environment.items() if not name.startswith(("CAPSULE_", "PKG_CONFIG", "LD_"))}
    return {"cwd": folder, "env": dict(kept, PATH=path)}


def tree(folder):
    """Files of the source below `folder`; none when it does not exist. Those that git ignores are not installed on purpose."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]


def expected_files(installed):
    lib, version = installed.libdir, installed.version
    files = ["bin/capsule", lib + "/libcapsule.a", lib + "/pkgconfig/capsule.pc"]
    files += [lib + "/libcapsule.so" + suffix for suffix in ("", "." + version.split(".")[0], "." + version)]
    files += tree("include/capsule")
    files += ["share/man/man1/capsule.1"] + ["share/man/man1/capsule-%s.1" % command for command in COMMANDS]
    files += ["share/bash-completion/completions/capsule", "share/zsh/site-functions/_capsule"]
    files += ["share/fish/vendor_completions.d/capsule.fish"]
    files += ["share/doc/capsule/" + name for name in ("LICENSE-APACHE", "LICENSE-MIT")]
    ours = re.compile("sdk/c/(tests/|meson.build$)")
    files += ["share/capsule/" + name for name in tree("sdk") if not ours.match(name)]
    files += ["libexec/capsule/" + pathlib.Path(name).stem for name in tree("libexec") if re.fullmatch(r"libexec/capsule-\w+\.c", name)]
    if (ROOT / "build" / "prefix").is_dir():  # there is no system library of it
        files.append(lib + "/capsule/libyyjson.so.0")
    return files


def test_all_of_it_is_installed_and_nothing_else(installed):
    assert sorted(installed.files()) == sorted(expected_files(installed))


def test_programs_may_be_run_and_other_files_be_read_by_all(installed):
    for name in installed.files():
        path = installed.root / name
        if path.is_symlink():
            continue
        runs = name.startswith(("bin/", "libexec/")) or name.endswith(".so." + installed.version)
        assert path.stat().st_mode & (0o555 if runs else 0o444) == (0o555 if runs else 0o444), name


def test_nothing_in_it_refers_to_the_folder_it_was_built_in(installed):
    programs = sorted((installed.root / "libexec" / "capsule").iterdir())
    for path in (installed.program, installed.library / ("libcapsule.so." + installed.version), *programs):
        section = execute(need("readelf"), "-d", path)
        for found in re.findall(r"(?:RUNPATH|RPATH)\).*\[(.*)\]", section):
            assert found.startswith("$ORIGIN"), path
    assert str(ROOT) not in (installed.library / "pkgconfig" / "capsule.pc").read_text()


def test_the_program_runs_from_there(installed, elsewhere):
    assert execute("capsule", "version", **elsewhere).startswith("capsule %s\n" % installed.version)
    if (ROOT / "build" / "prefix").is_dir():
        libraries = execute(need("ldd"), installed.program, **elsewhere)
        assert "/%s/capsule/libyyjson.so.0 " % installed.libdir in libraries
    example = shutil.copytree(ROOT / "examples" / "capsules" / "hello", elsewhere["cwd"] / "hello")
    answer = execute("capsule", "call", example, "greet", '{"name":"Ada"}', **elsewhere)
    assert json.loads(answer) == {"greeting": "Hello, Ada!"}


def test_the_program_finds_what_it_starts(installed, elsewhere):
    (elsewhere["cwd"] / "m.wat").write_text('(module (func (export "f")) (data "%s") (memory 16))' % ("x" * 100000))
    linked = subprocess.run(["ldd", installed.root / "libexec/capsule/capsule-compile"], capture_output=True, text=True, check=True)
    assert "not found" not in linked.stdout
    assert execute("capsule", "exec", "m.wat", "f", **elsewhere) == ""  # too large to be compiled without them
    assert "m.wat" in execute("capsule", "cache", **elsewhere)


def test_completions_and_man_pages_are_what_this_build_prints(installed, elsewhere):
    for shell, path in [("bash", "bash-completion/completions/capsule"), ("zsh", "zsh/site-functions/_capsule")]:
        assert (installed.root / "share" / path).read_text() == execute("capsule", "completion", shell, **elsewhere)
    shown = execute(need("man"), "capsule-call", cwd=elsewhere["cwd"], env=dict(elsewhere["env"], MANPATH=str(installed.root / "share/man")))
    assert "capsule call DIR TOOL" in shown


def test_bash_loads_the_completion_by_itself(installed, elsewhere):
    loader = pathlib.Path("/usr/share/bash-completion/bash_completion")
    if not loader.exists():
        pytest.skip("bash-completion is not installed")
    script = "source %s; _completion_loader capsule; complete -p capsule" % loader
    environment = dict(elsewhere["env"], BASH_COMPLETION_USER_DIR="/none", XDG_DATA_DIRS=str(installed.root / "share"))
    loaded = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert loaded.stdout == "complete -F _capsule capsule\n"


def pkg_config(installed, *arguments, **environment):
    folder = str(installed.library / "pkgconfig")
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PKG_CONFIG_PATH")]))
    return execute(need("pkg-config"), *arguments, "capsule", env=dict(os.environ, PKG_CONFIG_PATH=path, **environment)).split()


def test_the_pkg_config_file_follows_a_system_root_and_another_prefix(installed):
    library = "%s/%s" % (installed.root, installed.libdir)
    expected = ["-I%s/include" % installed.root, "-L" + library, "-lcapsule"]
    flags = pkg_config(installed, "--cflags", "--libs", PKG_CONFIG_SYSROOT_DIR=str(installed.below))
    assert [flag for flag in flags if flag != "-I%s/usr/include" % installed.below] == expected  # of what it is made with
    assert pkg_config(installed, "--define-variable=prefix=%s" % installed.root, "--cflags", "--libs") == expected
    assert pkg_config(installed, "--modversion") == [installed.version]


@pytest.mark.parametrize("how", ["shared", "static"])
def test_a_program_is_built_with_what_is_installed(installed, elsewhere, how):
    source, program = elsewhere["cwd"] / "program.c", elsewhere["cwd"] / "program"
    source.write_text(PROGRAM)
    moved = "--define-variable=prefix=%s" % installed.root
    flags = pkg_config(installed, moved, "--cflags", "--libs", *(["--static"] if how == "static" else []))
    if how == "static":
        flags = ["-l:libcapsule.a" if flag == "-lcapsule" else flag for flag in flags]
    run_paths = [] if how == "shared" else ["/capsule"]
    flags += ["-Wl,-rpath,%s%s" % (installed.library, tail) for tail in run_paths or [""]]
    execute(need("cc"), "-Wall", "-Werror", *sanitizer_flags(), source, "-o", program, *flags, **elsewhere)
    needed = re.findall(r"NEEDED.*\[(.*)\]", execute(need("readelf"), "-d", program))
    assert ("libcapsule.so." + installed.version.split(".")[0] in needed) == (how == "shared")
    assert execute(program, **elsewhere) == installed.version + "\n"


def test_the_sdk_is_found_where_it_is_installed(installed, elsewhere):
    folder = installed.root / "share" / "capsule" / "sdk" / "c"
    assert execute("capsule", "sdk", "c", **elsewhere) == "%s\n" % folder


def test_from_an_empty_folder_to_an_answer(installed, elsewhere):
    if not (ROOT / "sdk" / "c" / "template").is_dir():
        pytest.skip("no template in this tree")
    for tool in ("make", "clang", "wasm-ld"):
        need(tool)
    execute("capsule", "new", "x", "--lang", "c", **elsewhere)
    subprocess.run(["make", "-C", "x"], check=True, stdout=subprocess.PIPE, timeout=TIMEOUT_S, **elsewhere)
    assert json.loads(execute("capsule", "call", "x", "hello", "{}", **elsewhere))
