"""The command line: finds the command, and turns what users can put right into one message and an exit code."""

import gc
import importlib
import sys
from collections.abc import Sequence

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("flows.commands.init:init", "Make an exam folder."),
    "grade": ("flows.commands.grade:grade", "Read every complete scan in the inbox."),
    "ledger": ("flows.commands.ledger:ledger", "Say what became of every page."),
    "pages": ("flows.commands.pages:pages", "Decide about held pages; place failed ones."),
    "stacks": ("flows.commands.stacks:stacks", "Pages without a serial, and those of them that are held."),
    "batches": ("flows.commands.batches:batches", "How many papers each batch should hold, and does."),
    "readings": ("flows.commands.readings:readings", "List every field that was read."),
    "key": ("flows.commands.key:key", "Write a first key of the answers, or check the key."),
    "candidates": ("flows.commands.candidates:candidates", "Say who wrote which sheet."),
    "export": ("flows.commands.export:export", "Write the marks workbook."),
    "review": ("flows.commands.review:review", "Settle flagged fields in the browser."),
    "users": ("flows.commands.users:users", "Accounts of the review, to use it from elsewhere."),
    "correct": ("flows.commands.correct:correct", "Take corrections from a workbook."),
    "check": ("flows.commands.check:check", "Look at a sample of what was accepted."),
    "remark": ("flows.commands.remark:remark", "Mark anew by a changed key, roster or setting."),
    "regrade": ("flows.commands.grade:regrade", "Read the archived scans again."),
    "audit": ("flows.commands.audit:audit", "Who said what of a field, and proof that nothing was changed."),
    "learn": ("flows.commands.learn:learn", "Learn from an exam's corrections."),
    "template": ("flows.commands.template:template", "List, show, check and print sheet templates."),
    "read": ("flows.commands.read:read", "Read the digits in any picture."),
    "evaluate": ("flows.commands.evaluate:evaluate", "Tell how well labelled pictures are read."),
    "simulate": ("flows.commands.simulate:simulate", "Make filled, scanned sheets with their truth."),
}
"""Command name -> where it lives and its one-line help. A command's module is imported only when it runs, so that
`--help` costs no OpenCV and no Prefect."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        """Return the commands in the order in which an office meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 2 wrong command line; 3 faulty template, roster, key, exam.toml or workbook; 4 done, "
    "but some files or pages were set aside; 5 a place cannot be written or is open elsewhere; 6 some corrections were "
    "refused; 7 the final export is refused while something is open; 8 the ledger does not close; 9 the "
    "chain of corrections is broken.",
)
@click.version_option(package_name="tallymark")
def tallymark() -> None:
    """Read scanned answer sheets: scans in an inbox become a marks workbook.

    \b
    Examples:
      tallymark init exam --template cover_marks
      tallymark template print cover_marks -o sheets.pdf --copies 30
      tallymark grade exam
      tallymark export exam -o marks.xlsx
    """  # noqa: D301 - click wants a real backspace here


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with the code of `flows.errors`."""
    code = run(arguments)
    # All memory goes back at once: looking through it for cycles first would take a tenth of a second.
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    A command returns its own exit code (None means 0). Exceptions other than those named here are bugs and propagate.
    """
    from flows.errors import FlowError
    from recognizer.errors import RecognizerError

    try:
        result = tallymark.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except FlowError as problem:
        click.echo(f"Error: {problem}", err=True)
        return problem.exit_code
    except RecognizerError as problem:
        click.echo(f"Error: {problem}", err=True)
        return 3
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
