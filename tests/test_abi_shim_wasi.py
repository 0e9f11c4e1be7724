# SPDX-License-Identifier: MIT OR Apache-2.0
"""Host functions by number, and WASI without files, through a real guest."""

import time

import pytest


@pytest.fixture
def call(run, guest):
    def call_export(export, *options):
        return run("exec", guest("abi_shim_wasi.c"), export, *options)

    return call_export


@pytest.mark.parametrize(
    "export, seen",
    [
        pytest.param("types", "2 0 2 0 0 0 2 0 0", id="abi:137"),
        pytest.param("invoke", "13 0 0 0", id="abi:138"),
        pytest.param("same_store", "0 by number by name", id="abi:139"),
        pytest.param("surroundings", "0 0 0 0 0 0 0 0", id="abi:145 arguments and environment are empty"),
        pytest.param("standard_input", "0 0", id="abi:145 standard input is at its end"),
        pytest.param("standard_output", "0 21", id="abi:145 standard output takes everything"),
        pytest.param("directories", "8", id="abi:145 no directory"),
        pytest.param("random", "0 1", id="abi:145 random bytes"),
    ],
)
def test_a_guest_sees(call, export, seen):
    result = call(export)
    assert (result.status, result.stdout, result.stderr) == (0, seen, "")


def test_a_failure_behind_a_number_ends_the_call(call):  # abi:139
    result = call("failing")
    assert (result.status, result.output) == (1, b"")
    assert "key must not be empty" in result.stderr


def test_what_a_guest_prints_goes_to_its_log(call):
    assert "printed by the guest\n" in call("standard_output", "--log", "debug").stderr


def test_clocks_go_forward(call):
    before = int(time.time() * 1000)
    errors_and_order, real_ms = call("clocks").stdout.rsplit(" ", 1)
    assert errors_and_order == "0 0 0 1"
    assert before - 1000 <= int(real_ms) <= time.time() * 1000 + 1000
