"""Responses of many shapes, written for these tests: what each says of every option.

Codes: 0 not mentioned, n named, + for, - against, ~ no side, r any side; one character an option.
"""

from __future__ import annotations

from typing import NamedTuple

UMBRELLA = (
    "What keeps you dry while walking in the rain?",
    ("umbrella", "sunglasses", "newspaper", "sandals"),
)
PLANET = ("Which planet is closest to the Sun?", ("Venus", "Mercury", "Mars", "Jupiter"))
METAL = ("Which metal is liquid at room temperature?", ("iron", "gold", "mercury", "copper", "tin"))
SUM = ("What is 17 + 26?", ("33", "43", "42", "53"))
FENCE = (
    "A farmer wants to stop rabbits from eating his lettuce. What should he do?",
    ("build a low fence", "plant more lettuce", "remove the soil", "sing at night"),
)
CODE = ("What does len([1, 2]) return?", ("1", "2", "None", "an error"))
LOGIC = ("Both statements are ...?", ("True, True", "False, False", "True, False", "False, True"))
ALL = ("Which of these are mammals?", ("whales", "bats", "dogs", "all of the above"))
EXCEPT = ("All of these are fruits EXCEPT", ("apple", "banana", "carrot", "cherry"))


class Shape(NamedTuple):
    """A response and what it says."""

    name: str
    asked: tuple[str, tuple[str, ...]]
    text: str
    codes: str
    answer: str | None
    outcome: str = "answered"


SHAPES = (
    Shape("letter", UMBRELLA, "A", "n000", "A"),
    Shape("letter in brackets", UMBRELLA, "(A)", "n000", "A"),
    Shape("bold letter", UMBRELLA, "**A**", "n000", "A"),
    Shape("letter and text", UMBRELLA, "A. umbrella", "n000", "A"),
    Shape("letter and text in brackets", UMBRELLA, "(A) umbrella.", "n000", "A"),
    Shape("text only", UMBRELLA, "An umbrella.", "n000", "A"),
    Shape("answer colon", UMBRELLA, "Answer: A", "n000", "A"),
    Shape("answer bold", UMBRELLA, "**Answer:** **(A) umbrella**", "n000", "A"),
    Shape("boxed", UMBRELLA, "\\boxed{A}", "n000", "A"),
    Shape("boxed text", UMBRELLA, "The final answer is $\\boxed{\\text{A}}$.", "n000", "A"),
    Shape("answer tag", UMBRELLA, "<answer>A</answer>", "n000", "A"),
    Shape("the answer is", UMBRELLA, "The answer is (A) umbrella.", "n000", "A"),
    Shape("i would choose", UMBRELLA, "I would choose option A.", "n000", "A"),
    Shape(
        "article is no label",
        METAL,
        "A metal that is liquid at room temperature is mercury.",
        "00n00",
        "C",
    ),
    Shape(
        "pronoun is no label", PLANET, "I believe Mercury is the closest to the Sun.", "0n00", "B"
    ),
    Shape(
        "chosen only",
        UMBRELLA,
        "The answer is umbrella. It has a waterproof canopy that shields your head and shoulders.",
        "r000",
        "A",
    ),
    Shape(
        "chosen because",
        UMBRELLA,
        "The best choice is A because its canopy is made of waterproof fabric held over your head.",
        "r000",
        "A",
    ),
    Shape(
        "bullets with bold heads",
        UMBRELLA,
        "The correct answer is **umbrella**.\n\n"
        "* **Umbrella:** its waterproof canopy shields you from falling drops.\n"
        "* **Sunglasses:** these protect the eyes from bright light, not the body from water.\n"
        "* **Newspaper:** paper soaks through within minutes and tears.\n"
        "* **Sandals:** open shoes leave the feet wet.",
        "+---",
        "A",
    ),
    Shape(
        "why the others are wrong",
        PLANET,
        "**B. Mercury**\n\nMercury orbits at about 58 million kilometres, the shortest distance "
        "of all.\n\n"
        "Here's why the other options are incorrect:\n\n"
        "* **A. Venus** is the second planet, orbiting further out.\n"
        "* **C. Mars** lies beyond Earth's orbit.\n"
        "* **D. Jupiter** is a gas giant past the asteroid belt.",
        "-+--",
        "B",
    ),
    Shape(
        "numbered breakdown",
        METAL,
        "Let's look at each option:\n"
        "1. Iron melts at 1538 degrees, so it is solid.\n"
        "2. Gold melts at 1064 degrees, so it is solid.\n"
        "3. Mercury melts at minus 39 degrees and flows freely.\n"
        "4. Copper melts at 1085 degrees, so it is solid.\n"
        "5. Tin melts at 232 degrees, so it is solid.\n"
        "So the answer is C.",
        "rr+rr",
        "C",
    ),
    Shape(
        "option headings",
        FENCE,
        "### Option A: build a low fence\nRabbits cannot jump over wire that is 60 cm tall, so "
        "they stay out.\n\n"
        "### Option B: plant more lettuce\nThis only feeds more animals.\n\n"
        "### Option C: remove the soil\nNothing would grow without it, so the crop dies too.\n\n"
        "### Option D: sing at night\nWild animals get used to noise within days.\n\n"
        "**Final answer: A**",
        "+---",
        "A",
    ),
    Shape(
        "table",
        UMBRELLA,
        "| Option | Assessment |\n|---|---|\n| A. umbrella | waterproof canopy, held overhead |\n"
        "| B. sunglasses | made against glare, leave the body uncovered |\n"
        "| C. newspaper | absorbs water and falls apart |\n"
        "| D. sandals | leave the feet bare |\n\nAnswer: A",
        "r---",
        "A",
    ),
    Shape(
        "elimination",
        PLANET,
        "We can rule out Jupiter since it is a gas giant far beyond the asteroid belt. Mars can be "
        "eliminated because it orbits outside of Earth. Between Venus and Mercury, Mercury has the "
        "smaller orbit with a year of only 88 days. The answer is B.",
        "-+--",
        "B",
    ),
    Shape(
        "shared reason",
        UMBRELLA,
        "The answer is (A). Sunglasses and sandals are worn in sunny weather, and a newspaper "
        "dissolves when wet.",
        "n---",
        "A",
    ),
    Shape(
        "bare rejection of a list", UMBRELLA, "B, C and D are wrong. The answer is A.", "nnnn", "A"
    ),
    Shape(
        "unnamed others",
        UMBRELLA,
        "The answer is A. Its canopy is waterproof and shields the whole upper body. The other "
        "options do not help.",
        "r000",
        "A",
    ),
    Shape(
        "restated list",
        UMBRELLA,
        "The options are:\nA. umbrella\nB. sunglasses\nC. newspaper\nD. sandals\n\nThe answer is "
        "A.",
        "n000",
        "A",
    ),
    Shape(
        "working",
        SUM,
        "First add the tens: 10 + 20 = 30. Then add the units: 7 + 6 = 13. Together 30 + 13 = "
        "43.\n\nThe answer is (B) 43.",
        "0n00",
        "B",
    ),
    Shape(
        "json",
        PLANET,
        '{"reasoning": "Venus is the second planet. Mercury circles the Sun in 88 days at 0.39 AU. '
        "Mars is "
        'the fourth planet. Jupiter is a giant beyond the asteroid belt.", "answer": "B"}',
        "rrrr",
        "B",
    ),
    Shape(
        "json by label",
        PLANET,
        '{\n  "A": "the second planet from the centre, further out",\n'
        '  "B": "the innermost planet with an 88 day year",\n'
        '  "C": "orbits beyond Earth",\n  "D": "a gas giant far out",\n  "answer": "B"\n}',
        "rrrr",
        "B",
    ),
    Shape(
        "json in a fence",
        UMBRELLA,
        '```json\n{"answer": "A"}\n```',
        "n000",
        "A",
    ),
    Shape(
        "thinking block",
        PLANET,
        "<think>\nVenus? It is the second planet, so no. Mars lies outside of Earth's orbit. "
        "Jupiter is a gas giant "
        "behind the asteroid belt. Mercury has the smallest orbit, 88 days.\n</think>\n\nThe "
        "answer is **B**.",
        "-+--",
        "B",
    ),
    Shape(
        "thinking block that changes its mind",
        PLANET,
        "<thinking>Maybe the answer is A, since Venus is bright.</thinking>\nThe answer is B.",
        "rn00",
        "B",
    ),
    Shape(
        "scratchpad",
        UMBRELLA,
        "<scratchpad>\nA) umbrella - has a waterproof canopy\nB) sunglasses - block light only\n"
        "C) newspaper - gets soaked quickly\nD) sandals - leave toes exposed\n</scratchpad>\n\nA",
        "rrrr",
        "A",
    ),
    Shape(
        "lower-case labels in the text",
        UMBRELLA,
        "(a) An umbrella has a waterproof canopy. (b) Sunglasses only shade the eyes. (c) A "
        "newspaper soaks up water. "
        "(d) Sandals leave the feet exposed. So the answer is (a).",
        "rrrr",
        "A",
    ),
    Shape(
        "comparison",
        PLANET,
        "Mercury is nearer than Venus, whose orbit is almost twice as wide. The answer is B.",
        "-+00",
        "B",
    ),
    Shape(
        "except",
        EXCEPT,
        "Apples grow on trees and carry seeds. Bananas develop from a flower's ovary. Carrots are "
        "roots that grow "
        "underground. Cherries have a stone with a seed inside. The answer is C.",
        "rr+r",
        "C",
    ),
    Shape(
        "all of the above",
        ALL,
        "Whales breathe air and nurse their calves. Bats have fur and give milk. Dogs bear live "
        "young. So the answer is "
        "D, all of the above.",
        "+++n",
        "D",
    ),
    Shape("refusal", UMBRELLA, "I'm sorry, but I can't help with that.", "0000", None, "refused"),
    Shape(
        "no answer",
        PLANET,
        "Planets move around stars on elliptical paths.",
        "0000",
        None,
        "no_answer",
    ),
    Shape("two answers", UMBRELLA, "The answer is A and C.", "n0n0", "multi", "multi"),
    Shape(
        "cut",
        METAL,
        "Metals differ in their melting points, and at room temperature most of them are",
        "00000",
        None,
        "cut",
    ),
    Shape("empty", UMBRELLA, "", "0000", None, "no_answer"),
    Shape("none of them", PLANET, "None of the options is right.", "0000", None, "no_answer"),
    Shape(
        "arrow conclusions",
        UMBRELLA,
        "A: waterproof canopy -> keeps the rain off\nB: dark lenses -> only against glare\nC: "
        "thin paper -> soaks through\n"
        "D: open straps -> wet feet\n\nCorrect: A",
        "rrrr",
        "A",
    ),
    Shape(
        "check marks",
        UMBRELLA,
        "\u2705 A) umbrella: its fabric repels water\n\u274c B) sunglasses: only dim the "
        "light\n\u274c C) newspaper: turns to pulp\n"
        "\u274c D) sandals: let puddles in",
        "+---",
        "A",
    ),
    Shape(
        "option is",
        FENCE,
        "Option A is the best: wire of 60 cm keeps rabbits out. Option B is bad since it attracts "
        "even more of them. "
        "Option C destroys the bed. Option D has no lasting effect on wild animals.",
        "+---",
        "A",
    ),
    Shape(
        "true false options",
        LOGIC,
        "Statement 1 holds for every prime above two. Statement 2 fails for nine. Therefore the "
        "answer is C.",
        "00n0",
        "C",
    ),
    Shape(
        "label as an answer sentence",
        CODE,
        "The function counts two elements, so it returns 2. The answer is B.",
        "0n00",
        "B",
    ),
    Shape(
        "roman bullets of the response",
        PLANET,
        "- Step 1: recall the order of planets.\n- Step 2: the innermost one has the shortest "
        "year.\n\nThus: B",
        "0n00",
        "B",
    ),
    Shape(
        "correct answer first with paragraphs",
        FENCE,
        "The correct answer is A) build a low fence.\n\nA fence is a physical barrier that small "
        "animals cannot pass.\n\n"
        "Planting more lettuce would give the rabbits even more food. Removing the soil would "
        "kill the plants as well. "
        "Singing at night is not a lasting deterrent, since animals get used to sounds.",
        "+---",
        "A",
    ),
    Shape(
        "not label",
        UMBRELLA,
        "Not B, because dark lenses do nothing against water. Not C either, as paper dissolves. D "
        "leaves your feet wet. So A.",
        "n---",
        "A",
    ),
)

PARTY = (
    "You are planning a surprise party. Where do you hide?",
    ("on the cake", "in the kitchen", "behind the decorations", "in a gift box", "under the table"),
)
DOG = (
    "What can be used to carry a small dog?",
    ("swimming pool", "basket", "dog show", "backyard", "own home"),
)
GAS = (
    "Which gas do plants absorb for photosynthesis?",
    ("oxygen", "carbon dioxide", "nitrogen", "helium"),
)
HALF = (
    "What is 2/4?",
    ("1/3", "1/2", "3/4", "2/3"),
)


MORE_SHAPES = (
    Shape(
        "bold answer, then bullets",
        PARTY,
        "The answer is **(c) behind the decorations**. \n\nHere's why:\n\n* **on the "
        "cake:** This isn't a practical or safe hiding place.\n* **in the kitchen:** "
        "While possible, it's too obvious and guests walk in and out for drinks.\n* **in "
        "a gift box:** A box would have to be very big to hold a grown person.\n* "
        "**under the table:** The tablecloth might hide you, but you would be cramped.\n"
        "\nBehind the decorations offers the best cover because guests expect balloons "
        "there anyway.\n",
        "--+--",
        "C",
        "answered",
    ),
    Shape(
        "every option in turn",
        DOG,
        "Let's evaluate each option:\n\nA) Swimming pool: A swimming pool is a body of "
        "water and not suitable for carrying a dog.\n\nB) Basket: A basket is a "
        "container with a handle, so a small animal fits inside.\n\nC) Dog show: A dog "
        "show is an event where breeds compete.\n\nD) Backyard: A backyard is an outdoor "
        "area.\n\nE) Own home: A home is a building people live in.\n\nBased on this "
        "analysis, the best answer is B) basket.",
        "-+rrr",
        "B",
        "answered",
    ),
    Shape(
        "prose about the chosen one",
        DOG,
        "A small dog can be carried in a basket. Baskets are lightweight and have "
        "handles that make them easy to hold, so they are a convenient way to transport "
        "a little pet.",
        "0r000",
        "B",
        "answered",
    ),
    Shape(
        "bare text",
        DOG,
        "backyard",
        "000n0",
        "D",
        "answered",
    ),
    Shape(
        "an explanation, then the others",
        GAS,
        "The correct answer is B) carbon dioxide.\n\nPlants take in CO2 through tiny "
        "openings in their leaves called stomata and turn it into sugar using sunlight.\n"
        "\nLet me explain why the other choices are not right:\n- A) Oxygen is released "
        "as a by-product rather than taken in.\n- C) Nitrogen makes up most of the air, "
        "but plants get it from the soil.\n- D) Helium is an inert gas that takes no "
        "part in metabolism.",
        "-+--",
        "B",
        "answered",
    ),
    Shape(
        "thinking that names some by text",
        GAS,
        "<think>\nOkay, let me think. Plants make sugar from sunlight, water and "
        "something from the air. Oxygen is what they give off, so not that. Nitrogen is "
        "inert for leaves; they fix it through roots with bacteria. Helium does nothing "
        "in biology. So carbon dioxide, which enters through the stomata, is the one.\n"
        "</think>\n\n**Answer: B**",
        "-+--",
        "B",
        "answered",
    ),
    Shape(
        "direct sentence",
        GAS,
        "Plants absorb carbon dioxide.",
        "0n00",
        "B",
        "answered",
    ),
    Shape(
        "numbers that are no labels",
        GAS,
        "To determine the answer, consider each choice:\n\n1. **Oxygen**: Produced in "
        "photosynthesis and released into the atmosphere.\n2. **Carbon dioxide**: Enters "
        "the leaf and is reduced to glucose.\n3. **Nitrogen**: Taken up by roots as "
        "nitrate.\n4. **Helium**: A noble gas without biological role.\n\nTherefore, the "
        "correct answer is **2. Carbon dioxide**.",
        "rrrr",
        "B",
        "answered",
    ),
    Shape(
        "a base model runs on",
        GAS,
        "B\n\nQ: Which animal barks?\nA: dog\nB: cat\nC: cow\nD: hen\nAnswer: A",
        "0n00",
        "B",
        "answered",
    ),
    Shape(
        "a derivation of the option itself",
        DOG,
        "The answer must be something that can be used to carry a small dog. Baskets are "
        "designed to hold things. Therefore, the answer is basket (b).",
        "0r000",
        "B",
        "answered",
    ),
    Shape(
        "json explain",
        GAS,
        '{"analysis": {"A": "released as waste", "B": "taken in through stomata and '
        'turned into sugar", "C": "comes from the soil through roots", "D": "inert, '
        'plays no role in life"}, "final_answer": "B"}',
        "rrrr",
        "B",
        "answered",
    ),
    Shape(
        "yaml",
        GAS,
        "A: released as waste\nB: enters through the stomata\nC: comes from the soil\nD: "
        "inert\nAnswer: B",
        "rrrr",
        "B",
        "answered",
    ),
    Shape(
        "i think it is",
        GAS,
        "I think it's B.",
        "0n00",
        "B",
        "answered",
    ),
    Shape(
        "probably",
        GAS,
        "Probably carbon dioxide, since leaves take it in through their stomata.",
        "0r00",
        "B",
        "answered",
    ),
    Shape(
        "B is correct",
        GAS,
        "B is correct.",
        "0n00",
        "B",
        "answered",
    ),
    Shape(
        "correct option: text",
        GAS,
        "Correct option: carbon dioxide",
        "0n00",
        "B",
        "answered",
    ),
    Shape(
        "change mind",
        GAS,
        "The answer is A. Wait, no: oxygen is what leaves give off at daytime. So the answer is B.",
        "rn00",
        "B",
        "answered",
    ),
    Shape(
        "the answer is not",
        GAS,
        "The answer is not A, it is B.",
        "nn00",
        "B",
        "answered",
    ),
    Shape(
        "percent signs as tags",
        GAS,
        "%antThinking%\nA: given off, not taken in. B: goes into sugar. C: from the "
        "soil. D: inert.\n%/antThinking%\nThe answer is B.",
        "-rrr",
        "B",
        "answered",
    ),
    Shape(
        "latex",
        HALF,
        "We have \\( \\frac{2}{4} = \\frac{1}{2} \\). So the answer is \\( \\boxed{B} \\).",
        "0n00",
        "B",
        "answered",
    ),
)
