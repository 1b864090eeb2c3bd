"""The way to a model behind a run's journal: first the cache that all runs share, then the budget, then the model."""

from optiprompt.backends._cached import Cached, GroupedCache
from optiprompt.backends._metered import metered
from optiprompt.backends.base import Backend, Cacheable


def inner(backend: Backend, cache: GroupedCache | None) -> Backend:
    """The backend, metered, behind the cache where there is one and the backend may be cached."""
    within = metered(backend)
    return Cached(within, backend.identity, cache) if cache is not None and isinstance(backend, Cacheable) else within
