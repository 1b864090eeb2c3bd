"""Instructions that people wrote for the tasks of instruction induction: the mark to pass."""

import json

from optiprompt.errors import DataError
from optiprompt.resources import data_folder

OUTPUT_ONLY = " Answer with the output only."


def human_instructions(name: str) -> list[str]:
    """The instructions that people wrote for a task of instruction induction, as they wrote them.

    Args:
        name: `antonyms` or `induction/antonyms`.

    Raises:
        DataError: the folder `OPTIPROMPT_DATA` is not set, or holds none for this task.
    """
    file = f"induction/{name.removeprefix('induction/')}.human.json"
    folder = data_folder()
    if folder is None:
        raise DataError(f"{file} is on no hub: set OPTIPROMPT_DATA=FOLDER, the folder that holds it")
    path = folder / file
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["human_instructions"]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}: put it there") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no JSON with a list human_instructions: restore it") from error
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise DataError(f"{path} is no JSON with a list human_instructions: restore it")
    return found


def human_variants(name: str) -> list[str]:
    """Each of them as it is and with the words "Answer with the output only."; without repetitions.

    Raises:
        DataError: as `human_instructions`.
    """
    return list(dict.fromkeys(text + end for text in human_instructions(name) for end in ("", OUTPUT_ONLY)))
