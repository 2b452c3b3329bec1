"""Who looks at an exam, and what each may do and see."""

from dataclasses import dataclass

from flows.settings import ReviewSettings
from flows.users import UserRole


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

    def answers_unseen(self, settings: ReviewSettings) -> bool:
        """Tell whether this person is one of those who answer without being told what others said."""
        return settings.is_blind and not self.is_lead
