from hypothesis import given, settings
from hypothesis import strategies as st

from optiprompt import parse

PIECES = st.sampled_from(
    ["<INS>", "</INS>", "<ins>", "[", "]", "\n", " ", "<think>", "</think>", "Write", "<TEXT>", "</TEXT>", "<"]
)


@settings(max_examples=500)
@given(st.text() | st.lists(PIECES | st.text(max_size=5)).map("".join))
def test_any_reply_gives_text_from_it_or_none(reply: str) -> None:
    for found in (parse.tagged(reply, "INS"), parse.bracketed(reply), parse.continued(reply, "TEXT")):
        # A thought is taken out of the reply, also where it stands inside the tags.
        assert found is None or found in reply or "<think>" in reply.lower()


@given(
    st.text(alphabet=st.characters(exclude_characters="<>"), min_size=1),
    st.text(alphabet=st.characters(exclude_characters="<>")),
)
def test_what_stands_between_the_tags_is_found_whatever_surrounds_it(candidate: str, around: str) -> None:
    reply = f"{around}<INS>{candidate}</INS>{around}"
    assert parse.tagged(reply, "INS") == candidate.strip()
    assert parse.tagged(reply.replace("INS", "ins"), "INS") == candidate.strip()


def test_the_last_pair_counts_and_thoughts_do_not() -> None:
    reply = "<think>maybe <INS>draft</INS></think>It goes between <INS> and </INS>.\n<INS>Solve\nit.</INS> Done."
    assert parse.tagged(reply, "INS") == "Solve\nit."


def test_a_reply_that_was_cut_off_counts_up_to_the_end_of_the_line() -> None:
    assert parse.tagged("Sure: <INS>Think hard\nand", "INS") == "Think hard"


def test_a_reply_without_tags_or_cut_off_in_its_thoughts_holds_nothing() -> None:
    assert parse.tagged("Let's think.", "INS") is None
    assert parse.tagged("<think>I could write <INS>this</INS>", "INS") is None


def test_a_continuation_ends_at_the_tag_or_the_line() -> None:
    assert parse.continued(" Think hard.</TEXT>\nPrecision: 9", "TEXT") == "Think hard."
    assert parse.continued(" conv skip none\naccuracy", "TEXT") == "conv skip none"
    assert parse.continued("  \n", "TEXT") is None


def test_a_continuation_may_bring_its_own_tags() -> None:
    assert parse.continued("\nPrecision: 0.9 <TEXT>Think hard.</TEXT>\n<TEXT>Other", "TEXT") == "Think hard."
    assert parse.continued("<TEXT>Think", "TEXT") == "Think"


def test_the_last_brackets_count_with_those_inside_them() -> None:
    assert parse.bracketed("Not [this]: [Use [a] list.] Done.") == "Use [a] list."
    assert parse.bracketed("[w=1, b=2]") == "w=1, b=2"
    assert parse.bracketed("My text: [Think hard\nand") == "Think hard"
    assert parse.bracketed("none] here") is None


def test_an_instruction_is_polished() -> None:
    assert parse.polished(" **think** hard ") == "Think hard"
    assert parse.polished("") == ""


def test_a_long_adversarial_reply_is_parsed_in_no_time() -> None:
    for piece in ("<INS>", "<INS></INS", "<think>", "<", "[", "]", "[]"):
        parse.tagged(piece * 20_000, "INS")
        parse.bracketed(piece * 20_000)
