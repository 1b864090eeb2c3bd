"""The `data:` part of a task file: which files or which data set of the hub, and which fields."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from optiprompt.data.examples import Columns, Example, is_template, to_examples
from optiprompt.data.files import read_rows
from optiprompt.data.hub import HubSource, read_local
from optiprompt.data.splits import Sizes, Splits, arrange, cut
from optiprompt.errors import UsageError


class DataSpec(BaseModel):
    """Where the examples of a task come from.

    Files are named relative to the task file's folder. With `hub`, what `train`, `dev`, `test` and `split` name are
    splits of the hub's data set.

    Attributes:
        file: one file that is cut into train, dev and test.
        train: examples for the search; also cut into all three where neither dev nor test is given.
        dev: examples for the choice of the winner; cut from train by default.
        test: examples for the end.
        hub: a data set of the Hugging Face hub: `openai/gsm8k`.
        config: which of its configurations.
        revision: which of its versions.
        split: one split of it that is cut into train, dev and test.
        folder: its file inside the folder `OPTIPROMPT_DATA`: `gsm8k/{split}.jsonl`. Without `hub` the data are only
            there.
        input: the field with the question, or a template over the fields.
        target: the field with the right answer, or a template.
        id: the field that names the examples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str | None = None
    train: str | None = None
    dev: str | None = None
    test: str | None = None
    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    split: str | None = None
    folder: str | None = None
    input: str = "input"
    target: str = "target"
    id: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "DataSpec":
        misplaced = [name for name in ("config", "revision", "split") if getattr(self, name) is not None]
        if self.hub is None and misplaced:
            raise ValueError(f"{misplaced[0]!r} needs hub: the data set's name on the hub")
        if self.hub is not None and self.file is not None:
            raise ValueError("give either 'file' or 'hub', not both")
        if self.folder is not None and self.file is not None:
            raise ValueError("give either 'file' or 'folder', not both")
        if self._pool and (self.train or self.dev or self.test):
            raise ValueError("'file' or 'split' is cut into train, dev and test: give either it or those")
        if not self._pool and not self.train:
            raise ValueError("no examples to search on: name a file with 'file' or 'train'")
        return self

    @property
    def _pool(self) -> str | None:
        return self.split if self.hub is not None else self.file

    def load(self, base: Path, sizes: Sizes, *, template: str | None = None, subset: str = "") -> Splits:
        """Read the examples and put them into splits.

        Args:
            base: the folder of the task file.
            sizes: how many examples each split gets.
            template: makes the input of several fields; used instead of `input`.
            subset: replaces `{subset}` in `config`, `folder` and the names of files.

        Raises:
            DataError: data cannot be read, or two splits share an example.
            UsageError: a template is not valid, or more examples are asked for than there are.
        """
        if template is not None and not is_template(template):
            raise UsageError("template: it names no field: write fields as {{ name }}")
        columns = Columns(template or self.input, self.target, self.id)

        def read(name: str | None, role: str) -> list[Example] | None:
            return self._read(name.replace("{subset}", subset), role, base, columns, subset) if name else None

        pool = self._pool or (self.train if self.dev is None and self.test is None else None)
        if pool is not None:
            return cut(read(pool, "row") or [], sizes)
        return arrange(read(self.train, "train") or [], read(self.dev, "dev"), read(self.test, "test") or [], sizes)

    def _read(self, name: str, role: str, base: Path, columns: Columns, subset: str) -> list[Example]:
        if self.hub is None and self.folder is not None:
            return to_examples(read_local(self.folder.replace("{subset}", subset), split=name), columns, role)
        if self.hub is None:
            return to_examples(read_rows(base / Path(name).expanduser()), columns, role)
        config = self.config.replace("{subset}", subset) if self.config else None
        folder = {"folder": self.folder.replace("{subset}", subset)} if self.folder else {}
        return to_examples(HubSource(self.hub, config, self.revision, **folder).rows(name), columns, role)
