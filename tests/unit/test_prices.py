"""What models cost: by name, without dates; the user's own lines win."""

from pathlib import Path

import pytest

from optiprompt.budget import Budget
from optiprompt.candidate import Usage
from optiprompt.errors import UsageError
from optiprompt.prices import known_prices, price_of


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file, empty."""
    path = tmp_path / "prices.yaml"
    path.write_text("")
    monkeypatch.setenv("OPTIPROMPT_PRICES", str(path))
    return path


def cost(backend: str) -> float | None:
    """Of a million tokens in and two million out."""
    price = price_of(backend)
    return price.of(Usage(1, 1_000_000, 2_000_000)) if price else None


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-4.1-mini",
        "openai:gpt-4.1-mini-2025-04-14",
        "openai:gpt-4.1-mini-latest",
        "openai:openai/gpt-4.1-mini@https://router.example/api/v1",
        "openai:openai/gpt-4.1-mini-20250414@https://router.example/api/v1",
    ],
)
def test_a_model_is_found_without_its_maker_its_server_and_its_date(name: str) -> None:
    assert cost(name) == pytest.approx(0.40 + 2 * 1.60)


@pytest.mark.parametrize("name", ["openai:gpt-9", "openai:gpt-4.1-mini-turbo", "openai:m@http://192.168.0.2:8000/v1"])
def test_other_models_have_no_known_price(name: str) -> None:
    assert cost(name) is None


@pytest.mark.parametrize(
    "name", ["smollm2", "hf:gpt-4o", "scripted:x", "openai:gpt-4o@http://127.0.0.1:80/v1", "openai:m@http://localhost"]
)
def test_what_runs_on_this_machine_is_free(name: str) -> None:
    assert cost(name) == 0


def test_the_users_lines_win_and_the_longer_name_wins_over_the_shorter(own: Path) -> None:
    own.write_text(
        "gpt-4o: {input: 1, output: 1}\ngpt-4o-2024-08-06: {input: 2, output: 2}\nsmollm2: {input: 3, output: 0}"
    )
    assert [cost(f"openai:{name}") for name in ("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-05-13")] == [3, 6, 3]
    assert cost("smollm2") == 3


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gpt-4o: 2", "gpt-4o: "),
        ("gpt-4o: {input: -1, output: 2}", "gpt-4o.input: "),
        ("gpt-4o: {input: 1, ouput: 2}", "gpt-4o.ou"),
        ("gpt-4o: [", "cannot be read"),
    ],
)
def test_a_line_that_is_no_price_is_named(text: str, named: str, own: Path) -> None:
    own.write_text(text)
    with pytest.raises(UsageError) as refused:
        price_of("openai:gpt-4o")
    assert named in str(refused.value)
    assert "prices.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_named_must_be_there(own: Path) -> None:
    own.unlink()
    with pytest.raises(UsageError, match=r"prices\.yaml cannot be read"):
        price_of("openai:gpt-4o")


def test_money_is_no_end_for_a_run_that_costs_nothing() -> None:
    with pytest.raises(UsageError, match="never ends the run"):
        known_prices(Budget(usd=1), ["smollm2"])
    assert set(known_prices(Budget(usd=1, steps=3), ["smollm2", "openai:gpt-5"])) == {"smollm2", "openai:gpt-5"}


@pytest.mark.parametrize(
    "budget", [{"calls": 0}, {"tokens": 0}, {"usd": 0.0}, {"minutes": -1.0}, {"usd": float("nan")}, {}]
)
def test_a_budget_without_an_end_or_with_nothing_in_it_is_refused(budget: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Budget(**budget)  # type: ignore[arg-type]
