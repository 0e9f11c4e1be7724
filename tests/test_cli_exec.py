# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule exec: any export of any module, bytes in and bytes out."""

import base64
import json
import re
import time

import pytest

from conftest import snapshot


def test_bytes_come_out_as_they_went_in(run, guest):
    data = bytes(range(256)) * 20
    result = run("exec", guest("plugin.wat"), "echo", "-", input=data)
    assert (result.status, result.output, result.error) == (0, data, b"")


def test_input_is_an_argument_or_nothing(run, guest):
    assert run("exec", guest("plugin.wat"), "echo", "hi").output == b"hi"
    assert run("exec", guest("plugin.wat"), "echo").output == b""


def test_all_calls_share_one_instance(run, guest):
    assert run("exec", guest("plugin.wat"), "count").output == b"1"
    assert run("exec", guest("plugin.wat"), "count", "--calls", "7").output == b"7"


def test_configuration_reaches_the_module(run, guest):
    arguments = ["--config", "theme=dark", "--config=empty=", "--config", "formula=a=b"]
    for key, value in [("theme", "dark"), ("empty", ""), ("formula", "a=b"), ("absent", "")]:
        assert run("exec", guest("plugin.wat"), "setting", key, *arguments).stdout == value


@pytest.mark.parametrize(
    "data, kind, value",
    [
        (b'{"a":[1,2.50,12345678901234567890]}', "json", None),
        (b"plain text", "text", "plain text"),
        (b"", "text", ""),
        (b"\xff\x00", "base64", base64.b64encode(b"\xff\x00").decode()),
    ],
)
def test_json_says_what_kind_of_result_it_is(run, guest, data, kind, value):
    result = run("exec", guest("plugin.wat"), "echo", "-", "--json", input=data)
    answer = json.loads(result.stdout)
    assert (answer["export"], answer["result_type"]) == ("echo", kind)
    if kind == "json":
        assert '"result":%s,' % data.decode() in result.stdout  # numbers as the guest wrote them
    else:
        assert answer["result"] == value
    assert answer["wall_us"] > 0 and answer["cpu_us"] > 0
    assert "time" not in answer


def test_time_has_the_figures_of_all_calls(run, guest):
    result = run("exec", guest("plugin.wat"), "echo", "hi", "--calls", "500", "--time")
    assert (result.status, result.stdout) == (0, "hi")
    figures = r"each call: min ([\d.]+) µs, median ([\d.]+) µs, p99 ([\d.]+) µs, max ([\d.]+) µs\n"
    figures += r"500 calls in [\d.]+ ms, [\d,]+ a second; processor time [\d.]+ ms\n"
    least, median, p99, most = map(float, re.fullmatch(figures, result.stderr).groups())
    assert 0 < least <= median <= p99 <= most


def test_time_in_json(run, guest):
    result = run("exec", guest("plugin.wat"), "echo", "hi", "--calls", "20", "--time", "--json")
    times = json.loads(result.stdout)["time"]
    assert result.stderr == ""
    assert times["calls"] == 20
    assert 0 < times["min_us"] <= times["median_us"] <= times["p99_us"] <= times["max_us"] <= times["total_us"]
    assert times["calls_per_s"] > 0 and times["cpu_us"] > 0


def test_on_a_terminal_the_answer_is_tame_and_ends_its_line(terminal, guest):
    status, seen = terminal("exec", guest("plugin.wat"), "echo", "a\x1b[2Jb")
    assert status == 0
    assert seen == "a\ufffd[2Jb\r\n".encode()


def test_an_export_that_does_not_exist(run, guest):
    result = run("exec", guest("plugin.wat"), "ecko")
    assert (result.status, result.stdout) == (1, "")
    assert "ecko" in result.stderr


def test_a_non_zero_return_is_an_error_with_its_number(run, guest):
    result = run("exec", guest("plugin.wat"), "refuse")
    assert (result.status, result.stdout) == (1, "")
    assert "7" in result.stderr


def test_a_time_limit_holds(run, guest):
    began = time.monotonic()
    result = run("exec", guest("plugin.wat"), "spin", "--cpu-ms", "100")
    assert (result.status, result.stdout) == (1, "")
    assert "100 ms" in result.stderr
    assert time.monotonic() - began < 60


def test_input_over_ten_mebibytes_is_refused(run, guest):
    result = run("exec", guest("plugin.wat"), "echo", "-", input=b"x" * (10 * 1024 * 1024 + 1))
    assert (result.status, result.stdout) == (1, "")
    assert "standard input is over 10,485,760 bytes" in result.stderr


def test_input_of_ten_mebibytes_is_taken(run, guest):
    data = b"x" * (10 * 1024 * 1024)
    assert run("exec", guest("plugin.wat"), "echo", "-", input=data).output == data


def test_a_large_output_that_does_not_arrive_is_told(start, run, guest):
    data = b"x" * 1000000
    with open("/dev/full", "wb") as full:
        result = run("exec", guest("plugin.wat"), "echo", "-", input=data, stdout=full)
    assert (result.status, result.stderr) == (1, "capsule: cannot write to standard output: No space left on device\n")
    process = start("exec", guest("plugin.wat"), "echo", "-")
    process.stdin.write(data)
    process.stdin.close()
    assert process.stdout.read(10) == b"x" * 10
    process.stdout.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (141, b"")


def test_a_file_that_is_missing(run):
    result = run("exec", "no-such-file.wasm", "echo")
    assert (result.status, result.stdout) == (1, "")
    assert "no-such-file.wasm" in result.stderr


def test_nothing_is_stored(run, guest, home):
    run("exec", guest("plugin.wat"), "echo", "hi")
    assert snapshot(home) == {}
