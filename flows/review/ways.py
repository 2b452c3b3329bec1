"""How each thing that keeps an exam from being final is settled: where in the browser, or by which command."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from types import MappingProxyType

from flows.final import Obstacle
from flows.users import UserRole


@dataclass(frozen=True, slots=True)
class Way:
    """How a thing is settled.

    `does` is what somebody with the role `role` does about it, as after "has to". `at` is where in the browser, "" if
    nowhere; then `command` does it, and `before` shows what it would do. DIR stands for the exam's folder in both:
    where that lies is told to leads alone (`typed`), who may do it.
    """

    does: str
    role: UserRole
    at: str = ""
    command: str = ""
    before: str = ""

    @property
    def link(self) -> str:
        """What the link says."""
        return f"{self.does[0].upper()}{self.does[1:]}"

    @property
    def by_others(self) -> str:
        """What is said to those who may not do it."""
        return f"A {self.role.value} has to {self.does}."


LEAD, REVIEWER = UserRole.LEAD, UserRole.REVIEWER

WAYS: Mapping[Obstacle, Way] = MappingProxyType(
    {
        Obstacle.CHECKS: Way("look at a sample", LEAD, "/wall/check"),
        Obstacle.FIELDS: Way("settle them", REVIEWER, "/queue"),
        Obstacle.UNREADABLE: Way("look at them again", REVIEWER, "/queue?reason=unreadable"),
        Obstacle.DISPUTED: Way("decide between two answers", REVIEWER, "/queue?reason=disputed"),
        Obstacle.SECOND: Way("give a second answer", REVIEWER, "/queue?reason=second"),
        Obstacle.COPIES: Way("decide which picture counts", LEAD, "/sheets?show=held"),
        Obstacle.FAILED: Way("place or accept them", LEAD, "/sheets?show=failed"),
        Obstacle.FOREIGN: Way("place or accept them", LEAD, "/sheets?show=failed"),
        Obstacle.SHEETS: Way("mend or accept them", LEAD, "/sheets?show=remarks"),
        Obstacle.QUARANTINE: Way("mend or accept them", LEAD, "/files"),
        Obstacle.BATCH: Way(
            "explain the difference", LEAD, command='tallymark batches DIR --explain BATCH "WHY" --by NAME'
        ),
        Obstacle.LEDGER: Way("have the scans read again", LEAD, command="tallymark regrade DIR"),
        Obstacle.IN_HAND: Way("go on with them", LEAD, command="tallymark grade DIR"),
        Obstacle.STACKS: Way("say which belong together", LEAD, command="tallymark stacks DIR"),
        Obstacle.NUMBERS: Way("say which belong together", LEAD, command="tallymark stacks DIR"),
        Obstacle.RULES: Way(
            "adopt the new rules", LEAD, command="tallymark remark DIR", before="tallymark remark DIR --dry-run"
        ),
        Obstacle.TRAIL: Way("find out where", LEAD, command="tallymark audit DIR --verify"),
    }
)
"""How every kind of obstacle is settled; none has neither an address nor a command."""

IN_DOUBT = Way("look at what is in doubt", REVIEWER, "/queue?reason=doubted")
"""How it goes on after a sample check that reopened fields."""

ACCEPTING = "What cannot be mended, a lead has to accept as it is."
"""Said to reviewers of sheets with remarks: some they can mend, and some nobody can."""


def typed(folder: Path) -> str:
    """Return where a folder lies as it is typed in a command, from wherever that is.

    >>> typed(Path("/exams/spring term"))
    "'/exams/spring term'"
    """
    return quote(str(folder.resolve()))
