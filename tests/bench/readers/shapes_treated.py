"""More responses written for these tests: how options are weighed, by paraphrase and in lists.

Codes as in `shapes`: 0 not mentioned, n named, + for, - against, ~ no side, r any side.
"""

from __future__ import annotations

from .shapes import Shape

BOIL = (
    "Why does water boil at a lower temperature on a mountain?",
    (
        "the air pressure is lower",
        "the water is purer",
        "the sun is closer",
        "the wind cools the pot",
    ),
)
ORGAN = ("Which organ filters the blood?", ("heart", "kidney", "stomach", "lung", "skin"))
TRIANGLE = (
    "A right triangle has legs of 6 and 8. How long is the hypotenuse?",
    ("9", "10", "12", "14"),
)
TRAIN = (
    "A train covers 180 km in 2.5 hours. What is its average speed?",
    ("62 km/h", "68.5 km/h", "72 km/h", "75.5 km/h", "80 km/h"),
)
SORT = (
    "Which sorting algorithm needs O(n log n) time in the worst case?",
    ("bubble sort", "merge sort", "insertion sort", "quicksort"),
)
SLICE = ("What does 'abcd'[1:3] give in Python?", ("'ab'", "'bc'", "'bcd'", "an IndexError"))
LENS = (
    "Which of these would a sailor use to see a far ship?",
    ("microscope", "telescope", "stethoscope", "periscope"),
)
ROOT = ("Which part of a plant takes up water?", ("leaf", "root", "flower", "seed"))
BRIDGE = (
    "Why are gaps left between the rails of a railway?",
    (
        "to save steel",
        "because rails expand in the heat",
        "to make trains quieter",
        "to let rain drain off",
    ),
)
POEM = (
    "What is the mood of the last stanza?",
    ("joyful", "melancholic", "angry", "indifferent"),
)
IMPLIES = ("Which formula means 'if P then Q'?", ("P & Q", "P -> Q", "P v Q", "~P & Q"))
TAX = (
    "Which tax falls hardest on the poor?",
    ("an income tax with brackets", "a tax on bread", "a tax on yachts", "an inheritance tax"),
)
KEY = (
    "You lock yourself out at night. What is the best thing to do?",
    ("break the window", "call a locksmith", "sleep in the garden", "wait for the postman"),
)
OLDEST = (
    "Which of these was built first?",
    ("the Eiffel Tower", "the Colosseum", "the Empire State Building", "the Taj Mahal"),
)

SURVEY = (
    "Whom should one ask to represent all visitors of a market?",
    ("people at the shoe stall", "registered customers", "people at the gate"),
)
QUEUE = (
    "Which of these will NOT keep a kitchen from falling behind?",
    ("serving the oldest order first", "cooking two orders at once", "closing the door at noon"),
)
OHM = (
    "What potential drives 2.6 amperes through 13 ohms?",
    ("5.0 volts", "28.1 volts", "33.8 volts", "36.5 volts"),
)
CRIME = (
    "What does a fair court need, according to this school?",
    (
        "a list of offences by weight",
        "a scale of fines for them",
        "mercy for the young",
        "all of the above",
    ),
)
TENTH = (
    "Which soil suits a fern best?",
    ("clay", "gravel", "chalk", "ash", "salt", "brick dust", "coal", "sand", "leaf mould", "ice"),
)

SHAPES_TREATED = (
    Shape(
        "chat with bold option headers",
        BOIL,
        "Great question! Let's go through the options.\n\n**A. the air pressure is lower**\nBubbles "
        "form once vapour can push back the weight of the atmosphere, and up there is less of it "
        "above the pot.\n\n**B. the water is purer**\nDissolved minerals shift the boiling point by "
        "fractions of a degree only.\n\n**C. the sun is closer**\nA few kilometres mean nothing "
        "against 150 million.\n\n**D. the wind cools the pot**\nCooling delays heating but leaves "
        "the boiling point where it is.\n\n**Answer: A**",
        "+---",
        "A",
    ),
    Shape(
        "table with verdicts",
        ORGAN,
        "| Option | Role | Fits? |\n|---|---|---|\n| A. heart | pumps blood through vessels | No |\n"
        "| B. kidney | removes urea through a million nephrons | Yes |\n"
        "| C. stomach | digests food with acid | No |\n| D. lung | exchanges oxygen and carbon "
        "dioxide | No |\n| E. skin | protects the body and sweats | No |\n\n**B**",
        "-+---",
        "B",
    ),
    Shape(
        "nested JSON with verdicts",
        LENS,
        '{"options": [{"label": "A", "reason": "enlarges tiny samples on a slide"}, {"label": "B", '
        '"reason": "gathers light from distant objects"}, {"label": "C", "reason": "listens to the '
        'chest of a patient"}, {"label": "D", "reason": "looks over an obstacle with mirrors"}], '
        '"answer": "B"}',
        "rrrr",
        "B",
    ),
    Shape(
        "numbered list in the order of the options",
        ROOT,
        "1. Leaf: its pores lose vapour and take in gas.\n2. Root: fine hairs draw moisture from the "
        "soil.\n3. Flower: attracts insects for pollination.\n4. Seed: rests until it sprouts.\n\n"
        "Therefore the correct option is B.",
        "r+rr",
        "B",
    ),
    Shape(
        "paraphrases without labels",
        KEY,
        "Smashing a pane costs more than any repair service and leaves the house open. Lying outside "
        "until morning risks a cold. Hoping that somebody brings letters takes half a day. A trained "
        "professional with the right tools opens the door in minutes, so calling a locksmith is "
        "best.",
        "0+00",
        "B",
    ),
    Shape(
        "option text as subjects in prose",
        KEY,
        "Breaking the window leaves you with shards and a repair bill. Sleeping in the garden may "
        "end with a cold. Waiting for the postman takes until noon and he has no spare. Calling a "
        "locksmith opens the door within half an hour, so the answer is B.",
        "-+--",
        "B",
    ),
    Shape(
        "one reason shared by a named list",
        ORGAN,
        "The answer is B. A, C, D and E move, digest, breathe or cover, but none of them has tubes "
        "that strain waste out of plasma.",
        "-n---",
        "B",
    ),
    Shape(
        "bare rejection of each",
        LENS,
        "A is incorrect. C is incorrect. D is incorrect. The correct answer is B.",
        "nnnn",
        "B",
    ),
    Shape(
        "bare denial with the question's words",
        ROOT,
        "The leaf does not take up water. The flower does not take up water. The seed does not take "
        "up water. So the answer is B.",
        "nnnn",
        "B",
    ),
    Shape(
        "elimination chain, the rest declared",
        OLDEST,
        "The Eiffel Tower went up in 1889 and the Empire State Building in 1931, so both are out. The "
        "Taj Mahal dates from the 1600s, which is still late. That leaves B.",
        "-n--",
        "B",
    ),
    Shape(
        "elimination with a fact for the rest",
        OLDEST,
        "We can exclude the Eiffel Tower (1889), the Empire State Building (1931) and the Taj Mahal "
        "(1653). The Colosseum was finished around the year 80 under Titus. The answer is B.",
        "-+--",
        "B",
    ),
    Shape(
        "few-shot rationale with a value",
        TRAIN,
        "We divide the distance by the time: 180 / 2.5 = 72. The average speed is 72 km/h. The "
        "answer is (C).",
        "00n00",
        "C",
    ),
    Shape(
        "working in steps",
        TRIANGLE,
        "Step 1: Square the legs: 36 and 64.\nStep 2: Add the squares: 36 + 64 = 100.\nStep 3: Take "
        "the root: sqrt(100) = 10.\n\nAnswer: B",
        "0n00",
        "B",
    ),
    Shape(
        "working that rules out values",
        TRIANGLE,
        "The hypotenuse must be shorter than 6 + 8 = 14, which rules out option (D). It satisfies c^2 = 36 + "
        "64 = 100, so c = 10. The answer is B.",
        "0n0-",
        "B",
    ),
    Shape(
        "few-shot rationale that restates",
        OLDEST,
        "The first of these to be built was the Colosseum. The answer is (B).",
        "0n00",
        "B",
    ),
    Shape(
        "few-shot rationale about the answer",
        OLDEST,
        "The Colosseum was opened by the emperor Titus some nineteen centuries ago. The answer is "
        "(B).",
        "0+00",
        "B",
    ),
    Shape(
        "chain of facts that names no option",
        BRIDGE,
        "Metal grows when it gets warm. On a July noon a track can be thirty degrees hotter than at "
        "dawn, and without slack it would buckle. The answer is (B).",
        "0n00",
        "B",
    ),
    Shape(
        "comparison against the loser",
        SORT,
        "Merge sort beats quicksort here, since quicksort degrades to quadratic time on sorted "
        "input. The answer is B.",
        "0r0-",
        "B",
    ),
    Shape(
        "complexities of all",
        SORT,
        "Bubble sort compares neighbours in two nested loops, which is quadratic. Insertion sort "
        "shifts elements one by one and is quadratic too. Quicksort is quadratic when every pivot is "
        "the smallest element. Merge sort halves the list each time and merges in linear time. So "
        "the answer is merge sort.",
        "-+--",
        "B",
    ),
    Shape(
        "code options in a list",
        SLICE,
        "- A) 'ab': that would be the slice [0:2], starting from index 0.\n- B) 'bc': indices 1 and "
        "2, the end is exclusive.\n- C) 'bcd': would need an end of 4.\n- D) an IndexError: slices "
        "never raise one.\n\nThe answer is B.",
        "-+--",
        "B",
    ),
    Shape(
        "code worked out",
        SLICE,
        "Index 1 is b and index 2 is c; index 3 is left out. The answer is B.",
        "0n00",
        "B",
    ),
    Shape(
        "formulas glossed",
        IMPLIES,
        "(A) says that both hold at once. (B) says that Q follows whenever P holds. (C) says that at "
        "least one of the two holds. (D) says that P fails while Q holds. The answer is (B).",
        "rrrr",
        "B",
    ),
    Shape(
        "concession and rejection",
        KEY,
        "Sleeping in the garden would be possible in summer when nights are warm, but not ideal. "
        "Call a locksmith: he has the tools to open the door without damage. So B.",
        "0+r0",
        "B",
    ),
    Shape(
        "thinking block with a review",
        TAX,
        "<think>\nOkay, the question is about a regressive tax. Income tax with brackets takes a "
        "larger share from high earners, so no. Yachts are bought by millionaires, so a tax on "
        "yachts spares the poor. Inheritance: only large estates pay. Bread is eaten by everybody "
        "and is a big part of small budgets.\n</think>\n\nThe answer is **B**.",
        "-+--",
        "B",
    ),
    Shape(
        "thinking block, then the letter",
        ROOT,
        "<think>Roots have fine hairs that absorb moisture from soil.</think>\nB",
        "0+00",
        "B",
    ),
    Shape(
        "short reason after the letter",
        LENS,
        "B, because it bends light from far away into a magnified image.",
        "0+00",
        "B",
    ),
    Shape(
        "letter, text and dash",
        LENS,
        "B. telescope - it magnifies what is kilometres away",
        "0+00",
        "B",
    ),
    Shape(
        "markdown headings with sub-bullets",
        BRIDGE,
        "## Option A: to save steel\n- A gap of a centimetre in twenty metres saves next to "
        "nothing.\n\n## Option B: because rails expand in the heat\n- Steel grows by about a "
        "millimetre per metre for 80 degrees.\n\n## Option C: to make trains quieter\n- Wheels clack "
        "over each joint, which is louder.\n\n## Option D: to let rain drain off\n- Ballast takes "
        "care of drainage.\n\n## Final answer\nB",
        "-+--",
        "B",
    ),
    Shape(
        "answer first, the others in one paragraph",
        BOIL,
        "The correct answer is A. At altitude, fewer air molecules press on the surface, so vapour "
        "bubbles can form sooner. Purity (B) changes the boiling point only slightly, the distance "
        "to the sun (C) is practically the same, and wind (D) carries heat away without changing "
        "when bubbles form.",
        "+---",
        "A",
    ),
    Shape(
        "answer and nothing new",
        BOIL,
        "Water boils at a lower temperature on a mountain because the air pressure is lower. The "
        "answer is A.",
        "n000",
        "A",
    ),
    Shape(
        "unnamed others",
        POEM,
        "The stanza speaks of falling leaves and an empty chair, which is melancholic. All other "
        "options clash with these images.",
        "0+00",
        "B",
    ),
    Shape(
        "two of four weighed",
        POEM,
        "It could be angry, given the slammed door, but the slow rhythm and the rain point to "
        "melancholic. So B.",
        "0+r0",
        "B",
    ),
    Shape(
        "lower-case labels and semicolons",
        ORGAN,
        "(a) pumps; (b) cleans plasma through nephrons; (c) dissolves meals with acid; (d) swaps "
        "gases; (e) shields against germs. Hence (b).",
        "r+rrr",
        "B",
    ),
    Shape(
        "labels as subjects of one sentence",
        TAX,
        "(A) is progressive by design, (C) hits only the rich, and (D) touches large estates. B "
        "it is, as poor households spend most on food.",
        "-+--",
        "B",
    ),
    Shape(
        "question repeated, then the answer",
        ORGAN,
        "The question asks which organ filters the blood. The organ that filters the blood is the "
        "kidney. The answer is B.",
        "0n000",
        "B",
    ),
    Shape(
        "announcement and letter",
        TAX,
        "Let's think step by step to find the right option. After considering all of the options, "
        "the answer is B.",
        "0n00",
        "B",
    ),
    Shape(
        "options listed again, then a reason for one",
        ROOT,
        "The options are leaf, root, flower and seed. The root has hairs that soak up moisture from "
        "the earth, so the answer is B.",
        "nrnn",
        "B",
    ),
    Shape(
        "correct and incorrect sections",
        LENS,
        "**Correct: B. telescope.** Two lenses in a tube enlarge distant things.\n\n**Incorrect:**\n"
        "- A: made for cells and germs.\n- C: made for heartbeats.\n- D: made for submarines.",
        "-+--",
        "B",
    ),
    Shape(
        "yaml with notes",
        TAX,
        "A: takes more from those who earn more\nB: takes the same from all, so it weighs on small "
        "incomes\nC: only owners of boats pay\nD: only heirs pay\nanswer: B",
        "rrrr",
        "B",
    ),
    Shape(
        "json with thinking and choice",
        BRIDGE,
        '{"step_by_step_thinking": "Rails expand in the heat of a July noon, and without slack they '
        "would bend sideways. To save steel is no motive, as a gap of a centimetre weighs nothing. "
        'To make trains quieter one would weld the joints. To let rain drain off there is ballast.", '
        '"answer_choice": "B"}',
        "r+rr",
        "B",
    ),
    Shape(
        "plain statements with one test",
        OLDEST,
        "Which one came first? The Eiffel Tower: 1889. The Colosseum: 80. The Empire State Building: "
        "1931. The Taj Mahal: 1653. So B.",
        "rrrr",
        "B",
    ),
    Shape(
        "refuses the list but explains one",
        POEM,
        "Melancholic, since the speaker mourns an empty chair.",
        "0+00",
        "B",
    ),
    Shape(
        "a reason in the question's own words",
        SURVEY,
        "Option A only reaches people who need boots. Option B is only registered customers, so it "
        "may not represent all visitors. Option C meets everyone who walks in, whatever they buy. So C.",
        "--+",
        "C",
    ),
    Shape(
        "the question's words for every option in turn",
        QUEUE,
        "The first option, serving the oldest order first, is a way to keep a kitchen from falling "
        "behind. The second option, cooking two orders at once, is a way to keep a kitchen from "
        "falling behind. The third option, closing the door at noon, is a way to keep a kitchen "
        "from falling behind. The answer is C.",
        "nnn",
        "C",
    ),
    Shape(
        "a decimal worked out and matched",
        OHM,
        "By Ohm's law the potential is the current times the resistance, and multiplying 2.6 amperes "
        "by 13 ohms gives about 33.8 volts. The answer is (C).",
        "00n0",
        "C",
    ),
    Shape(
        "a list at the end of a sentence",
        CRIME,
        "According to this school, a fair court needs a list of offences by weight, a scale of "
        "fines for them, and mercy for the young. The answer is D.",
        "nnnn",
        "D",
    ),
    Shape(
        "the ninth option is no pronoun",
        TENTH,
        "Option H is dry sand. Option I holds water and lets roots breathe. The answer is I.",
        "0000000r+0",
        "I",
    ),
)
