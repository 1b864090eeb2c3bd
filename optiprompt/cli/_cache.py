"""Commands about the replies that runs share: cache info, cache clear."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from optiprompt.cli._app import AsJson, app
from optiprompt.errors import UsageError

cache = typer.Typer(no_args_is_help=True, help="Show or clear the replies that runs share.")
app.add_typer(cache, name="cache")


@cache.command()
def info(as_json: AsJson = False) -> None:
    """Print where the shared replies are, their size and number, and which backends gave them."""
    from optiprompt.cache import info

    found = info()
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
        return
    print(f"{found.file}: {found.entries:,} replies, {found.bytes / 1e6:.1f} MB")
    for name, entries in found.backends.items():
        print(f"{entries:>10,}  {name}")


@cache.command()
def clear(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    older_than: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Only replies that are older than so many days.")
    ] = None,
) -> None:
    """Delete shared replies for good; the runs keep their own."""
    from optiprompt.cache import cache_file, clear

    which = "all replies" if older_than is None else f"the replies older than {older_than:g} days"
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"cache clear deletes {which} in {cache_file()} for good: confirm with --yes")
        typer.confirm(f"delete {which} in {cache_file()} for good?", abort=True)
    print(f"{clear(older_than):,} replies deleted")
