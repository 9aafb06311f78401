"""What the first screen says in words."""

from __future__ import annotations

import pytest

from starprobe.bench.statistics.intervals import NOTHING
from starprobe.reports.words import BREAKS, RARELY, TIMES, Standing, headline, rest

UNSURE = "too few questions to tell"


def standings(*verdicts: str) -> list[Standing]:
    return [
        Standing(f"m{n}", NOTHING, NOTHING, {}, said, "", ()) for n, said in enumerate(verdicts)
    ]


@pytest.mark.parametrize(
    ("verdicts", "heading", "others"),
    [
        ((BREAKS, TIMES, RARELY), "1 of 3 models breaks down every option, unasked",
         "1 does so at times, 1 does so rarely. "),
        ((BREAKS, BREAKS), "2 of 2 models break down every option, unasked", ""),
        ((RARELY, UNSURE, TIMES), "1 of 3 models breaks down every option at times, unasked",
         "1 does so rarely, 1 answered too few questions to tell. "),
        ((TIMES, TIMES, RARELY), "2 of 3 models break down every option at times, unasked",
         "1 does so rarely. "),
        ((RARELY, RARELY), "None of the 2 models breaks down every option, unasked",
         "2 do so rarely. "),
        ((UNSURE, UNSURE), "Too few questions to tell who breaks down every option",
         "2 answered too few questions to tell. "),
        ((TIMES,), "This model breaks down every option at times, unasked", ""),
    ],
)  # fmt: skip
def test_the_heading_tells_who_does_it_and_the_next_sentence_of_the_others(
    verdicts: tuple[str, ...], heading: str, others: str
) -> None:
    found = standings(*verdicts)
    assert (headline(found, "plain"), rest(found)) == (heading, others)
