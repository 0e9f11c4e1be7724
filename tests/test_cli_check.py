# SPDX-License-Identifier: MIT OR Apache-2.0
"""capsule check: every problem with its place, what it counts, what it leaves alone."""

import json

from conftest import manifest, snapshot


def test_a_good_capsule_has_no_problems(run, make_capsule, guest):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    result = run("check", folder)
    assert (result.status, result.stdout, result.stderr) == (0, "no problems found in 1 manifest\n", "")


def test_the_manifest_itself_may_be_named(run, make_capsule, guest):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    result = run("check", folder / "Capsule.toml", folder)
    assert (result.status, result.stdout) == (0, "no problems found in 2 manifests\n")


def test_a_problem_is_shown_with_place_line_caret_and_fix(run, make_capsule):
    folder = make_capsule('[package]\nname = "test"\nversion = 3\n')
    result = run("check", folder)
    assert result.status == 1
    assert "%s/Capsule.toml:3:11: error: " % folder in result.stdout
    assert "version = 3\n" in result.stdout
    caret = next(line for line in result.stdout.splitlines() if set(line) & {"^"})
    shown = next(line for line in result.stdout.splitlines() if "version = 3" in line)
    assert caret.index("^") == shown.index("3", shown.index("version"))
    assert "string" in result.stdout
    assert result.stdout.endswith("1 error, 0 warnings\n")


def test_every_problem_of_one_run_is_told(run, make_capsule, guest):
    text = '[package]\nname = "Not An Id"\nversoin = "1"\n\n[[component]]\nfile = 7\n'
    result = run("check", make_capsule(text, guest("tools.wat")))
    assert result.status == 1
    assert result.stdout.count("error: ") >= 3
    assert "version" in result.stdout


def test_an_unknown_key_is_a_warning_that_offers_the_nearest(run, make_capsule, guest):
    text = manifest(tools=["hello"]).replace("version =", 'descripton = "x"\nversion =')
    result = run("check", make_capsule(text, guest("tools.wat")))
    assert result.status == 0
    assert "warning: " in result.stdout and "descripton" in result.stdout and "'description'" in result.stdout.replace("`", "'")
    assert result.stdout.endswith("0 errors, 1 warning\n")


def test_all_manifests_are_checked_even_after_one_that_is_missing(run, make_capsule, guest):
    good = make_capsule(manifest(tools=["hello"]), guest("tools.wat"), name="good")
    bad = make_capsule("[package]\n", name="bad")
    result = run("check", "no-such-folder", bad, good)
    assert result.status == 1
    assert "no-such-folder" in result.stderr
    assert "%s/Capsule.toml:" % bad in result.stdout
    assert result.stdout.endswith(" errors, 0 warnings\n")


def test_no_folder(run):
    result = run("check", "no-such-folder")
    assert (result.status, result.stdout) == (1, "")
    assert "no-such-folder" in result.stderr


def test_no_manifest(run, make_capsule):
    result = run("check", make_capsule(None))
    assert (result.status, result.stdout) == (1, "")
    assert "Capsule.toml" in result.stderr


def test_a_module_that_is_missing_is_an_error(run, make_capsule):
    result = run("check", make_capsule(manifest(tools=["hello"])))
    assert result.status == 1
    assert "guest.wat" in result.stdout


def test_json_is_one_array_over_all_manifests(run, make_capsule, guest):
    good = make_capsule(manifest(tools=["hello"]), guest("tools.wat"), name="good")
    first = make_capsule('[package]\nname = "test"\nversion = 3\n', name="first")
    second = make_capsule("[package\n", name="second")
    result = run("check", first, good, second, "--json")
    problems = json.loads(result.stdout)
    assert result.status == 1
    assert {problem["file"] for problem in problems} == {"%s/Capsule.toml" % first, "%s/Capsule.toml" % second}
    for problem in problems:
        assert problem["severity"] in ("error", "warning")
        assert problem["line"] >= 1 and problem["column"] >= 1 and problem["length"] >= 1
        assert problem["message"]
    assert json.loads(run("check", good, "--json").stdout) == []


def dependent(make_capsule, guest, name, *, requires="", provides=""):
    text = manifest(name=name, tools=["hello"]) + "\n[dependencies]\nrequires = [%s]\nprovides = [%s]\n" % (requires, provides)
    return make_capsule(text, guest("tools.wat"), name=name)


def test_what_none_of_several_capsules_provides_is_a_warning_at_its_place(run, make_capsule, guest):
    needs = dependent(make_capsule, guest, "needs", requires='"topic:there", "topic:missing"')
    offers = dependent(make_capsule, guest, "offers", provides='"topic:there"')
    line = (needs / "Capsule.toml").read_text().splitlines().index('requires = ["topic:there", "topic:missing"]') + 1
    assert run("check", needs).stdout == "no problems found in 1 manifest\n"
    result = run("check", needs, offers)
    assert result.status == 0
    assert "%s/Capsule.toml:%d:28: warning: " % (needs, line) in result.stdout
    assert "`topic:missing`" in result.stdout and "`topic:there`" not in result.stdout
    assert result.stdout.endswith("0 errors, 1 warning\n")
    (problem,) = json.loads(run("check", offers, needs, "--json").stdout)
    assert (problem["severity"], problem["file"], problem["line"]) == ("warning", "%s/Capsule.toml" % needs, line)
    assert "topic:missing" in problem["message"]


def test_beside_a_capsule_that_can_not_be_read_nothing_counts_as_missing(run, make_capsule, guest):
    needs = dependent(make_capsule, guest, "needs", requires='"topic:missing"')
    other = dependent(make_capsule, guest, "other")
    assert "topic:missing" not in run("check", needs, other, "no-such-folder").stdout
    assert "topic:missing" not in run("check", needs, make_capsule("[package\n", name="broken"), other).stdout
    assert "topic:missing" in run("check", needs, other).stdout


def eventful(make_capsule, guest, name, *, publish="", subscribe="", events=(), mode="observe"):
    text = manifest(name=name, tools=["hello"]) + "\n[capabilities]\nipc_publish = [%s]\nipc_subscribe = [%s]\n" % (publish, subscribe)
    for event in events:
        text += '[[interceptor]]\nevent = "%s"\naction = "act"\nmode = "%s"\n' % (event, mode)
    return make_capsule(text, guest("tools.wat"), name=name)


def place(folder, text):
    """Where `text` stands in the manifest, as line:column."""
    lines = (folder / "Capsule.toml").read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if text in line)
    return "%s/Capsule.toml:%d:%d: " % (folder, number + 1, lines[number].index(text) + 1)


def test_events_that_none_of_several_capsules_publishes_are_warnings(run, make_capsule, guest):
    waits = eventful(make_capsule, guest, "waits", subscribe='"notes.v1.*"', events=["user.v1.prompt", "tool.v1.result.waits.hello"])
    other = eventful(make_capsule, guest, "other", publish='"user.v1.*"')
    assert run("check", waits).stdout == "no problems found in 1 manifest\n"
    result = run("check", waits, other)
    assert result.status == 0
    assert result.stdout.startswith(place(waits, '"notes.v1.*"') + "warning: no capsule given publishes what `notes.v1.*`")
    assert "fix: check it together with the capsule that publishes this" in result.stdout
    assert result.stdout.endswith("0 errors, 1 warning\n")
    (problem,) = json.loads(run("check", waits, other, "--json").stdout)
    assert (problem["severity"], problem["file"]) == ("warning", "%s/Capsule.toml" % waits)
    assert problem["fix"].startswith("check it together") and "`notes.v1.*`" in problem["message"]


def test_events_that_none_of_several_capsules_receives_are_warnings(run, make_capsule, guest):
    speaks = eventful(make_capsule, guest, "speaks", publish='"notes.v1.added", "user.v1.prompt"')
    hears = eventful(make_capsule, guest, "hears", events=["user.*.prompt"], mode="guard")
    result = run("check", speaks, hears)
    assert result.status == 0
    assert result.stdout.startswith(place(speaks, '"notes.v1.added"') + "warning: `notes.v1.added` in `ipc_publish`")
    assert result.stdout.endswith("0 errors, 1 warning\n")


def test_a_slip_in_the_name_of_a_lifecycle_event_is_told_of_one_capsule_alone(run, make_capsule, guest):
    folder = eventful(make_capsule, guest, "one", events=["astrid.v1.lifecycle.capsule_laoded"])
    result = run("check", folder)
    assert result.status == 0
    assert result.stdout.startswith(place(folder, '"astrid.v1') + "warning: ")
    assert "fix: did you mean `astrid.v1.lifecycle.capsule_loaded`?" in result.stdout


def test_nobody_decides_about_lifecycle_events(run, make_capsule, guest):
    folder = eventful(make_capsule, guest, "one", events=["astrid.v1.lifecycle.capsule_loaded"], mode="guard")
    result = run("check", folder)
    assert result.status == 1
    assert result.stdout.startswith(place(folder, '"guard"') + 'error: `mode = "guard"` for `astrid.v1.lifecycle.capsule_loaded`')


def test_beside_a_capsule_that_can_not_be_read_no_event_counts_as_missing(run, make_capsule, guest):
    waits = eventful(make_capsule, guest, "waits", events=["user.v1.prompt"])
    other = eventful(make_capsule, guest, "other")
    assert "user.v1.prompt" in run("check", waits, other).stdout
    assert "user.v1.prompt" not in run("check", waits, other, make_capsule("[package\n", name="broken")).stdout


def test_colours_mark_problems_only_when_asked(run, make_capsule):
    folder = make_capsule("[package]\n")
    assert b"\x1b[" not in run("check", folder).output
    assert b"\x1b[" in run("check", folder, "--color=always").output


def test_control_characters_of_a_manifest_do_not_reach_the_output(run, make_capsule):
    result = run("check", make_capsule(b'[package]\nname = "\x1b[2J"\n'))
    assert result.status == 1
    assert b"\x1b" not in result.output


def test_check_writes_nothing(run, make_capsule, guest, home):
    folder = make_capsule(manifest(tools=["hello"]), guest("tools.wat"))
    before = snapshot(folder)
    run("check", folder)
    assert snapshot(folder) == before
    assert not home.exists()
