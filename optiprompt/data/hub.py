"""Data sets of the Hugging Face hub, or the same from a local folder: `OPTIPROMPT_DATA`."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from optiprompt.data.examples import Columns, Example, to_examples
from optiprompt.data.files import FILE_KINDS, Row, read_rows
from optiprompt.errors import DataError
from optiprompt.resources import data_folder

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_MEND = (
    "set OPTIPROMPT_DATA=FOLDER to read files instead, HF_ENDPOINT=URL for a mirror, "
    "or HF_HUB_OFFLINE=1 to use only what was downloaded before"
)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A data set of the hub.

    Attributes:
        id: `openai/gsm8k`.
        config: which of its configurations, where it has several.
        revision: a branch, tag or commit; the newest by default.
        folder: its file inside the folder `OPTIPROMPT_DATA`; `{name}` is the last part of the id, `{config}` and
            `{split}` are what is loaded.
    """

    id: str
    config: str | None = None
    revision: str | None = None
    folder: str = "{name}/{split}.jsonl"

    def rows(self, split: str) -> list[Row]:
        """The rows of a split; from the folder `OPTIPROMPT_DATA` if that is set, and then never from the hub.

        Args:
            split: `train`, or several as `train+test`.

        Raises:
            DataError: the file is not there, or the hub cannot be reached or does not have it; names the mend.
        """
        if data_folder() is None:
            return self._from_hub(split)
        name, mend = self.id.rpartition("/")[2], "put it there, or unset OPTIPROMPT_DATA to load from the hub"
        return read_local(self.folder, mend, name=name, config=self.config or "", split=split)

    def _from_hub(self, split: str) -> list[Row]:
        import datasets
        from huggingface_hub.errors import HfHubHTTPError

        what = f"{self.id}{f' ({self.config})' if self.config else ''}"
        try:
            with _quiet():
                loaded = datasets.load_dataset(self.id, self.config, split=split, revision=self.revision)
                records = loaded.to_list()
        except datasets.exceptions.DatasetGenerationError as error:
            raise _hub_error(what, split, error.__cause__ or error) from error
        except (
            *HfHubHTTPError.__bases__,  # those of the HTTP client underneath, which differs between versions; OSError
            datasets.exceptions.DatasetsError,
            ValueError,  # no such configuration or split
            RuntimeError,  # a data set that needs its own code to be run
        ) as error:
            raise _hub_error(what, split, error) from error
        if not records:
            raise DataError(f"{what}: the split {split!r} is empty")
        return [Row(f"{what} {split}, row {number}", record) for number, record in enumerate(records, start=1)]


def read_local(file: str, mend: str = "put it there", **values: str) -> list[Row]:
    """The rows of a file in the folder `OPTIPROMPT_DATA`.

    Args:
        file: its name there, with `{split}` and other fields.
        mend: what to do where it is missing.
        values: of the fields.

    Raises:
        DataError: there is no such folder or file, or it cannot be read.
    """
    folder = data_folder()
    filled = re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), file)
    if folder is None:
        raise DataError(f"{filled} is on no hub: set OPTIPROMPT_DATA=FOLDER, the folder that holds it")
    path = folder / filled
    if not path.is_file():
        raise DataError(f"no such file: {path}: {mend}")
    return read_rows(path)


def _hub_error(what: str, split: str, error: BaseException) -> DataError:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return DataError(f"cannot load {what}, split {split}, from the Hugging Face hub: {reason:.300}: {_MEND}")


@contextmanager
def _quiet() -> Iterator[None]:
    """No warning for each retry of the hub library (our error says it once), and progress bars only on a terminal."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "datasets")]
    levels, bars = [logger.level for logger in loggers], not are_progress_bars_disabled()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            enable_progress_bars()


def load_examples(
    source: str | Path,
    input: str = "input",
    target: str = "target",
    *,
    id: str | None = None,
    config: str | None = None,
    split: str = "train",
    revision: str | None = None,
) -> list[Example]:
    """The examples of a data file or of a data set on the Hugging Face hub.

    Args:
        source: a .jsonl, .json, .csv, .tsv or .parquet file, or a hub id like `openai/gsm8k`.
        input: the field that holds the question, or a Jinja template over all fields: `{{ question }} {{ options }}`.
        target: the field that holds the right answer (a list of texts: each is right), or a template.
        id: the field that names the examples; they are numbered by default.
        config: which configuration of the hub's data set.
        split: which split of the hub's data set.
        revision: which version of the hub's data set.

    Raises:
        DataError: it cannot be read; names file, line and reason, or which variable helps where the hub fails.
    """
    path, columns = Path(source), Columns(input, target, id)
    if path.exists() or path.suffix.lower() in FILE_KINDS or not _HUB_ID.fullmatch(str(source)):
        return to_examples(read_rows(path), columns, path.stem)
    return to_examples(HubSource(str(source), config, revision).rows(split), columns, split)
