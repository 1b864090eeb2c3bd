"""Whether the models of a run answer at all."""

from dataclasses import dataclass, field

from optiprompt.roles import Role

SURE = 2  # attempts that may fail before it is said that no model answers


@dataclass
class Attempts:
    """What became of the requests since the run began, by the role of the model.

    Attributes:
        heard: the roles in which a model has replied.
        failures: why the last attempts failed, while none has.
    """

    heard: set[Role] = field(default_factory=set)
    failures: dict[Role, list[str]] = field(default_factory=dict)

    def tell(self, role: Role, failure: str = "") -> None:
        """A model was asked, and why that brought nothing; empty where it did."""
        if not failure:
            self.heard.add(role)
        self.failures[role] = [] if role in self.heard else [*self.failures.get(role, [])[-SURE:], failure]

    def unheard(self, *roles: Role) -> str:
        """Why the last attempt failed, where some did and in none of the roles a model has replied; else empty."""
        failures = [] if self.heard & set(roles) else [each for role in roles for each in self.failures.get(role, [])]
        return failures[-1] if len(failures) > SURE else ""
