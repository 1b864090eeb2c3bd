"""What tokens cost: a small table that ships with optiprompt, and the user's own lines, which win over it.

The user's file is the one that `OPTIPROMPT_PRICES` names, else ~/.config/optiprompt/prices.yaml. Its form is that of
`_prices.yaml`: `gpt-4.1-mini: {input: 0.40, output: 1.60}`, in US dollars for a million tokens.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from optiprompt.budget import ENDS, Budget
from optiprompt.candidate import Usage
from optiprompt.errors import UsageError

_MILLION = 1_000_000
_OWN_MACHINE = ("localhost", "127.0.0.1", "0.0.0.0", "::1")
_FREE = ("hf", "smollm2", "scripted", "uniform")  # they run here, or ask nobody
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)

    def of(self, usage: Usage) -> float:
        """What these tokens cost, in US dollars."""
        return (usage.prompt_tokens * self.input + usage.completion_tokens * self.output) / _MILLION

    @property
    def free(self) -> bool:
        return self.input == self.output == 0


FREE = Price(input=0, output=0)
_TABLE = TypeAdapter(dict[str, Price])


def own_prices() -> Path:
    """The user's file of prices, which need not be there."""
    given = os.environ.get("OPTIPROMPT_PRICES")
    return Path(given).expanduser() if given else Path.home() / ".config" / "optiprompt" / "prices.yaml"


def price_of(backend: str) -> Price | None:
    """What a backend costs by its name (`openai:gpt-4.1-mini`); None where nobody knows.

    Models on this machine cost nothing, unless the user's file says otherwise. Else the name is looked for as a whole,
    then the model's alone, then without the maker's name before it (`openai/`) and the date at its end
    (`-2025-04-14`, `-20250414`, `-0414` or `-latest`): the first line found counts.

    Raises:
        UsageError: the user's file cannot be read; names the line.
    """
    own = _own(own_prices())
    for table in (own, {} if _on_this_machine(backend) else _shipped()):
        for name in _names(backend):
            if name in table:
                return table[name]
    return FREE if _on_this_machine(backend) else None


def known_prices(budget: Budget, backends: Sequence[str]) -> dict[str, Price | None]:
    """The prices of the backends of a search, by name.

    Raises:
        UsageError: a budget of money with a model whose price is not known, or as the only end of a run that costs
            none; or the user's file of prices cannot be read.
    """
    prices = {name: price_of(name) for name in backends}
    if budget.usd is not None:
        for name, price in prices.items():
            if price is None:
                raise _unknown(name)
        only = all(getattr(budget, end) is None for end in ENDS if end != "usd")
        if only and all(price is None or price.free for price in prices.values()):
            raise UsageError("nothing here costs money, so a budget of money never ends the run: give steps too")
    return prices


def _unknown(backend: str) -> UsageError:
    model = _model(backend)
    return UsageError(
        f"the price of {model} is not known, so a budget of money cannot be kept: add a line such as "
        f'"{model}: {{input: 0.40, output: 1.60}}" (US dollars for a million tokens) to {own_prices()}'
    )


def _names(backend: str) -> Iterator[str]:
    model = _model(backend)
    bare = model.rpartition("/")[2]
    yield from (backend, model, _DATED.sub("", model), bare, _DATED.sub("", bare))


def _model(backend: str) -> str:
    return re.sub(r"@https?://.*", "", backend.partition(":")[2]) or backend


def _on_this_machine(backend: str) -> bool:
    kind, _, rest = backend.partition(":")
    url = re.search(r"@(https?://.*)", rest)
    return kind in _FREE or (url is not None and urlsplit(url[1]).hostname in _OWN_MACHINE)


@cache
def _shipped() -> Mapping[str, Price]:
    return _read(Path(__file__).with_name("_prices.yaml"))


def _own(path: Path) -> Mapping[str, Price]:
    if not path.is_file() and not os.environ.get("OPTIPROMPT_PRICES"):
        return {}
    return _read(path)


def _read(path: Path) -> Mapping[str, Price]:
    try:
        return _TABLE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the prices in {path} cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        form = "MODEL: {input: 0.40, output: 1.60}"
        raise UsageError(f"{path}: {where}: {problem['msg']}: a line is {form}") from error
