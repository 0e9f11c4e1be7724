# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule tools: what a capsule offers, for people and for programs."""

import json

from conftest import manifest, snapshot

DESCRIBED = """
[[tool]]
name = "hello"
description = "Greets somebody"
[tool.input_schema]
type = "object"
required = ["name"]
[tool.input_schema.properties.name]
type = "string"
description = "Who to greet"
[tool.input_schema.properties.mood]
enum = ["kind", "short"]
[tool.input_schema.properties.times]
type = ["integer", "null"]
[tool.input_schema.properties.tags]
type = "array"
items = { type = "string" }

[[tool]]
name = "echo"
description = "%s"
input_schema = { type = "object" }
"""


def test_tools_and_their_arguments_are_listed_readably(run, make_capsule, guest):
    folder = make_capsule(manifest(more=DESCRIBED % "Gives it back"), guest("tools.wat"))
    result = run("tools", folder)
    assert (result.status, result.stderr) == (0, "")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith("hello\n  Greets somebody\n")
    assert ["name", "string", "required", "Who", "to", "greet"] in lines
    assert ["mood", "one", "of", "kind,", "short", "optional"] in lines
    assert ["times", "integer", "or", "null", "optional"] in lines
    assert ["tags", "array", "of", "string", "optional"] in lines
    assert result.stdout.endswith("\n\necho\n  Gives it back\n")


def test_columns_are_aligned(run, make_capsule, guest):
    folder = make_capsule(manifest(more=DESCRIBED % "x"), guest("tools.wat"))
    rows = [line for line in run("tools", folder).stdout.splitlines() if line.startswith("    ")]
    columns = {row.index("required") if "required" in row else row.index("optional") for row in rows}
    assert len(rows) == 4 and len(columns) == 1


def test_json_has_the_schema_as_the_manifest_has_it(run, make_capsule, guest):
    folder = make_capsule(manifest(more=DESCRIBED % "x"), guest("tools.wat"))
    result = run("tools", folder, "--json")
    tools = json.loads(result.stdout)
    assert [tool["name"] for tool in tools] == ["hello", "echo"]
    assert tools[0]["description"] == "Greets somebody"
    assert tools[0]["input_schema"]["required"] == ["name"]
    assert tools[1]["input_schema"] == {"type": "object"}
    assert result.stdout.count("\n") == 1


def test_a_capsule_without_tools_says_so(run, make_capsule, guest):
    folder = make_capsule(manifest(), guest("tools.wat"))
    assert run("tools", folder).stdout == "no tools\n"
    assert json.loads(run("tools", folder, "--json").stdout) == []


def test_control_characters_of_a_manifest_do_not_reach_the_output(run, make_capsule, guest):
    folder = make_capsule(manifest(more=DESCRIBED % r"a\u001B[2Jb\u009Bc"), guest("tools.wat"))
    result = run("tools", folder)
    assert result.status == 0
    assert "a\ufffd[2Jb\ufffdc" in result.stdout


def test_a_manifest_that_does_not_parse_is_an_error_with_its_place(run, make_capsule):
    result = run("tools", make_capsule("[package\n"))
    assert (result.status, result.stdout) == (1, "")
    assert "Capsule.toml:1:" in result.stderr


def test_listing_tools_writes_nothing(run, make_capsule, guest, home):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    before = snapshot(folder)
    assert run("tools", folder).status == 0
    assert snapshot(folder) == before
    assert snapshot(home) == {}
