"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from optiprompt.resources import cache_folder

# Threads of torch that wait actively cost several times their work where tests share the processor.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The same cases each time: a test fails for a change, not by chance. HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder for each test, empty but for the models, which all share: one is fetched and converted once."""
    models = cache_folder() / "models"
    models.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("cache")
    (folder / "models").symlink_to(models.resolve())
    monkeypatch.setenv("OPTIPROMPT_CACHE", str(folder))


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data sets; tests that need it are skipped without it."""
    folder = os.environ.get("OPTIPROMPT_DATA")
    if not folder:
        pytest.skip("OPTIPROMPT_DATA is not set: no real data sets here")
    return Path(folder).resolve()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runs folder that the test has for itself."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("OPTIPROMPT_RUNS", str(folder))
    return folder
