# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a guest learns about its configuration, from [env] of the manifest, the key-value store and the runtime."""

import pytest

from conftest import manifest

TOOLS = ["config", "config_handle", "extism_config", "set"]


@pytest.fixture
def capsule(run, make_capsule, guest):
    """A capsule with this text behind its manifest; gives a function that calls its tools."""

    def make(more=""):
        text = manifest(tools=TOOLS, module="guest.wasm", more=more)
        folder = make_capsule(text, guest("abi_host.c"), module_name="guest.wasm")
        return lambda tool, arguments: run("call", folder, tool, arguments)

    return make


def env(key, more):
    return '\n[env.%s]\ntype = "text"\n%s\n' % (key, more)


@pytest.mark.parametrize(
    "default, value",
    [
        pytest.param('"v"', "v", id="abi:26"),
        pytest.param("true", "true", id="abi:27"),
        pytest.param("12", "12", id="a number"),
        pytest.param('["a", "b"]', '["a","b"]', id="an array"),
    ],
)
def test_a_default_is_given_to_the_guest(capsule, default, value):
    result = capsule(env("k", "default = " + default))("config", '{"key":"k"}')
    assert (result.status, result.stdout) == (0, value + "\n")


def test_a_stored_value_wins_over_the_default(capsule):  # abi:28
    call = capsule(env("k", 'default = "v"'))
    assert call("set", '{"key":"k","value":"kv"}').status == 0
    assert call("config", '{"key":"k"}').stdout == "kv\n"


def test_a_stored_value_that_is_not_utf8_is_missing(capsule):  # abi:29
    call = capsule(env("k", 'default = "v"') + env("other", 'default = "v"'))
    assert call("set", '{"key":"k","value":[107,255]}').status == 0
    result = call("config", '{"key":"k"}')
    assert (result.status, result.output) == (1, b"")
    assert "Missing required environment variables" in result.stderr
    assert "k" in result.stderr.split("Missing required environment variables")[1]
    assert "other" not in result.stderr


def test_the_socket_path_belongs_to_the_runtime(capsule, home):  # abi:34
    call = capsule(env("ASTRID_SOCKET_PATH", 'default = "/elsewhere"'))
    result = call("config", '{"key":"ASTRID_SOCKET_PATH"}')
    assert (result.status, result.stdout) == (0, "%s/sessions/system.sock\n" % home)


def test_defaults_and_stored_values_are_visible_together(capsule):  # rt:86
    call = capsule(env("plain", 'default = "from the manifest"') + env("kept", 'default = "unused"'))
    assert call("set", '{"key":"kept","value":"from the store"}').status == 0
    assert call("config", '{"key":"plain"}').stdout == "from the manifest\n"
    assert call("config", '{"key":"kept"}').stdout == "from the store\n"
    assert call("config_handle", '{"key":"other"}').stdout == "0\n"


def test_what_is_not_configured_is_empty(capsule):  # abi:35
    assert capsule()("config_handle", '{"key":"missing"}').stdout == "0\n"


@pytest.mark.parametrize("key", ["k", "ASTRID_SOCKET_PATH", "missing"])
def test_the_configuration_of_extism_is_empty_in_a_capsule(capsule, key):  # abi:36
    call = capsule(env("k", 'default = "v"'))
    assert call("extism_config", '{"key":"%s"}' % key).stdout == "0\n"
