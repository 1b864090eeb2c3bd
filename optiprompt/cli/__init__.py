"""The command line: `main` runs it. Each command imports what it needs when it runs, so that --help is quick."""

import os
import sys
from pathlib import Path

import typer
from typer.exceptions import TyperException

# Importing the modules registers their commands, in this order.
from optiprompt.cli import _optimize  # noqa: F401

# isort: split
from optiprompt.cli import _cache, _evaluate, _runs, _setup, _sweep  # noqa: F401
from optiprompt.cli._app import app
from optiprompt.errors import OptipromptError, UsageError


def main() -> None:
    """Run the command line: 0 finished, 1 failed, 2 wrong usage, 130 interrupted; errors in one line on stderr."""
    try:
        _read_env_file(Path(".env"))
        sys.exit(app(standalone_mode=False, prog_name="optiprompt") or 0)
    except OptipromptError as error:
        _fail(str(error), error.exit_code)
    except TyperException as error:
        _fail(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output (`| head`) is gone: nothing left to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _read_env_file(path: Path) -> None:
    """Set the variables of a .env file that have a value there and none in the environment."""
    if path.is_file():
        from dotenv import dotenv_values

        try:
            found = dotenv_values(path)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}: it must be text in UTF-8") from None
        for name, value in found.items():
            if value and not os.environ.get(name):
                os.environ[name] = value


def _fail(message: str, code: int) -> None:
    print(message if message.startswith("Usage:") else f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
