"""Whether the models of a run answer at all."""

from dataclasses import dataclass, field

SURE = 2  # attempts that may fail before it is said that no model answers


@dataclass
class Attempts:
    """What became of the requests since the run began.

    Attributes:
        heard: a model has replied.
        failures: why the last attempts failed, while none has.
    """

    heard: bool = False
    failures: list[str] = field(default_factory=list)

    def tell(self, failure: str = "") -> None:
        """A model was asked, and why that brought nothing; empty where it did."""
        self.heard = self.heard or not failure
        self.failures = [] if self.heard else [*self.failures[-SURE:], failure]

    def unheard(self) -> str:
        """Why the last attempt failed, where some did and no model has replied; else empty."""
        return self.failures[-1] if len(self.failures) > SURE else ""
