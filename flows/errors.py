"""What a user can put right, with the exit code that says which kind it was.

Exit codes of every command:

0  done
1  a bug of ours (a traceback was printed)
2  the command line is wrong (said by the option parser)
3  a template, roster, key, exam.toml or workbook is faulty
4  done, but some files or pages were set aside and need a person
5  a folder, database or file cannot be used: not writable, open elsewhere, on a network share
6  some corrections were refused; the rest were stored (of a sample check, about pages or accounts: nothing was stored)
7  the final export was refused: something is still open; nothing was written
8  the ledger does not close: more or fewer pages are stored than came in
9  the chain of corrections is broken: a row, or what protects it, was changed by other means than Tallymark
"""

EXIT_SET_ASIDE = 4
EXIT_NOT_CLOSED = 8
EXIT_BROKEN_CHAIN = 9


class FlowError(Exception):
    """A problem that the message explains; ends the command with `exit_code`, without a traceback."""

    exit_code = 3


class ExamError(FlowError):
    """The exam folder, its exam.toml, its roster or its key is faulty."""


class WorkbookError(FlowError):
    """A workbook cannot be taken as corrections at all."""


class PlaceError(FlowError):
    """A folder, file or database cannot be written or locked where it is."""

    exit_code = 5


class CorrectionError(FlowError):
    """Some corrections were refused; the message names every one."""

    exit_code = 6


class CheckError(FlowError):
    """A sample check was refused whole; the message names every faulty answer."""

    exit_code = 6


class AccountError(FlowError):
    """What was asked of the accounts of an exam is refused; nothing was stored."""

    exit_code = 6


class NotFinalError(FlowError):
    """The exam cannot be final yet; the message names what stands in the way."""

    exit_code = 7


class PageChoiceError(FlowError):
    """What a person said about pages was refused whole; nothing was stored."""

    exit_code = 6


class UndoError(FlowError):
    """What should be taken back cannot be: nothing stands, or somebody else said it."""

    exit_code = 6


class TokenUsedError(FlowError):
    """What was sent carries the token of something else that was stored before; nothing was stored."""

    exit_code = 6
