# SPDX-License-Identifier: MIT OR Apache-2.0
"""Modules that are work for a compiler, made byte by byte: none is larger than some megabytes, each exports astrid_tool_call."""

TYPE, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, ELEMENT, CODE, DATA = 1, 3, 4, 5, 6, 7, 9, 10, 11

NOTHING, NUMBER = b"\x60\x00\x00", b"\x60\x00\x01\x7f"  # the types () and () -> i32
ZERO = b"\x41\x00"  # i32.const 0
ONE = b"\x41\x01"
ADD = b"\x6a"
DROP = b"\x1a"
BLOCK, LOOP, IF, END = b"\x02\x40", b"\x03\x40", b"\x04\x40", b"\x0b"


def leb128(number):
    """An unsigned number as modules have it."""
    digits = []
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(digits + [number])


def sized(content):
    return leb128(len(content)) + content


def vector(items):
    return leb128(len(items)) + b"".join(items)


def body(instructions, locals_count=0):
    declared = b"\x01" + leb128(locals_count) + b"\x7f" if locals_count else b"\x00"
    return sized(declared + instructions + END)


def module(bodies, more=None, types=(), exports=()):
    """A module of these functions, all without arguments and results, and the tool behind them. `more` has further sections."""
    sections = {
        TYPE: vector([NOTHING, NUMBER, *types]),
        FUNCTION: vector([b"\x00"] * len(bodies) + [b"\x01"]),
        EXPORT: vector([sized(b"astrid_tool_call") + b"\x00" + leb128(len(bodies)), *exports]),
        CODE: vector([*bodies, body(ZERO)]),
        **(more or {}),
    }
    return b"\0asm\1\0\0\0" + b"".join(bytes([number]) + sized(sections[number]) for number in sorted(sections))


def harmless(number=1, functions=600):
    """More than what is compiled without a child, and quick; modules of different numbers differ."""
    return module([body((b"\x41" + leb128(number % 64) + DROP) * 20)] * functions)


def nested_ifs(count):
    return module([body((ONE + IF) * count + END * count)])


def nested_loops(count):
    return module([body(LOOP * count + END * count)])


def ifs_on_locals(count):
    """One function in which each of many ifs changes one of many variables."""
    step = b"\x20\x00" + IF + b"\x20\x00" + ONE + ADD + b"\x21\x00" + END
    return module([body(step * count, 100)])


def long_sum(count):
    return module([body(ONE + (ONE + ADD) * count + DROP)])


def deep_sum(count):
    """All operands first: as many values on the stack."""
    return module([body(ONE * count + ADD * (count - 1) + DROP)])


def branch_table(count):
    return module([body(BLOCK + ONE + b"\x0e" + leb128(count) + b"\x00" * (count + 1) + END)])


def many_functions(count):
    return module([body(ONE + DROP)] * count)


def many_types(count):
    """Types that differ: i32 and i64 are the digits of a number."""
    letters = (bytes(0x7F - (number >> bit & 1) for bit in range(number.bit_length())) for number in range(count))
    return module([], types=[b"\x60" + sized(text) + b"\x00" for text in letters])


def equal_types(count):
    return module([], types=[NOTHING] * count)


def many_exports(count):
    return module([body(b"")], exports=[sized(b"%x" % number) + b"\x00\x00" for number in range(count)])


def many_globals(count):
    return module([], {GLOBAL: vector([b"\x7f\x00" + ZERO + END] * count)})


def large_data(size):
    segment = b"\x00" + ZERO + END + sized(b"x" * size)
    return module([], {MEMORY: b"\x01\x00" + leb128(size // 65536 + 1), DATA: vector([segment])})


def many_segments(count):
    return module([], {MEMORY: b"\x01\x00\x01", DATA: vector([b"\x00" + ZERO + END + sized(b"x")] * count)})


def large_elements(size, count):
    """A table of `size` functions, filled `count` times."""
    segment = b"\x00" + ZERO + END + vector([b"\x00"] * size)
    return module([body(b"")], {TABLE: b"\x01\x70\x00" + leb128(size), ELEMENT: vector([segment] * count)})
