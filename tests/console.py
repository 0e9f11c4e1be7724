# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pages whose console blocks are run, word for word. A line of "..." stands for any lines, "..." within a line for anything. Where
a page tells what to write into a file - "Add to `x`:", then a block - that is done too."""

import pathlib
import re
import subprocess

from conftest import TIMEOUT_S

BLOCK = re.compile(r"(?:^[^\n]*\b(?:Add to|In) `([^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(block):
    """The commands of a console block, each with the text that it should print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + " " + more.strip()
        yield command, output


def as_pattern(text):
    """What matches `text` with its ellipses."""
    pattern = re.escape(text)
    pattern = re.sub(r"^\\\.\\\.\\\.\\\n", "(?:.*\n)*?", pattern, flags=re.MULTILINE)  # a newline is escaped too
    return pattern.replace(re.escape("..."), ".*")


class Shell:
    """One command a time, each in a shell of its own but for the folder and the exit status of the one before."""

    def __init__(self, folder, environment):
        self.folder, self.environment, self.status = pathlib.Path(folder), environment, 0

    def run(self, command):
        if command.startswith("cd "):
            self.folder /= command[3:]
            assert self.folder.is_dir(), self.folder
            return ""
        done = subprocess.run(
            ["bash", "-c", "(exit %d); %s" % (self.status, command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
        self.status = done.returncode
        return done.stdout.decode()


def replay(page, shell):
    """Do what the page says; gives how many commands it had."""
    count = 0
    for file, language, block in BLOCK.findall(page):
        if file:
            path = shell.folder / file
            path.write_text(path.read_text(encoding="utf-8") + block, encoding="utf-8")
        for command, expected in commands(block) if language == "console" else []:
            count += 1
            said = shell.run(command)
            said += "\n" if said and not said.endswith("\n") else ""  # an answer of exec ends where the guest ended it
            assert re.fullmatch(as_pattern(expected), said), "$ %s\n%s\ninstead of\n%s" % (command, said, expected)
    return count


def links(page):
    """The files that it links to."""
    return re.findall(r"\]\(([^)#:]+)\)", page)
