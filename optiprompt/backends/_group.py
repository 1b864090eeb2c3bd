"""Several models that are each asked the same: the scorers of one search."""

from collections.abc import Sequence

from optiprompt.backends.base import Backend, Form, Reply, Request, ranks
from optiprompt.errors import UsageError


class Group:
    """Several models as one; a task asks each member by itself (see tasks/_multi_task.py), nobody asks the group.

    Attributes:
        members: the models, two at least.
    """

    def __init__(self, members: Sequence[Backend]) -> None:
        """Put them together.

        Raises:
            UsageError: two have the same name, by which replies are kept.
        """
        names = [each.name for each in members]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"the scorer {name} is given twice: name each once")
        self.members = tuple(members)

    @property
    def name(self) -> str:
        return " + ".join(each.name for each in self.members)

    @property
    def proposes(self) -> Form:
        return self.members[0].proposes

    @property
    def decodes(self) -> bool:
        return all(each.decodes for each in self.members)

    @property
    def ranks(self) -> bool:
        return all(ranks(each) for each in self.members)

    @property
    def context(self) -> int:
        return min(each.context for each in self.members)

    def count_tokens(self, text: str) -> int:
        """By the member that counts most."""
        return max(each.count_tokens(text) for each in self.members)

    async def generate(self, request: Request, samples: Sequence[int]) -> list[Reply]:
        """Refused: which member is meant?"""
        raise UsageError(f"{self.name} are several models, and this task asks only one: give one scorer")

    async def aclose(self) -> None:
        """Close each member."""
        for each in self.members:
            await each.aclose()


def members_of(backend: Backend) -> tuple[Backend, ...]:
    """The members of a group; the backend alone where it is none."""
    return backend.members if isinstance(backend, Group) else (backend,)
