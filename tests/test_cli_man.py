# SPDX-License-Identifier: MIT OR Apache-2.0
"""The man pages of the build folder: all there, nothing that mandoc or man complains about, what help says is in them."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import COMMANDS, ROOT, need

MAN = pathlib.Path(os.environ.get("CAPSULE_BUILD_DIR", ROOT / "build")) / "man"


def render(page, *options):
    command = [need("mandoc"), "-Tutf8", "-Owidth=500", *options, str(page)]
    text = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.sub(r".\x08", "", text)  # bold and underlined by overprinting


def words(text):
    return " ".join(text.split())


def commands_of(run):
    return re.findall(r"^  (\w+)  ", run("help").stdout, re.MULTILINE)


def test_there_is_a_page_for_the_program_and_each_command(run):
    expected = {"capsule.1"} | {"capsule-%s.1" % command for command in commands_of(run)}
    assert {page.name for page in MAN.glob("*.1")} == expected


def test_mandoc_finds_nothing_to_complain_about():
    pages = sorted(map(str, MAN.glob("*.1")))
    lint = subprocess.run([need("mandoc"), "-Tlint", "-Wall", *pages], stdout=subprocess.PIPE, text=True, check=False)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_man_shows_each_page_without_a_warning():
    man = need("man")
    for page in MAN.glob("*.1"):
        shown = subprocess.run([man, "--warnings", "-E", "UTF-8", "-l", str(page)], capture_output=True, text=True, check=True)
        assert shown.stderr == ""
        assert "NAME" in shown.stdout


def test_a_page_says_what_help_says(run):
    for command in commands_of(run):
        page, said = words(render(MAN / ("capsule-%s.1" % command))), run("help", command).stdout
        usage, summary, *paragraphs = said.split("\n\nOptions:")[0].split("\n\n")
        assert words(usage).replace("Usage: ", "").replace(" [OPTIONS]", "") in page
        assert "capsule-%s - %s" % (command, summary.rstrip(".")) in page
        for paragraph in paragraphs:
            assert words(paragraph) in page
        for option in re.findall(r"^  (--[a-z0-9-]+)", said, re.MULTILINE):
            assert option in page
        for example in said.split("Examples:\n")[1].splitlines():
            assert words(example) in page


def test_the_overview_tells_environment_files_and_exit_statuses(run):
    page = render(MAN / "capsule.1")
    sections = re.findall(r"^([A-Z ]+)$", page, re.MULTILINE)
    assert sections == ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS"]
    places = ["~/.astrid/%s/" % name for name in ("capsules", "overlays", "trust", "shared", "cache/capsules")]
    for name in ["ASTRID_HOME", "CAPSULE_SHARE_DIR", "NO_COLOR", "Capsule.toml", *places]:
        assert name in page
    for command in commands_of(run):
        assert "capsule-%s(1)" % command in page


def test_exit_statuses_are_those_of_the_commands():
    page = words(render(MAN / "capsule.1").split("EXIT STATUS")[1])
    assert "approve that it is not approved" in page
    assert "'capsule run' ends with 0 or 1 then" in page.replace("\u2019", "'").replace("\u2018", "'")


def test_the_date_can_be_set_so_that_builds_can_be_repeated(tmp_path):
    pages = [str(tmp_path / page.name) for page in MAN.glob("*.1")]
    made = subprocess.run([str(MAN / "man_pages"), "9.9.9", *pages], env=dict(os.environ, SOURCE_DATE_EPOCH="86400"), check=False)
    assert made.returncode == 0
    first = (tmp_path / "capsule.1").read_text()
    assert '"1970-01-02" "capsule 9.9.9"' in first


@pytest.mark.parametrize("pages, reason", [(["capsule.1"], "1 pages are asked for"), (["capsule-none.1"] * (len(COMMANDS) + 1), "no command has this page")])
def test_a_list_of_pages_that_is_not_that_of_the_commands_stops_the_build(tmp_path, pages, reason):
    paths = [str(tmp_path / page) for page in pages]
    made = subprocess.run([str(MAN / "man_pages"), "1.0.0", *paths], capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert reason in made.stderr and "man/meson.build" in made.stderr
