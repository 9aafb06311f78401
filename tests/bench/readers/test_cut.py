"""A response that was cut short has no answer but one that it states."""

import pytest

from starprobe.bench.readers.text import examine
from starprobe.probes.schema import ShownOption


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Let us look at the options. (A) a newspaper: this", None),
        ("(A) a newspaper is printed every day. (B) a ra", None),
        ("The answer is (B). It is", "o1"),
        ("Answer: B\nbecause a radio", "o1"),
    ],
)
def test_a_response_that_was_cut_short_answers_only_where_it_says_so_outright(text, answer):
    shown = tuple(
        ShownOption(label=label, option_id=f"o{place}", text=words)
        for place, (label, words) in enumerate(
            zip("ABC", ("a newspaper", "a radio", "a letter"), strict=True)
        )
    )
    found = examine("What is read?", shown, text, "length")
    answered = [shown[place].option_id for place in found.stated.options]
    assert answered == ([answer] if answer else [])
    assert found.outcome == ("answered" if answer else "cut")
