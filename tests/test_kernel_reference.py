# SPDX-License-Identifier: MIT OR Apache-2.0
"""The kernel memory against the reference kernel: the same guest carries out the same scripts of operations under both, and
every result must be equal, offsets included. What the reference leaves undefined or fails at is left out: length_unsafe on
offsets that never began a block, the bytes between blocks, offsets near the end of the memory, ranges that pass 2^64."""

import os
import random
import struct
from pathlib import Path

import pytest

try:
    import extism
except ImportError:
    extism = None

GUEST = Path(__file__).parent / "guests" / "kernel_ops.wat"

OPERATIONS = """
    alloc free length length_unsafe load_u8 load_u64 store_u8 store_u64
    input_set input_length input_offset input_load_u8 input_load_u64
    output_set output_length output_offset error_set error_get reset memory_bytes fill sum
""".split()

PAGE = 65536
MEMORY = 16 * PAGE  # of a kernel that never grew
MANAGED = PAGE - 64  # what its allocator hands out from at first
GAP = 12
WALKED = MEMORY - 100  # the reference walks past an offset it is asked for, and fails at the end of the memory
FIRST = 77  # offset of the first block after a reset
NEVER = 2**64 - 1


class Script:
    """Records for the guest; each method call that names an operation appends one and returns its number."""

    def __init__(self, *records):
        self.records = []
        for record in records:
            self.add(*record)

    def add(self, operation, first=0, second=0, earlier=None):
        self.records.append((operation, first % 2**64, second % 2**64, earlier))
        return len(self.records) - 1

    def packed(self):
        return b"".join(
            struct.pack("<IIQQ", OPERATIONS.index(operation), 0 if earlier is None else earlier + 1, first, second)
            for operation, first, second, earlier in self.records
        )

    def show(self, number):
        operation, first, second, earlier = self.records[number]
        base = "" if earlier is None else f"result {earlier} + "
        return f"record {number}: {operation}({base}{first}, {second})"


def unpacked(output):
    assert len(output) % 8 == 0
    return list(struct.unpack(f"<{len(output) // 8}Q", output))


class Reference:
    """A fresh instance, as ours is: the bytes that its allocator manages grow for good."""

    def __init__(self):
        guest = {"wasm": [{"data": GUEST.read_bytes()}], "memory": {"max_pages": 1024}}
        self.plugin = extism.Plugin(guest, wasi=False)

    def call(self, export, data):
        """The output, or None when the call failed."""
        try:
            return self.plugin.call(export, data)
        except extism.Error:
            return None


class Ours:
    def __init__(self, run):
        self.run = run

    def call(self, export, data):
        """The output, or None when the call failed."""
        result = self.run("exec", GUEST, export, "-", input=data)
        assert result.status in (0, 1), result.stderr
        return result.output if result.status == 0 else None


@pytest.fixture
def reference():
    if extism is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("the Python package extism is not installed")
    return Reference()


@pytest.fixture
def ours(run):
    return Ours(run)


def results(kernel, script):
    output = kernel.call("ops", script.packed())
    return None if output is None else unpacked(output)


def assert_equal(script, expected, got):
    assert expected is not None, "the reference failed"
    assert got is not None, "ours failed"
    for number, (a, b) in enumerate(zip(expected, got, strict=True)):
        assert a == b, f"{script.show(number)}: reference {a}, ours {b}"


# ---- Random scripts ----


class Generator:
    """Makes scripts in which every use of an earlier result is one that the reference defines."""

    STEPS = {
        "new": 30, "drop": 22, "ask": 20, "ask_beside": 6, "unsafe": 6, "check": 10, "poke": 6, "wide": 4,
        "output": 4, "error": 2, "input": 4, "bytes": 2, "start_over": 0.3,
    }

    def __init__(self, seed, steps):
        self.random = random.Random(seed)
        self.script = Script()
        self.live = []  # (record of the alloc, bytes)
        self.known = []  # the same, freed ones too, since the last reset
        self.as_input = (None, 0)  # the input's block while it lives: the call's own at first
        names, weights = zip(*self.STEPS.items(), strict=True)
        for name in self.random.choices(names, weights, k=steps):
            getattr(self, name)()

    def some(self, blocks):
        return self.random.choice(blocks) if blocks else (None, 0)

    def length(self):
        kind = self.random.random()
        if kind < 0.04:
            return 0
        if kind < 0.40:
            return self.random.randint(1, 64)
        if kind < 0.75:
            return self.random.randint(65, 700)
        if kind < 0.97:
            return self.random.randint(701, 6000)
        return self.random.randint(6001, 200000)

    def new(self):
        length = self.length()
        record = self.script.add("alloc", length)
        self.known.append((record, length))
        if length > 0:
            self.live.append((record, length))
            if length <= 6000:
                self.script.add("fill", 0, length, record)

    def drop(self):
        if self.live and self.random.random() < 0.9:
            block = self.live.pop(self.random.randrange(len(self.live)))
            self.script.add("free", 0, 0, block[0])
            if block == self.as_input:
                self.as_input = None
        else:
            self.script.add("free", self.random.choice([0, 1, 64, 65, 78, WALKED, MEMORY + 1, NEVER]))

    def ask(self):
        record, _ = self.some(self.known)
        self.script.add("length", 0, 0, record)

    def ask_beside(self):
        record, length = self.some(self.known)
        self.script.add("length", self.random.choice([-12, -4, -1, 1, 2, 8, 12, length, length + 11]), 0, record)
        self.script.add("length", self.random.choice([1, 64, 65, 100, WALKED, MEMORY + 1, 2**32, 2**32 + FIRST, NEVER]))

    def unsafe(self):
        record, _ = self.some(self.known)
        self.script.add("length_unsafe", 0, 0, record)

    def check(self):
        record, length = self.some(self.live)
        self.script.add("sum", 0, min(length, 6000), record)

    def poke(self):
        record, length = self.some(self.live)
        if length == 0:
            return
        at = self.random.randrange(length)
        self.script.add("store_u8", at, self.random.getrandbits(32), record)
        self.script.add("load_u8", at, 0, record)

    def wide(self):
        record, length = self.some(self.live)
        if length < 8:
            return
        at = self.random.randint(0, length - 8)
        self.script.add("store_u64", at, self.random.getrandbits(64), record)
        self.script.add("load_u64", at, 0, record)

    def output(self):
        record, length = self.some(self.known)
        length = self.random.choice([0, 1, length, length + 1, MANAGED - FIRST, MANAGED - FIRST + 65, MANAGED, 2**40])
        self.script.add("output_set", self.random.choice([0, 0, 0, 1, 65]), length, record)
        self.script.add("output_offset")
        self.script.add("output_length")

    def error(self):
        record, _ = self.some(self.known)
        self.script.add("error_set", self.random.choice([0, 0, 1, 64, 65, MANAGED + 64, MANAGED + 65]), 0, record)
        self.script.add("error_get")

    def input(self):
        offset = self.script.add("input_offset")
        length = self.script.add("input_length")
        self.script.add("input_load_u8", self.random.choice([-1, 0, 1, -9]), 0, length)
        self.script.add("input_load_u64", self.random.choice([-7, 0, 1, 2**40]), 0, length)
        if self.as_input is not None and self.random.random() < 0.2:
            self.script.add("free", 0, 0, offset)
            self.script.add("input_length")
            self.live = [block for block in self.live if block != self.as_input]
            self.as_input = None
        if self.live and self.random.random() < 0.3:
            self.as_input = self.some(self.live)
            record, length = self.as_input
            self.script.add("input_set", 0, length, record)
            self.script.add("input_length")

    def bytes(self):
        self.script.add("memory_bytes")

    def start_over(self):
        self.script.add("reset")
        self.live.clear()
        self.known.clear()
        self.as_input = None


@pytest.mark.parametrize("seed", range(24))
def test_a_random_script_has_the_same_results(reference, ours, seed):
    script = Generator(seed, steps=40 * (seed + 1)).script
    assert_equal(script, results(reference, script), results(ours, script))


def test_ten_thousand_blocks_have_the_same_offsets(reference, ours):
    script = Script()
    shuffle = random.Random(1).sample(range(5000), 5000)
    blocks = [script.add("alloc", 1 + number % 300) for number in range(5000)]
    for number in shuffle:
        script.add("free", 0, 0, blocks[number])
    for number in shuffle:
        script.add("alloc", 1 + number * 7 % 300)
    assert_equal(script, results(reference, script), results(ours, script))


# ---- Known rules ----

RULES = {
    "abi:64 zero bytes": Script(("alloc", 0), ("length", 0), ("free", 0), ("length", 0)),
    "abi:65 length at and inside a block": Script(
        ("reset",), ("alloc", 5), ("length", FIRST), ("length", FIRST + 1), ("length_unsafe", FIRST)
    ),
    "abi:66 bytes of a word": Script(
        ("reset",), ("alloc", 8), ("store_u64", FIRST, 0x0123456789ABCDEF), *[("load_u8", FIRST + i) for i in range(8)],
        ("store_u8", FIRST, 0x1FF), ("load_u8", FIRST), ("load_u64", FIRST),
    ),
    "abi:67 length of a freed block": Script(
        ("reset",), ("alloc", 5), ("free", FIRST), ("length", FIRST), ("length_unsafe", FIRST), ("free", FIRST)
    ),
    "abi:69 output_set": Script(
        ("reset",), ("alloc", 50), ("output_set", FIRST, 10), ("output_set", 0, 0), ("output_length",), ("output_offset",),
        ("output_set", FIRST, 0), ("output_length",), ("output_offset",),
    ),
    "freeing the input": Script(
        ("reset",), ("alloc", 50), ("input_set", FIRST, 50), ("free", FIRST), ("input_length",), ("input_offset",),
        ("input_load_u8", 0), ("input_set", 0, 0), ("input_offset",),
    ),
    "freed blocks wait until the end is reached": Script(
        ("reset",), ("alloc", 100), ("free", FIRST), ("alloc", 100), ("alloc", 60000), ("alloc", 6000), ("alloc", 99),
        ("length", FIRST), ("free", FIRST), ("alloc", 100), ("memory_bytes",),
    ),
    "bytes for exactly one block more are not taken while a freed one fits": Script(
        ("reset",), ("alloc", 200), ("alloc", 64972), ("free", FIRST), ("alloc", 200), ("memory_bytes",), ("alloc", 199),
        ("memory_bytes",),
    ),
    "the lowest freed block that fits": Script(
        ("reset",), *[("alloc", n) for n in (50, 1, 200, 1, 100, 1, 64900)],  # at 77, 139, 152, 364, 377, 489, ...
        ("free", 377), ("free", FIRST), ("free", 152), ("alloc", 60), ("alloc", 60), ("alloc", 51), ("alloc", 50),
    ),
    "a block with 127 spare bytes is handed out whole": Script(
        ("reset",), ("alloc", 227), ("alloc", 65100), ("free", FIRST), ("alloc", 100), ("alloc", 40), ("free", FIRST),
        ("alloc", 200), ("length", FIRST), ("memory_bytes",),
    ),
    "of a block with 128 spare bytes the end is handed out": Script(
        ("reset",), ("alloc", 228), ("alloc", 65100), ("free", FIRST), ("alloc", 100), ("alloc", 40), ("length", FIRST),
        ("length", FIRST + 128), ("memory_bytes",),
    ),
    "reused bytes are not zeroed, reset ones are": Script(
        ("reset",), ("alloc", 8), ("store_u64", FIRST, 7), ("alloc", 65300), ("free", FIRST), ("alloc", 8), ("load_u64", FIRST),
        ("reset",), ("alloc", 8), ("load_u64", FIRST),
    ),
    "loads and stores below the blocks": Script(
        *[(op, at, 0xFF) for at in (0, 1, 55, 56, 63, 2**32, 2**32 + FIRST) for op in ("store_u8", "load_u8")],
        *[(op, at, NEVER) for at in (0, 1, 55, 56, 2**32, 2**32 + FIRST) for op in ("store_u64", "load_u64")],
        *[(op, at, NEVER) for at in (NEVER, NEVER - 6, NEVER - 7) for op in ("store_u8", "load_u8", "store_u64", "load_u64")],
    ),
    "words that pass the end of the memory": Script(
        *[("store_u64", MEMORY - k, NEVER) for k in (1, 2, 6, 8)], *[("load_u64", MEMORY - k) for k in (0, 1, 2, 6, 8)],
        ("load_u8", MEMORY - 1), ("load_u8", MEMORY + 1), ("store_u8", MEMORY + 1, 1),
    ),
}

# How much of the managed bytes one block may take: all but its gap and as many bytes as the kernel's header has.
LARGEST = MANAGED - 64 - GAP - 1
for extra in (-1, 0, 1, 2, PAGE, PAGE + 1, PAGE + 2, 3 * PAGE):
    RULES[f"the largest block and {extra}"] = Script(
        ("reset",), ("alloc", LARGEST + extra), ("memory_bytes",), ("alloc", 1), ("memory_bytes",), ("alloc", PAGE), ("memory_bytes",)
    )
for name in ("input", "output"):
    for offset, length in ((64, 2), (65, 0), (65, 1), (66, 0), (FIRST, MANAGED - 12), (FIRST, MANAGED - 11),
                           (MANAGED + 64, 0), (MANAGED + 64, 1), (MANAGED + 64, 2), (MANAGED + 65, 0), (2**32 + FIRST, 1),
                           (FIRST, 2**32)):
        RULES[f"{name}_set({offset}, {length})"] = Script(
            ("reset",), ("alloc", 50), (f"{name}_set", FIRST, 3), (f"{name}_set", offset, length), (f"{name}_offset",),
            (f"{name}_length",),
        )
for offset in (0, 1, 63, 64, 65, MANAGED + 64, MANAGED + 65, 2**32 + FIRST, NEVER):
    RULES[f"error_set({offset})"] = Script(("error_set", FIRST), ("error_set", offset), ("error_get",))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_the_same(reference, ours, name):
    """Tokens in the names: abi:64, abi:65, abi:66, abi:67, abi:69."""
    script = RULES[name]
    assert_equal(script, results(reference, script), results(ours, script))


def test_loads_past_the_input_are_zero(reference, ours):
    """abi:68"""
    script = Script(("store_u64", FIRST, NEVER), ("input_length",))
    for back in (0, 1, 7, 8, 9):
        script.add("input_load_u8", -back, 0, 1)
        script.add("input_load_u64", -back, 0, 1)
    got = results(ours, script)
    assert got[2] == 0 and got[7] == 0
    assert_equal(script, results(reference, script), got)


def test_an_empty_input_has_offset_and_length_zero(reference, ours):
    """abi:70"""
    assert unpacked(ours.call("input_range", b"")) == [0, 0]
    assert unpacked(reference.call("input_range", b"")) == [0, 0]


def test_an_input_starts_at_the_first_block(reference, ours):
    for length in (1, 7, 8, 9, 100, 100_000, 3_000_000):
        assert unpacked(ours.call("input_range", b"x" * length)) == [FIRST, length]
        assert unpacked(reference.call("input_range", b"x" * length)) == [FIRST, length]


@pytest.mark.parametrize("record", [
    ("load_u8", MEMORY), ("store_u8", MEMORY, 1), ("load_u64", MEMORY - 7), ("store_u64", MEMORY - 7, 1),
    ("alloc", 2**32), ("alloc", 2**40), ("alloc", 2**47),
], ids=str)
def test_both_fail_the_call(reference, ours, record):
    script = Script(record)
    assert results(reference, script) is None
    assert results(ours, script) is None


@pytest.mark.parametrize("length", [2**48, 2**63, NEVER - 12, NEVER - 11, NEVER], ids=str)
def test_lengths_that_break_the_reference_fail_the_call(ours, length):
    assert results(ours, Script(("alloc", length))) is None
