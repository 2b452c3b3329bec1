import click
import pytest

from flows.cli import COMMANDS, run, tallymark
from flows.commands.template import template


def every_command() -> list[list[str]]:
    return [[], *([name] for name in COMMANDS), *(["template", name] for name in template.commands)]


@pytest.mark.parametrize("command", every_command(), ids=lambda command: " ".join(command) or "tallymark")
def test_help_shows_examples_as_they_are_typed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "\\b" not in shown
    assert ("Example" in shown and "\n    tallymark " in shown) or command == ["template"]


def test_an_unknown_command_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grad"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_what_a_user_can_put_right_is_one_line_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grade", "no such folder"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "Traceback" not in said and said.count("\n") == 1


def test_the_group_names_every_command_with_its_help() -> None:
    context = click.Context(tallymark)
    assert tallymark.list_commands(context) == list(COMMANDS)
