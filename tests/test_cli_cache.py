# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule cache, and the options for compiling: what is kept, what it says about it, what is removed."""

import json
import re
import time

import pytest

from conftest import manifest, snapshot

HEADINGS = ["NAME", "MODULE", "SIZE", "LAST USED", "STATE"]



def leb128(number):
    """An unsigned number as modules have it."""
    digits = []
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(digits + [number])


def sized(content):
    return leb128(len(content)) + content


def module(functions, steps):
    """A module that is work to compile: `functions` of `steps` sums and products each; the export f is the first of them."""
    step = b"\x41\x07\x6c\x20\x00\x6a"  # i32.const 7, i32.mul, local.get 0, i32.add
    body = sized(b"\x01\x01\x7f" + b"\x20\x00" + step * steps + b"\x0b")
    sections = [
        (1, b"\x01\x60\x00\x01\x7f"),  # the type () -> i32
        (3, leb128(functions) + b"\x00" * functions),
        (7, b"\x01\x01f\x00\x00"),
        (10, leb128(functions) + body * functions),
    ]
    return b"\0asm\1\0\0\0" + b"".join(bytes([number]) + sized(content) for number, content in sections)


@pytest.fixture
def folder(make_capsule, guest):
    return make_capsule(manifest(tools=["hello"]), guest("tools.wat"))


@pytest.fixture
def kept(run, folder, home):
    """A home with what loading a capsule left in its cache: the folder of the entries."""
    assert run("tools", folder).status == 0
    return home / "cache" / "capsules"


def rows(text):
    """The cells of a table, without the line below it."""
    return [re.split(r" {2,}", line) for line in text.splitlines()[:-1]]


def entries(run):
    return json.loads(run("cache", "--json").stdout)["entries"]


def damage(path):
    """Turn a bit in the middle of an entry; they are read-only."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_an_empty_cache_is_listed_and_nothing_is_made(run, home):
    for arguments in [(), ("list",)]:
        result = run("cache", *arguments)
        assert (result.status, result.stderr) == (0, "")
        assert result.stdout == "0 entries, 0 bytes, in %s/cache/capsules\n" % home
    assert run("cache", "verify").stdout == "0 entries read, 0 broken\n"
    assert run("cache", "clear").stdout == "0 entries removed, 0 bytes freed\n"
    assert not home.exists()


def test_what_is_kept_is_listed_as_a_table_with_a_total(run, kept):
    result = run("cache")
    assert (result.status, result.stderr) == (0, "")
    table = rows(result.stdout)
    assert table[0] == HEADINGS
    assert "guest.wat" in [row[0] for row in table[1:]]
    listed = {entry["name"]: entry for entry in entries(run)}
    for name, module, size, used, state in table[1:]:
        assert module == listed[name]["module"][:12]
        assert re.fullmatch(r"[\d,]+ bytes|\d+\.\d [KM]iB", size)
        assert used == time.strftime("%Y-%m-%d %H:%M", time.localtime(listed[name]["used"]))
        assert state == "ok"
    files = list(kept.iterdir())
    total = sum(path.stat().st_size for path in files)
    last = result.stdout.splitlines()[-1]
    assert last.startswith("%d entries, " % len(files)) and last.endswith(", in %s" % kept)
    assert json.loads(run("cache", "--json").stdout)["bytes"] == total


def test_json_is_what_the_library_says(run, kept):
    answer = json.loads(run("cache", "list", "--json").stdout)
    assert answer["dir"] == str(kept)
    assert len(answer["entries"]) == len(list(kept.iterdir()))
    for entry in answer["entries"]:
        assert set(entry) == {"key", "name", "module", "module_bytes", "bytes", "created", "used", "state"}


def test_the_home_may_be_named_and_relative(run, folder, tmp_path):
    assert run("tools", folder, "--home", "other", cwd=tmp_path).status == 0
    listed = run("cache", "--home", "other", cwd=tmp_path)
    assert listed.stdout.splitlines()[-1].endswith("in %s/other/cache/capsules" % tmp_path)
    assert "guest.wat" in listed.stdout
    assert "guest.wat" not in run("cache").stdout


def test_clear_removes_all_and_says_how_much(run, kept):
    count, size = len(list(kept.iterdir())), sum(path.stat().st_size for path in kept.iterdir())
    result = run("cache", "clear", "--json")
    assert (result.status, json.loads(result.stdout)) == (0, {"entries": count, "bytes": size})
    assert list(kept.iterdir()) == []


def test_clear_says_it_in_words(run, kept):
    result = run("cache", "clear")
    assert re.fullmatch(r"\d entries removed, [\d.]+ KiB freed\n", result.stdout)
    assert list(kept.iterdir()) == []


def test_verify_tells_what_is_broken_and_removes_it_only_when_asked(run, kept):
    victim, sound = sorted(kept.iterdir())[0], sorted(kept.iterdir())[1:]
    damage(victim)
    before = snapshot(kept)
    result = run("cache", "verify")
    assert result.status == 1
    table = rows(result.stdout.split("\n%d entries" % len(before))[0] + "\n.")
    assert [row[-1] for row in table] == ["STATE", "broken"]
    assert "%d entries read, 1 broken\n" % len(before) in result.stdout
    assert "'capsule cache verify --remove' removes what is broken" in result.stdout
    as_json = run("cache", "verify", "--json")
    assert as_json.status == 1
    assert [entry["state"] for entry in json.loads(as_json.stdout)["entries"]].count("broken") == 1
    assert snapshot(kept) == before
    result = run("cache", "verify", "--remove")
    assert result.status == 0
    assert "%d entries read, 1 broken and removed\n" % len(before) in result.stdout
    assert sorted(kept.iterdir()) == sound
    assert run("cache", "verify").stdout == "%d entr%s read, 0 broken\n" % (len(sound), "y" if len(sound) == 1 else "ies")


def test_what_is_no_entry_is_listed_as_broken(run, kept):
    (kept / ("ab" * 32 + ".code")).write_bytes(b"nothing of ours")
    states = {row[0]: row[-1] for row in rows(run("cache").stdout)}
    assert states["ab" * 32] == "broken"
    assert states["guest.wat"] == "ok"


def test_a_folder_that_others_may_enter_is_refused_with_what_to_change(run, kept):
    kept.chmod(0o755)
    for arguments in [("list",), ("verify", "--remove"), ("clear",)]:
        result = run("cache", *arguments)
        assert (result.status, result.stdout) == (1, "")
        assert str(kept) in result.stderr and "chmod" in result.stderr
    assert len(list(kept.iterdir())) > 0


def test_no_cache_keeps_nothing(run, folder, home):
    for command in [("tools", folder), ("call", folder, "hello", "--memory-store"), ("inspect", folder)]:
        result = run(*command, "--no-cache")
        assert (result.status, result.stderr) == (0, "")
    assert not home.exists()


def test_a_memory_store_leaves_the_home_alone(run, folder, home):
    assert run("tools", folder, "--memory-store").status == 0
    assert not home.exists()


def test_a_module_is_compiled_once(run, tmp_path):
    file = tmp_path / "m.wasm"
    file.write_bytes(module(1, 100000))
    for _ in range(2):
        assert run("exec", file, "f").status == 0
        (entry,) = [entry for entry in entries(run) if entry["name"] == "m.wasm"]
    # This one can't be compiled within a second of processor time; once compiled it need not be.
    file.write_bytes(module(200, 20000))
    assert run("exec", file, "f").status == 0
    assert run("exec", file, "f", "--compile-seconds", "1").status == 0
    assert run("exec", file, "f", "--compile-seconds", "1", "--no-cache").status == 1
    assert entry["key"] in [later["key"] for later in entries(run)]


def test_the_memory_for_compiling_is_limited(run, tmp_path):
    file = tmp_path / "m.wasm"
    file.write_bytes(module(1, 100000))
    result = run("exec", file, "f", "--compile-mib", "64")
    assert (result.status, result.stdout) == (1, "")
    assert "m.wasm: it can't be compiled within 64 MiB of memory" in result.stderr and "--compile-mib" in result.stderr
    assert run("exec", file, "f", "--compile-mib", "4096", "--compile-seconds", "600").status == 0


def test_the_time_for_compiling_is_limited(run, tmp_path):
    (tmp_path / "m.wasm").write_bytes(module(200, 20000))
    result = run("inspect", tmp_path / "m.wasm", "--compile-seconds", "1")
    assert (result.status, result.stdout) == (1, "")
    # On a busy machine the clock, of which it gets four seconds, may be first.
    assert re.search(r"m\.wasm: it .* compiled within (1 s of processor time|4 s on the clock)", result.stderr)
    assert "--compile-seconds" in result.stderr


def test_a_long_load_tells_what_it_is_at_on_a_terminal(terminal, tmp_path):
    (tmp_path / "m.wasm").write_bytes(module(200, 20000))
    # With one second for compiling it is always over the half second after which the line is drawn, and never long.
    status, seen = terminal("inspect", "m.wasm", "--no-cache", "--compile-seconds", "1", cwd=tmp_path)
    assert status == 1
    assert re.search(r"\r\x1b\[Kcompiling m\.wasm \d+\.\d s", seen.decode()), seen[:400]
