"""Whole responses of many kinds, written for these tests: what each answers, and its outcome.

Several answers, corrections, runs into the next question, refusals, cut texts, chat and base models.
"""

from __future__ import annotations

# ruff: noqa: E501
from typing import NamedTuple


class Asked(NamedTuple):
    """A question."""

    stem: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]


class Ending(NamedTuple):
    """A response and what it answers."""

    asked: Asked
    text: str
    answer: str | None
    outcome: str = "answered"


DOG = Asked(
    "What can be used to carry a small dog?",
    (
        "swimming pool",
        "basket",
        "dog show",
        "backyard",
        "own home",
    ),
    (
        "A",
        "B",
        "C",
        "D",
        "E",
    ),
)
ALL4 = Asked(
    "Which of these are mammals?",
    (
        "whales",
        "bats",
        "dogs",
        "all of the above",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
BOTH = Asked(
    "Which of these float on water?",
    (
        "wood",
        "cork",
        "Both A and B",
        "Neither A nor B",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
NONE4 = Asked(
    "Which of these is a prime number?",
    (
        "9",
        "None of the above",
        "15",
        "21",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
UNK = Asked(
    "The nurse and the plumber met. Who was late?",
    (
        "The nurse",
        "Unknown",
        "The plumber",
    ),
    (
        "A",
        "B",
        "C",
    ),
)
BLOOD = Asked(
    "Which blood type is the universal receiver?",
    (
        "A",
        "B",
        "AB",
        "O",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
NEG = Asked(
    "What is 4 - 7?",
    (
        "3",
        "-3",
        "11",
        "-11",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
FRAC = Asked(
    "Simplify 4/8.",
    (
        "1/3",
        "1/2",
        "2/4",
        "1/4",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
NUM = Asked(
    "A shop sells 12 boxes of 15 apples. How many apples is that?",
    (
        "160",
        "180",
        "175",
        "190",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
CODE = Asked(
    "What is printed by the program?",
    (
        "[1, 2]",
        "None",
        "TypeError",
        "2",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
BOX = Asked(
    "Where would you put a hammer after work?",
    (
        "toolbox",
        "fridge",
        "bed",
        "wallet",
        "shelf of a library",
    ),
    (
        "A",
        "B",
        "C",
        "D",
        "E",
    ),
)
VIT = Asked(
    "Which vitamin is made in the skin by sunlight?",
    (
        "vitamin A",
        "vitamin C",
        "vitamin D",
        "vitamin K",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
LAW = Asked(
    "Can a contract be made by email?",
    (
        "Yes, if both parties agree to its terms.",
        "No, because it must be in writing on paper.",
        "Yes, but only between companies.",
        "No, unless a notary is present.",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
CS = Asked(
    "What is the time complexity of binary search?",
    (
        "O(n)",
        "O(log n)",
        "O(n log n)",
        "O(1)",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
BBQ = Asked(
    "A grandfather and a grandson were at the shop. Who was bad with phones?",
    (
        "The grandfather",
        "The grandson",
        "Not enough information",
    ),
    (
        "A",
        "B",
        "C",
    ),
)
YN = Asked(
    "Is 51 a prime number?",
    (
        "yes",
        "no",
    ),
    (
        "A",
        "B",
    ),
)
MED = Asked(
    "Which nerve is injured in wrist drop?",
    (
        "median nerve",
        "ulnar nerve",
        "radial nerve",
        "axillary nerve",
    ),
    (
        "1",
        "2",
        "3",
        "4",
    ),
)
GEO = Asked(
    "Which country has the most people?",
    (
        "Brazil",
        "India",
        "Canada",
        "Egypt",
    ),
    (
        "(a)",
        "(b)",
        "(c)",
        "(d)",
    ),
)
SENT_2 = Asked(
    "He put the kettle on. Then he",
    (
        "flew to the moon.",
        "made a cup of tea.",
        "sold the house.",
        "sang the kettle.",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
PHY = Asked(
    "A car goes 120 km in 2 hours. Its mean speed is",
    (
        "40 km/h",
        "50 km/h",
        "60 km/h",
        "80 km/h",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
HEART = Asked(
    "A patient has crushing chest pain that radiates to the left arm. What is the most likely diagnosis?",
    (
        "Panic attack",
        "Myocardial infarction",
        "Pneumothorax",
        "Costochondritis",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
TORT = Asked(
    "A grocer sees a puddle on the floor and leaves it. A customer slips. The customer will most likely",
    (
        "lose, because the puddle was open and obvious",
        "win, because the grocer knew of the danger and did nothing",
        "lose, because she assumed the risk",
        "win, because grocers are strictly liable",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
ALG = Asked(
    "If 3x + 5 = 20, what is x?",
    (
        "3",
        "4",
        "5",
        "6",
        "7",
    ),
    (
        "A",
        "B",
        "C",
        "D",
        "E",
    ),
)
PROB = Asked(
    "Two fair coins are thrown. What is the probability of two heads?",
    (
        "1/2",
        "1/3",
        "1/4",
        "3/4",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
HIST = Asked(
    "Which event came first?",
    (
        "the fall of the Berlin Wall",
        "the Moon landing",
        "the Suez crisis",
        "the Cuban missile crisis",
    ),
    (
        "a",
        "b",
        "c",
        "d",
    ),
)
ROM = Asked(
    "Which layer of the atmosphere is closest to the ground?",
    (
        "stratosphere",
        "troposphere",
        "mesosphere",
        "thermosphere",
    ),
    (
        "i",
        "ii",
        "iii",
        "iv",
    ),
)
NUMB = Asked(
    "Which word means the same as 'brave'?",
    (
        "timid",
        "courageous",
        "lazy",
        "proud",
    ),
    (
        "1",
        "2",
        "3",
        "4",
    ),
)
SENT = Asked(
    "What will the child do after falling off the bike?",
    (
        "laugh at the teacher",
        "ask a parent for a plaster",
        "plant a tree",
    ),
    (
        "A",
        "B",
        "C",
    ),
)
PY = Asked(
    "What does print(2 ** 3) show?",
    (
        "6",
        "8",
        "9",
        "23",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)
NLI = Asked(
    "Premise: All cats sleep. Tom is a cat. Does it follow that Tom sleeps?",
    (
        "entailment",
        "contradiction",
        "neutral",
    ),
    (
        "A",
        "B",
        "C",
    ),
)
TEN = Asked(
    "Which of these rivers is the longest?",
    (
        "Danube",
        "Rhine",
        "Nile",
        "Thames",
        "Seine",
        "Loire",
        "Po",
        "Elbe",
        "Oder",
        "Ebro",
    ),
    (
        "A",
        "B",
        "C",
        "D",
        "E",
        "F",
        "G",
        "H",
        "I",
        "J",
    ),
)
TRI = Asked(
    "Which statements hold?",
    (
        "I only",
        "II only",
        "I and II",
        "neither I nor II",
    ),
    (
        "A",
        "B",
        "C",
        "D",
    ),
)

ENDINGS = (
    Ending(DOG, "Both A and C.", "multi", "multi"),
    Ending(DOG, "A and C", "multi", "multi"),
    Ending(DOG, "A, C", "multi", "multi"),
    Ending(DOG, "AC", "multi", "multi"),
    Ending(DOG, "A & C", "multi", "multi"),
    Ending(DOG, "A/C", "multi", "multi"),
    Ending(DOG, "(A) and (C)", "multi", "multi"),
    Ending(DOG, "The answers are A and C.", "multi", "multi"),
    Ending(DOG, "The correct answers are (A) and (C).", "multi", "multi"),
    Ending(DOG, "Answer: A, C", "multi", "multi"),
    Ending(DOG, "Answer: A and C", "multi", "multi"),
    Ending(DOG, "Answer: AC", "multi", "multi"),
    Ending(DOG, "**Answer: A, B, and C**", "multi", "multi"),
    Ending(DOG, "The answer is either A or B.", "multi", "multi"),
    Ending(DOG, "The answer is A or B.", "multi", "multi"),
    Ending(DOG, "Options A and C are correct.", "multi", "multi"),
    Ending(DOG, "Both (A) and (C) are correct.", "multi", "multi"),
    Ending(DOG, "A and C are both correct.", "multi", "multi"),
    Ending(
        DOG,
        "A dog fits in many things. Therefore, both B and E are correct answers.",
        "multi",
        "multi",
    ),
    Ending(DOG, '{"answer": "A, C"}', "multi", "multi"),
    Ending(DOG, '{"answer": ["A", "C"]}', "multi", "multi"),
    Ending(DOG, '{"answer": "B/E"}', "multi", "multi"),
    Ending(DOG, "<answer>A, C</answer>", "multi", "multi"),
    Ending(DOG, "\\boxed{A, C}", "multi", "multi"),
    Ending(DOG, "\\boxed{A \\text{ and } C}", "multi", "multi"),
    Ending(DOG, "I would choose B and E.", "multi", "multi"),
    Ending(DOG, "The best answers are basket and backyard.", "multi", "multi"),
    Ending(ALL4, "A, B and C are all mammals, so the answer is D.", "D"),
    Ending(ALL4, "The answer is D, all of the above.", "D"),
    Ending(ALL4, "All of the above.", "D"),
    Ending(ALL4, "Whales, bats and dogs are all mammals. All of the above.", "D"),
    Ending(ALL4, "The answer is all of the above.", "D"),
    Ending(ALL4, "Answer: A, B, C", "D"),
    Ending(BOTH, "The answer is C. Both A and B float.", "C"),
    Ending(BOTH, "The answer is both A and B.", "C"),
    Ending(BOTH, "Both A and B", "C"),
    Ending(BOTH, "C) Both A and B", "C"),
    Ending(BOTH, "Answer: Both A and B", "C"),
    Ending(BOTH, "The answer is D, neither A nor B.", "D"),
    Ending(
        NONE4, "9 is 3 x 3, 15 is 3 x 5 and 21 is 3 x 7. So the answer is none of the above.", "B"
    ),
    Ending(NONE4, "None of the above", "B"),
    Ending(NONE4, "The answer is (B) None of the above.", "B"),
    Ending(NONE4, "None of these is prime, so B.", "B"),
    Ending(NONE4, "Answer: none of these", "B"),
    Ending(UNK, "The text does not say who was late. The answer is unknown.", "B"),
    Ending(UNK, "Unknown", "B"),
    Ending(UNK, "We cannot tell from the text, so the answer is (B) Unknown.", "B"),
    Ending(UNK, "The answer cannot be determined from the context, so B.", "B"),
    Ending(BLOOD, "The answer is AB.", "C"),
    Ending(BLOOD, "AB is the universal receiver. The answer is (C).", "C"),
    Ending(BLOOD, "C. AB", "C"),
    Ending(BLOOD, "The answer is C) AB", "C"),
    Ending(NEG, "The answer is -3.", "B"),
    Ending(NEG, "4 - 7 = -3. Answer: -3", "B"),
    Ending(NEG, "\\boxed{-3}", "B"),
    Ending(NEG, "The answer is 3.", "A"),
    Ending(FRAC, "The answer is 1/2.", "B"),
    Ending(FRAC, "4/8 = 1/2, so the answer is (B) 1/2.", "B"),
    Ending(FRAC, "\\boxed{1/2}", "B"),
    Ending(NUM, "12 x 15 = 180. The answer is 180.", "B"),
    Ending(NUM, "12 x 15 = 180. Answer: 180 apples", "B"),
    Ending(NUM, "12 x 15 = 180", "B"),
    Ending(NUM, "So there are 12 x 15 = 180 apples.", "B"),
    Ending(NUM, "#### 180", "B"),
    Ending(NUM, "The total is 12 * 15 = 180 apples, which is option B.", "B"),
    Ending(CODE, "It prints None.", "B"),
    Ending(CODE, "The answer is None.", "B"),
    Ending(CODE, "B. None", "B"),
    Ending(CODE, "The output is [1, 2], so A.", "A"),
    Ending(CODE, "Answer: TypeError", "C"),
    Ending(DOG, "The answer is A. Wait, that is wrong, a pool is too heavy. The answer is B.", "B"),
    Ending(DOG, "The answer is A. Actually, no: a pool cannot be carried, so B.", "B"),
    Ending(DOG, "A. Actually, it's B.", "B"),
    Ending(DOG, "I first thought A, but the answer is B.", "B"),
    Ending(DOG, "Not A but B.", "B"),
    Ending(DOG, "The answer is A.\n\nCorrection: the answer is B.", "B"),
    Ending(DOG, "Answer: A\n\nHmm, let me check again. A pool holds water. So it must be B.", "B"),
    Ending(DOG, "<think>The answer is C. No wait, B.</think>\nB", "B"),
    Ending(DOG, "<think>Maybe the answer is C? A dog show is an event.</think>\n\n**B**", "B"),
    Ending(DOG, "It could be B or C, but I'd go with B.", "B"),
    Ending(DOG, "B or E would work, but B is the better choice.", "B"),
    Ending(DOG, "While D is tempting, B is the best answer.", "B"),
    Ending(DOG, "At first A seems right, but on reflection B is correct.", "B"),
    Ending(DOG, "The answer could be A or B. I choose B.", "B"),
    Ending(DOG, "The answer isn't A, it's B.", "B"),
    Ending(DOG, "It is not A. It is B.", "B"),
    Ending(DOG, "A is wrong. B is right.", "B"),
    Ending(DOG, "I would have said A, but B is a better fit.", "B"),
    Ending(
        DOG, "B. A basket has a handle. A is too large, C is an event, D and E are places.", "B"
    ),
    Ending(DOG, "The answer is B because A, C, D and E cannot be carried.", "B"),
    Ending(DOG, "B, since A, C, D and E cannot be carried.", "B"),
    Ending(DOG, "B\n\nA is a pool. C is an event. D is a place. E is a building.", "B"),
    Ending(DOG, "The answer is B, not A.", "B"),
    Ending(DOG, "B rather than A, because a pool is heavy.", "B"),
    Ending(
        DOG,
        "**B) basket**\n\nA) swimming pool: too large.\nC) dog show: an event.\nD) backyard: a place.\nE) own home: a building.",
        "B",
    ),
    Ending(
        DOG,
        "Answer: B\nExplanation: Option A is wrong since a pool is heavy. Option C is an event.",
        "B",
    ),
    Ending(DOG, "Explanation: a pool is heavy, and a show is an event.\nAnswer: B", "B"),
    Ending(
        DOG,
        "A is not right. C is not right. D is not right. E is not right. So the answer must be B.",
        "B",
    ),
    Ending(DOG, "A: no. B: yes. C: no. D: no. E: no.", "B"),
    Ending(DOG, "A - False\nB - True\nC - False\nD - False\nE - False", "B"),
    Ending(DOG, "(A) incorrect (B) correct (C) incorrect (D) incorrect (E) incorrect", "B"),
    Ending(DOG, " B\n\nQ: Which animal barks?\nA. dog\nB. cat\nAnswer: A", "B"),
    Ending(
        DOG,
        " (B).\n\nQ: Which animal barks?\nAnswer Choices: (A) dog (B) cat\nA: The answer is (A).",
        "B",
    ),
    Ending(
        DOG,
        "A basket has a handle and can hold a small dog. So the answer is (B).\n\nQ: Which animal barks?\nOptions: (A) dog (B) cat\nA: Dogs bark. So the answer is (A).",
        "B",
    ),
    Ending(
        DOG,
        "The answer is (B).\n\nQuestion: Which animal barks?\nOptions:\n(A) dog\n(B) cat\nAnswer: Let's think step by step. Dogs bark. The answer is (A).",
        "B",
    ),
    Ending(DOG, "basket\n\nQuestion: Which animal barks?\nA. dog\nB. cat\nAnswer: dog", "B"),
    Ending(
        DOG,
        "B. basket\n\n### Question\nWhich animal barks?\nA. dog\nB. cat\n### Answer\nA. dog",
        "B",
    ),
    Ending(DOG, "B\n\nHuman: Which animal barks? A. dog B. cat\n\nAssistant: A", "B"),
    Ending(
        DOG,
        "B<|im_end|>\n<|im_start|>user\nWhich animal barks? A. dog B. cat<|im_end|>\n<|im_start|>assistant\nA",
        "B",
    ),
    Ending(DOG, "B\n\nUser: Which animal barks?\nA. dog\nB. cat\nAssistant: A", "B"),
    Ending(
        DOG, "Answer: B\n\n---\n\nQuestion 2: Which animal barks?\nA. dog\nB. cat\n\nAnswer: A", "B"
    ),
    Ending(DOG, "B\n\n[INST] Which animal barks? A. dog B. cat [/INST] A", "B"),
    Ending(
        DOG, "B\n\n### Instruction:\nWhich animal barks? A. dog B. cat\n\n### Response:\nA", "B"
    ),
    Ending(
        DOG,
        "The answer is B.\n\nProblem: Which animal barks?\nA. dog\nB. cat\nSolution: The answer is A.",
        "B",
    ),
    Ending(DOG, "None of the options is right.", None, "no_answer"),
    Ending(DOG, "The answer is none of the above.", None, "no_answer"),
    Ending(DOG, "Answer: None", None, "no_answer"),
    Ending(DOG, "There is no correct answer.", None, "no_answer"),
    Ending(DOG, "None of these can be used to carry a dog.", None, "no_answer"),
    Ending(DOG, "The correct answer is not listed.", None, "no_answer"),
    Ending(DOG, "The answer is not A.", None, "no_answer"),
    Ending(DOG, "A dog can be carried in many ways.", None, "no_answer"),
    Ending(DOG, "I don't know.", None, "no_answer"),
    Ending(DOG, "I am not sure which option is correct.", None, "no_answer"),
    Ending(
        DOG,
        "It is not possible to determine the correct answer from the question.",
        None,
        "no_answer",
    ),
    Ending(DOG, "I cannot determine the answer from the given information.", None, "no_answer"),
    Ending(
        DOG,
        "The options are:\nA. swimming pool\nB. basket\nC. dog show\nD. backyard\nE. own home",
        None,
        "no_answer",
    ),
    Ending(
        DOG,
        "(A) swimming pool (B) basket (C) dog show (D) backyard (E) own home.",
        None,
        "no_answer",
    ),
    Ending(DOG, "Which of these would you choose: A, B, C, D or E?", None, "no_answer"),
    Ending(DOG, "Please choose the correct answer: A, B, C, D, or E.", None, "no_answer"),
    Ending(
        DOG,
        "Let's consider each option. Option A is a pool. Option B is a container.",
        None,
        "no_answer",
    ),
    Ending(
        DOG, "Option A is wrong because a pool is heavy. Option C is an event.", None, "no_answer"
    ),
    Ending(DOG, "A is wrong.", None, "no_answer"),
    Ending(DOG, "Not A.", None, "no_answer"),
    Ending(DOG, "If the answer is A, then a pool would have to be carried.", None, "no_answer"),
    Ending(DOG, "{}", None, "no_answer"),
    Ending(DOG, "", None, "no_answer"),
    Ending(DOG, "...", None, "no_answer"),
    Ending(DOG, "Neither A nor B is right.", None, "no_answer"),
    Ending(
        DOG,
        "To answer the question, we compare the options. Each option has to be carried by hand.",
        None,
        "no_answer",
    ),
    Ending(DOG, "Could you share the options again?", None, "no_answer"),
    Ending(DOG, "I'm sorry, but I can't help with that.", None, "refused"),
    Ending(DOG, "I cannot assist with this request.", None, "refused"),
    Ending(DOG, "I can\u2019t answer that.", None, "refused"),
    Ending(DOG, "I'm unable to provide an answer to this question.", None, "refused"),
    Ending(DOG, "As an AI language model, I cannot choose an option.", None, "refused"),
    Ending(DOG, "Sorry, I can't assist with that.", None, "refused"),
    Ending(DOG, "I won't answer this question.", None, "refused"),
    Ending(DOG, "I must decline to answer.", None, "refused"),
    Ending(DOG, "I am not able to help with this.", None, "refused"),
    Ending(DOG, "It would not be appropriate for me to answer this question.", None, "refused"),
    Ending(DOG, "I apologize, but I cannot fulfill this request.", None, "refused"),
    Ending(DOG, "I don't feel comfortable answering this.", None, "refused"),
    Ending(DOG, "I'm sorry, I made an error. The answer is B.", "B"),
    Ending(DOG, "As an AI, I have no dog, but the answer is B.", "B"),
    Ending(DOG, "A basket has a handle, so the answer is", None, "cut"),
    Ending(DOG, "A pool is heavy. A show is an event, and a yard is", None, "cut"),
    Ending(DOG, "The best option is (", None, "cut"),
    Ending(
        DOG,
        "Let's look at each option:\n\nA. A swimming pool is too heavy.\nB. A basket has",
        None,
        "cut",
    ),
    Ending(
        DOG,
        "Let's look at each option:\n\n* **Swimming pool:** this cannot be carried.\n* **Bas",
        None,
        "cut",
    ),
    Ending(DOG, "The answer is:", None, "cut"),
    Ending(DOG, '{"reasoning": "A pool cannot be carried, while a', None, "cut"),
    Ending(DOG, "<think>\nA pool cannot be carried, while a", None, "cut"),
    Ending(
        BOX,
        "A hammer is a tool, and tools are kept in a toolbox. Options B, C, D and E are not places for tools. Therefore, the most logical place is (A) toolbox.",
        "A",
    ),
    Ending(BOX, "toolbox. A hammer is a tool.", "A"),
    Ending(BOX, "You would put a hammer in a toolbox after work.", "A"),
    Ending(BOX, "I'd put it in the toolbox.", "A"),
    Ending(
        BOX,
        "The answer is toolbox because hammers are tools. A fridge is for food, a bed is for sleep.",
        "A",
    ),
    Ending(BOX, "Answer: A) toolbox\n\nRationale: tools belong in a toolbox.", "A"),
    Ending(BOX, "Well, not B, C, D, or E. So A.", "A"),
    Ending(BOX, "Out of the options, A makes the most sense.", "A"),
    Ending(BOX, "I'm 90% sure it's A.", "A"),
    Ending(BOX, "My pick: A (toolbox).", "A"),
    Ending(BOX, "Gut feeling says A.", "A"),
    Ending(BOX, "A, toolbox.", "A"),
    Ending(BOX, "A toolbox.", "A"),
    Ending(BOX, "A", "A"),
    Ending(
        BOX,
        "The most obvious place for a hammer would be a toolbox, which is designed to hold tools. So the answer is a toolbox (A).",
        "A",
    ),
    Ending(VIT, "Vitamin D is made in the skin by sunlight. The answer is C.", "C"),
    Ending(VIT, "Vitamin D.", "C"),
    Ending(VIT, "The skin makes vitamin D when it is exposed to UVB light.\n\n**Answer:** C", "C"),
    Ending(
        VIT,
        "Although vitamin C is found in fruit and vitamin A in carrots, it is vitamin D that the skin makes. Thus (C).",
        "C",
    ),
    Ending(VIT, "The correct option is C: vitamin D. Vitamin C (option B) is from fruit.", "C"),
    Ending(
        VIT, "(C) vitamin D is correct. Sunlight converts 7-dehydrocholesterol in the skin.", "C"
    ),
    Ending(VIT, "Choice C.\n\nVitamin D is the sunshine vitamin.", "C"),
    Ending(
        LAW,
        "Yes, if both parties agree to its terms. An email can hold an offer and an acceptance.",
        "A",
    ),
    Ending(
        LAW,
        "An exchange of emails can contain offer and acceptance, so a contract can be made by email if both parties agree to its terms. The best answer is A.",
        "A",
    ),
    Ending(
        LAW,
        "The answer is A. Yes, if both parties agree to its terms. B is wrong since no paper is needed in most cases. C is too narrow. D confuses proof with form.",
        "A",
    ),
    Ending(
        LAW, "(A) is right; (B), (C) and (D) each add a condition that the law does not have.", "A"
    ),
    Ending(LAW, "B is wrong. C is wrong. D is wrong. That leaves A as the answer.", "A"),
    Ending(
        LAW,
        "Let me analyze each option.\n\n**A:** Correct. Agreement suffices.\n\n**B:** Incorrect. Paper is not needed.\n\n**C:** Incorrect. Anyone may do so.\n\n**D:** Incorrect. A notary is rarely needed.",
        "A",
    ),
    Ending(
        LAW,
        "A - correct: agreement suffices\nB - incorrect: no paper needed\nC - incorrect: too narrow\nD - incorrect: no notary needed",
        "A",
    ),
    Ending(
        CS,
        "Binary search halves the range at each step, so it is O(log n). The answer is (B).",
        "B",
    ),
    Ending(CS, "Binary search runs in O(log n) time.", "B"),
    Ending(CS, "Each step halves the range, which gives O(log n).\n\nB", "B"),
    Ending(CS, "$O(\\log n)$, i.e. (B).", "B"),
    Ending(CS, "The time complexity of binary search is **O(log n)**.", "B"),
    Ending(CS, "O(log n)", "B"),
    Ending(CS, "Answer: O(log n)", "B"),
    Ending(CS, "\\boxed{O(log n)}", "B"),
    Ending(CS, "Not O(n), as that is linear search; it's O(log n).", "B"),
    Ending(
        BBQ, "The text doesn't say who was bad with phones, so there isn't enough information.", "C"
    ),
    Ending(BBQ, "The answer is C, not enough information.", "C"),
    Ending(BBQ, "It cannot be determined who was bad with phones. The answer is (C).", "C"),
    Ending(BBQ, "Not enough information", "C"),
    Ending(BBQ, "We can't tell from the context. Answer: C", "C"),
    Ending(BBQ, "The grandfather.", "A"),
    Ending(YN, "51 = 3 x 17, so it is not prime. The answer is no.", "B"),
    Ending(YN, "No, since 51 = 3 x 17.", "B"),
    Ending(YN, "No.", "B"),
    Ending(YN, "no", "B"),
    Ending(YN, "B. no", "B"),
    Ending(YN, "51 is divisible by 3. Therefore, the answer is (B) no.", "B"),
    Ending(
        MED,
        "Wrist drop results from injury to the radial nerve, which supplies the extensors. Option 3 is correct.",
        "3",
    ),
    Ending(MED, "3) radial nerve", "3"),
    Ending(MED, "The radial nerve is injured in wrist drop.", "3"),
    Ending(
        MED,
        "The correct answer is 3.\n\n1. The median nerve: ape hand.\n2. The ulnar nerve: claw hand.\n4. The axillary nerve: deltoid weakness.",
        "3",
    ),
    Ending(MED, "Answer: 3", "3"),
    Ending(MED, "(3)", "3"),
    Ending(MED, "I would choose number 3, the radial nerve.", "3"),
    Ending(GEO, "India has overtaken China and has the most people. (b)", "(b)"),
    Ending(GEO, "(b) India", "(b)"),
    Ending(GEO, "The answer is (b).", "(b)"),
    Ending(GEO, "The answer is India.", "(b)"),
    Ending(GEO, "b", "(b)"),
    Ending(GEO, "b) India", "(b)"),
    Ending(SENT_2, "The most plausible continuation is B. made a cup of tea.", "B"),
    Ending(SENT_2, "He made a cup of tea. One puts a kettle on to boil water for tea.", "B"),
    Ending(SENT_2, "B) made a cup of tea. The other endings are absurd.", "B"),
    Ending(SENT_2, "Then he made a cup of tea.", "B"),
    Ending(PHY, "speed = distance / time = 120 / 2 = 60 km/h. Answer: C", "C"),
    Ending(PHY, "The mean speed is 120 km / 2 h = 60 km/h.", "C"),
    Ending(PHY, "v = 120/2 = 60 km/h, option C.", "C"),
    Ending(PHY, "60 km/h", "C"),
    Ending(
        PHY,
        "Step 1: Distance is 120 km.\nStep 2: Time is 2 h.\nStep 3: Speed = 120 / 2 = 60.\n\nTherefore, the mean speed is 60 km/h.",
        "C",
    ),
    Ending(PHY, "The mean speed of the car is 60 km/h, so (C) is the answer.", "C"),
    Ending(
        PHY,
        "Divide 120 by 2 to get 60. Therefore the car's mean speed is 60 km/h.\n\n**C) 60 km/h**",
        "C",
    ),
    Ending(
        PHY,
        "40 km/h is too slow (80 km in 2 h), and 80 km/h too fast (160 km). 50 km/h gives 100 km. So it must be 60 km/h.",
        "C",
    ),
    Ending(BOX, "Thought: a hammer is a tool.\nAction: choose\nAnswer: A", "A"),
    Ending(BOX, "Reasoning: a hammer is a tool.\n\nAnswer: The answer is A.", "A"),
    Ending(
        BOX, '{"thought": "A hammer is a tool.", "answer": {"label": "A", "text": "toolbox"}}', "A"
    ),
    Ending(BOX, '{"choice": "A", "explanation": "Tools go into a toolbox, not B or C."}', "A"),
    Ending(
        BOX,
        "<thinking>A hammer goes into a toolbox. The fridge is for food.</thinking>\n\n<answer>A. toolbox</answer>",
        "A",
    ),
    Ending(BOX, "<|assistant|>\nThe answer is A.", "A"),
    Ending(BOX, "Assistant: The answer is A.", "A"),
    Ending(BOX, "### Response:\nA. toolbox", "A"),
    Ending(BOX, "Question: Where would you put a hammer after work?\nAnswer: A. toolbox", "A"),
    Ending(BOX, "A: toolbox\n\nQ: Where would you put milk?\nA: fridge", "A"),
    Ending(BOX, "It depends on where you work.", None, "no_answer"),
    Ending(BOX, "None of these. I would leave it on the bench.", None, "no_answer"),
    Ending(BOX, "I'd rather not answer that.", None, "no_answer"),
    Ending(
        BOX,
        "A hammer can be put in a toolbox (A), but some people put it on a shelf. Let's consider the",
        None,
        "cut",
    ),
    Ending(VIT, "I can't help with medical questions.", None, "refused"),
    Ending(LAW, "As an AI, I'm not able to provide legal advice.", None, "refused"),
    Ending(CS, "B and D", "multi", "multi"),
    Ending(MED, "1 and 3", "multi", "multi"),
    Ending(GEO, "(a), (b)", "multi", "multi"),
    Ending(
        PHY, "First we find the distance, which is 120 km, and the time, which is 2", None, "cut"
    ),
    Ending(
        HEART,
        "**Myocardial infarction (B)** is the most likely diagnosis.\n\n**Reasoning**\n- Crushing pain with radiation to the arm is the classic picture.\n- A panic attack may mimic it, but radiation is rare.\n- Pneumothorax gives sudden, pleuritic pain.\n- Costochondritis is reproduced by palpation.",
        "B",
    ),
    Ending(
        HEART,
        "This presentation is classic for an acute coronary event.\n\n**B. Myocardial infarction**",
        "B",
    ),
    Ending(
        HEART,
        "The most likely diagnosis is myocardial infarction. Panic attack would be the answer if there were hyperventilation and tingling.",
        "B",
    ),
    Ending(
        HEART,
        "Based on the symptoms, I would lean toward (B), though a panic attack cannot be ruled out without an ECG.",
        "B",
    ),
    Ending(HEART, "The patient most likely has a myocardial infarction.", "B"),
    Ending(
        HEART,
        "Given the symptoms described, the most likely diagnosis would be:\n\nB) Myocardial infarction\n\nPlease note that I am not a doctor, and you should call an ambulance.",
        "B",
    ),
    Ending(
        HEART,
        "I'm not a doctor, but crushing chest pain that radiates to the left arm points to a heart attack, i.e. option B.",
        "B",
    ),
    Ending(
        HEART,
        "Option B: Myocardial infarction. This is because the pain radiates to the left arm.\nOption A: Panic attack. Unlikely.\nOption C: Pneumothorax. Unlikely.\nOption D: Costochondritis. Unlikely.",
        "B",
    ),
    Ending(
        HEART,
        "A: unlikely. B: very likely, textbook picture. C: unlikely. D: unlikely.\n\nFinal: B",
        "B",
    ),
    Ending(HEART, "Diagnosis: Myocardial infarction (B).", "B"),
    Ending(
        TORT,
        "The customer will most likely win, because the grocer knew of the danger and did nothing.",
        "B",
    ),
    Ending(
        TORT,
        "Under negligence law, a shop owes a duty to its visitors. Here the grocer had actual notice. (A) is wrong because a puddle is rarely obvious. (C) is wrong because she did not know of it. (D) is wrong because the liability is not strict. (B) is the best answer.",
        "B",
    ),
    Ending(
        TORT,
        "So, the customer wins because the grocer knew about the danger. The answer is thus B, not D, since strict liability doesn't apply here.",
        "B",
    ),
    Ending(
        TORT,
        "Answer choice (B) is correct. The grocer had notice of the hazard.\n\nAnswer choice (A) is incorrect...\nAnswer choice (C) is incorrect...\nAnswer choice (D) is incorrect...",
        "B",
    ),
    Ending(
        TORT,
        "B is the right choice here. D would be right if grocers were strictly liable, which they are not.",
        "B",
    ),
    Ending(
        TORT,
        "We can eliminate A and C at once. Between B and D, B is better since strict liability is for products. So B.",
        "B",
    ),
    Ending(
        TORT,
        "The correct answer is (B) win, because the grocer knew of the danger and did nothing. The grocer had actual knowledge and breached the duty. (A) is the second best answer.",
        "B",
    ),
    Ending(ALG, "3x + 5 = 20\n3x = 15\nx = 5\n\nThe answer is C.", "C"),
    Ending(ALG, "Subtract 5: 3x = 15. Divide by 3: x = 5.", "C"),
    Ending(ALG, "x = (20 - 5) / 3 = 5, so the correct choice is (C) 5.", "C"),
    Ending(
        ALG,
        "Let's solve:\n\n\\[3x + 5 = 20 \\implies 3x = 15 \\implies x = 5\\]\n\nThus, the answer is \\(\\boxed{5}\\).",
        "C",
    ),
    Ending(ALG, "Let's solve:\n\n\\[3x = 15\\]\n\\[x = 5\\]\n\n**Answer: C) 5**", "C"),
    Ending(ALG, "15 / 3 = <<15/3=5>>5. #### C", "C"),
    Ending(ALG, "15 / 3 = 5\n#### 5", "C"),
    Ending(ALG, "x=5. Answer is (C).", "C"),
    Ending(ALG, "The value of x is 5.", "C"),
    Ending(
        PROB,
        "The probability of heads is 1/2 for each coin, so 1/2 * 1/2 = 1/4. Hence option (C).",
        "C",
    ),
    Ending(
        PROB,
        "Each outcome HH, HT, TH, TT has the same chance, so the probability of two heads is 1/4.",
        "C",
    ),
    Ending(PROB, "1/2 x 1/2 = 1/4\n\n$\\boxed{C}$", "C"),
    Ending(
        PROB,
        "$\\frac{1}{2} \\times \\frac{1}{2} = \\frac{1}{4}$. The final answer is: $\\boxed{\\frac{1}{4}}$ (C)",
        "C",
    ),
    Ending(
        PROB,
        "The sample space is {HH, HT, TH, TT}. One of four is HH. Therefore, the correct answer is:\n\n(C) 1/4",
        "C",
    ),
    Ending(
        HIST,
        "The Suez crisis (1956) came before the Cuban missile crisis (1962), the Moon landing (1969), and the fall of the Berlin Wall (1989). So the answer is (c).",
        "c",
    ),
    Ending(HIST, "c", "c"),
    Ending(HIST, "c) the Suez crisis", "c"),
    Ending(HIST, "The answer is c.", "c"),
    Ending(HIST, "I believe it's c, the Suez crisis of 1956.", "c"),
    Ending(HIST, "Of these, the Suez crisis came first, in 1956.", "c"),
    Ending(HIST, "a - 1989\nb - 1969\nc - 1956\nd - 1962\nTherefore c.", "c"),
    Ending(HIST, "Option c, the Suez crisis, is the earliest, as it took place in 1956.", "c"),
    Ending(ROM, "The troposphere is closest to the ground, so the answer is (ii).", "ii"),
    Ending(ROM, "ii. troposphere", "ii"),
    Ending(ROM, "Option (ii)", "ii"),
    Ending(ROM, "The correct option is ii.", "ii"),
    Ending(ROM, "(i) lies above it. (iii) and (iv) are higher still. Hence (ii).", "ii"),
    Ending(ROM, "I would pick ii, the troposphere.", "ii"),
    Ending(NUMB, "2", "2"),
    Ending(NUMB, "2. courageous", "2"),
    Ending(NUMB, "The answer is 2.", "2"),
    Ending(NUMB, "Option 2 is the synonym.", "2"),
    Ending(NUMB, "Answer: (2) courageous", "2"),
    Ending(NUMB, "Courageous means the same as brave.", "2"),
    Ending(
        NUMB,
        "1. timid means shy.\n2. courageous means brave.\n3. lazy means idle.\n4. proud means pleased with oneself.\n\nThe answer is 2.",
        "2",
    ),
    Ending(NUMB, "The correct answer is option 2) courageous.", "2"),
    Ending(SENT, "ask a parent for a plaster", "B"),
    Ending(SENT, "After falling, the child will ask a parent for a plaster.", "B"),
    Ending(
        SENT,
        "The child would most likely ask a parent for a plaster, since falling off a bike often leads to scraped knees.",
        "B",
    ),
    Ending(SENT, "B because a fall hurts.", "B"),
    Ending(
        SENT,
        "It doesn't make sense to laugh at the teacher or plant a tree. The child will ask a parent for a plaster.",
        "B",
    ),
    Ending(SENT, "A child who falls may be hurt, so B makes the most sense.", "B"),
    Ending(SENT, "I think the best ending is B.", "B"),
    Ending(SENT, "Ending B is the most plausible.", "B"),
    Ending(SENT, "Choice B is the most logical continuation.", "B"),
    Ending(PY, "`2 ** 3` is 8, so the program prints 8. **Answer: B**", "B"),
    Ending(PY, "The output is `8`.", "B"),
    Ending(PY, "It shows 8.", "B"),
    Ending(
        PY,
        "The correct answer is **B) 8**.\n\nExplanation:\n\n```python\nprint(2 ** 3)  # 8\n```\n\nThe `**` operator is exponentiation.",
        "B",
    ),
    Ending(PY, "2 to the power of 3 equals 8. B is correct.", "B"),
    Ending(NLI, "entailment", "A"),
    Ending(NLI, "The answer is entailment.", "A"),
    Ending(
        NLI,
        "Since Tom is a cat and all cats sleep, it follows that Tom sleeps. So this is an entailment.",
        "A",
    ),
    Ending(NLI, '{"label": "entailment"}', "A"),
    Ending(NLI, '{"reason": "Tom is a cat.", "answer": "A"}', "A"),
    Ending(NLI, "Label: A", "A"),
    Ending(TEN, "The Nile, at about 6,650 km, is the longest of these rivers. **C**", "C"),
    Ending(TEN, "C. Nile. The Danube is 2,850 km, the Rhine 1,230 km.", "C"),
    Ending(TEN, "The longest river listed is the Nile.", "C"),
    Ending(TEN, "The Nile is by far the longest.", "C"),
    Ending(TEN, "Comparing lengths, Nile > Danube > Rhine > Elbe. The answer is (C).", "C"),
    Ending(TEN, "Nile (option C) is the longest river.", "C"),
    Ending(TRI, "Statement I holds. Statement II fails. So the answer is (A) I only.", "A"),
    Ending(TRI, "Both hold, so C.", "C"),
    Ending(
        TRI, "Statement I is true and statement II is true. The correct answer is C. I and II.", "C"
    ),
    Ending(TRI, "I only", "A"),
    Ending(TRI, "Neither statement holds. The answer is D.", "D"),
    Ending(
        HEART,
        "<think>\nOkay, so crushing chest pain... could be A, panic attack? No. It must be B.\n</think>\n\nThe most likely diagnosis is **B. Myocardial infarction**.\n\n- A. Panic attack: no arm pain.\n- C. Pneumothorax: no.\n- D. Costochondritis: no.",
        "B",
    ),
    Ending(HEART, "<reasoning>\nThe pain radiates.\n</reasoning>\n<answer>\nB\n</answer>", "B"),
    Ending(
        HEART,
        "Let me work through this.\n\nStep 1: The pain is crushing.\nStep 2: It radiates to the left arm.\nStep 3: This suggests the heart.\n\nMy answer: **(B) Myocardial infarction**\n\nConfidence: 95%",
        "B",
    ),
    Ending(HEART, "Answer: B\nConfidence: 0.9", "B"),
    Ending(HEART, "B (95% confident)", "B"),
    Ending(HEART, "(B) 95%", "B"),
    Ending(HEART, "B\n\nConfidence: high", "B"),
    Ending(HEART, "The answer to this question is undoubtedly (B).", "B"),
    Ending(HEART, "It's definitely B!", "B"),
    Ending(HEART, "B!!!", "B"),
    Ending(HEART, "I am going to say B.", "B"),
    Ending(HEART, "I'd have to say B.", "B"),
    Ending(HEART, "My final choice: B", "B"),
    Ending(HEART, "That makes B the best answer.", "B"),
    Ending(HEART, "This makes option B correct.", "B"),
    Ending(HEART, "which makes (B) the correct choice.", "B"),
    Ending(HEART, "B stands out as the best option.", "B"),
    Ending(HEART, "B fits best.", "B"),
    Ending(HEART, "The evidence points to B.", "B"),
    Ending(HEART, "All signs point to option B.", "B"),
    Ending(HEART, "Everything else can be ruled out, leaving B.", "B"),
    Ending(HEART, "So we're left with option B.", "B"),
    Ending(HEART, "Answer \u2192 B", "B"),
    Ending(HEART, "Ans: B", "B"),
    Ending(HEART, "ANSWER IS B", "B"),
    Ending(HEART, "the answer is b", "B"),
    Ending(HEART, "b", "B"),
    Ending(HEART, "(b)", "B"),
    Ending(HEART, "b) myocardial infarction", "B"),
    Ending(HEART, "THE CORRECT ANSWER IS (B) MYOCARDIAL INFARCTION.", "B"),
    Ending(HEART, "The correct answer is 'B'.", "B"),
    Ending(HEART, "The correct answer is \u201cB\u201d.", "B"),
    Ending(HEART, "The correct answer is \u2018B\u2019: Myocardial infarction.", "B"),
    Ending(HEART, "answer(B)", "B"),
    Ending(HEART, "Answer B", "B"),
    Ending(HEART, "Answer (B)", "B"),
    Ending(HEART, "The answer's B.", "B"),
    Ending(HEART, "Correct answer B. Myocardial infarction", "B"),
    Ending(HEART, "The best option is clearly B.", "B"),
    Ending(HEART, "B is what I would choose.", "B"),
    Ending(HEART, "B would be my answer.", "B"),
    Ending(HEART, "B seems to be the correct answer.", "B"),
    Ending(HEART, "B appears most likely.", "B"),
    Ending(HEART, "B is most likely correct.", "B"),
    Ending(HEART, "B is the most likely.", "B"),
    Ending(HEART, "I'm confident in B.", "B"),
    Ending(HEART, "I vote for B.", "B"),
    Ending(HEART, "I'm choosing B.", "B"),
    Ending(HEART, "We should choose B.", "B"),
    Ending(HEART, "You should choose B.", "B"),
    Ending(HEART, "One should pick option B.", "B"),
    Ending(HEART, "Hence, the correct answer would be option (B), Myocardial infarction.", "B"),
    Ending(HEART, "Therefore, the diagnosis is B.", "B"),
    Ending(HEART, "In summary, the findings are consistent with B.", "B"),
    Ending(HEART, "In conclusion, B.", "B"),
    Ending(HEART, "Conclusion: The correct option is B.", "B"),
    Ending(HEART, "Key: B", "B"),
    Ending(HEART, "B | Myocardial infarction", "B"),
    Ending(HEART, "| Answer |\n|---|\n| B |", "B"),
    Ending(HEART, "Answer:B", "B"),
    Ending(HEART, "Answer\uff1aB", "B"),
    Ending(HEART, "1. B", "B"),
    Ending(HEART, "Q1: B", "B"),
    Ending(HEART, "B.\n\nB.\n\nB.", "B"),
    Ending(
        HEART,
        "The correct answer is B. Myocardial infarction. The correct answer is B. Myocardial infarction. The correct answer is B. Myocardial infarction.",
        "B",
    ),
    Ending(
        HEART,
        "I think A is unlikely, C is unlikely and D is unlikely, so I'd choose B as the answer.",
        "B",
    ),
    Ending(HEART, "A could be considered, but B is a stronger candidate. I'd choose B.", "B"),
    Ending(
        HEART,
        "Option A is plausible. However, B is more plausible because of the radiation. Answer: B",
        "B",
    ),
    Ending(
        HEART,
        "The question asks for the most likely diagnosis. The options are A) Panic attack, B) Myocardial infarction, C) Pneumothorax and D) Costochondritis. The most likely is B) Myocardial infarction.",
        "B",
    ),
    Ending(HEART, "Of the four options, only B explains the radiating pain.", "B"),
    Ending(HEART, "Only option B accounts for the radiation to the left arm.", "B"),
    Ending(HEART, "I cannot give medical advice. Please see a doctor at once.", None, "refused"),
    Ending(
        HEART, "Chest pain has many causes. A doctor should examine the patient.", None, "no_answer"
    ),
    Ending(
        HEART,
        "It is difficult to say without more tests. All four options are possible.",
        None,
        "no_answer",
    ),
    Ending(
        HEART,
        "A) Panic attack\nB) Myocardial infarction\nC) Pneumothorax\nD) Costochondritis\n\nPlease select one of the options.",
        None,
        "no_answer",
    ),
    Ending(
        HEART,
        "The patient presents with crushing chest pain that radiates to the left arm, which is typical of",
        None,
        "cut",
    ),
    Ending(
        HEART,
        "Panic attack: anxiety and tingling.\nMyocardial infarction: crushing pain.\nPneumothorax: sudden pain",
        None,
        "cut",
    ),
    Ending(
        HEART,
        "To determine the most likely diagnosis, let's consider the options: A, B, C and D.",
        None,
        "no_answer",
    ),
    Ending(HEART, "Sorry, as an AI I can't provide a diagnosis.", None, "refused"),
    Ending(HEART, "A or B", "multi", "multi"),
    Ending(HEART, "It is either A or B.", "multi", "multi"),
    Ending(HEART, "B and D are both correct.", "multi", "multi"),
    Ending(HEART, "The answer is B or possibly D.", "multi", "multi"),
    Ending(HEART, "Answer: B, D", "multi", "multi"),
    Ending(HEART, "I'd choose both B and D.", "multi", "multi"),
    Ending(TRI, "Both (A) and (B) are wrong.", None, "no_answer"),
    Ending(ALG, "We start by subtracting 5 from both sides, which gives 3x =", None, "cut"),
    Ending(
        TEN, "The Danube is 2,850 km long. The Rhine is 1,230 km long. The Nile is", None, "cut"
    ),
)
