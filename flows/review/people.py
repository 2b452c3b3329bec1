"""Who looks at an exam, and what each may do and see."""

from dataclasses import dataclass
from enum import StrEnum


class UserRole(StrEnum):
    """What somebody may do: each role may do what the one before it may."""

    VIEWER = "viewer"
    """Sees the dashboard; no picture, no name."""
    REVIEWER = "reviewer"
    """Settles fields; sees pictures, and names only where the exam says so."""
    LEAD = "lead"
    """Sees names, decides about candidates and pages, takes sample checks, undoes what others said."""

    def covers(self, needed: "UserRole") -> bool:
        """Tell whether somebody with this role may do what needs another."""
        ranks = list(UserRole)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in, or opened the one-time link.

    `sees_names` is whether names of candidates, written or from the roster, may be shown to this person.
    """

    name: str
    role: UserRole
    sees_names: bool = False

    @property
    def is_lead(self) -> bool:
        """Whether this person decides about candidates and pages."""
        return self.role is UserRole.LEAD
