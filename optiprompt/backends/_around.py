"""What backends share that stand around another one."""

from typing import Any

from optiprompt.backends.base import Backend, Form, ranks


class Around:
    """Passes everything on to the backend inside but `generate`, which is the subclass's own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        """What a backend need not have, such as `identity`."""
        return getattr(self._backend, name)

    @property
    def name(self) -> str:
        return self._backend.name

    @property
    def proposes(self) -> Form:
        return self._backend.proposes

    @property
    def decodes(self) -> bool:
        return self._backend.decodes

    @property
    def ranks(self) -> bool:
        return ranks(self._backend)

    @property
    def context(self) -> int:
        return self._backend.context

    def count_tokens(self, text: str) -> int:
        """As the backend counts."""
        return self._backend.count_tokens(text)

    async def aclose(self) -> None:
        """Close the backend."""
        await self._backend.aclose()
