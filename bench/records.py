"""The frozen nouns of asking, reading and scoring, as they are stored in a run folder."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field

from starprobe.probes.schema import Record

TreatmentCode = Literal["none", "named", "reasoned"]
Side = Literal["for", "against", "neutral"]
Outcome = Literal["answered", "no_answer", "refused", "multi", "cut"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Style = Literal["option_by_option", "partial", "chosen_only", "general_reasoning", "direct"]
FinishReason = Literal["stop", "length", "refusal", "other"]
STYLES: tuple[Style, ...] = get_args(Style)
MULTI = "multi"
"""The `answer` of a verdict that found more than one."""
RUN_FORMAT = 1
"""Version of the run folder's layout."""


class Sampling(Record):
    """How to sample; the same words as the field's."""

    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int = 0
    """Repeat r of a prompt is sampled with a seed derived from this one, the prompt and r."""


class Usage(Record):
    """Tokens of one response, as the backend counts them; None where it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    """In US dollars."""


class ResponseError(Record):
    """Why a prompt has no response."""

    kind: str
    """Short and stable: `http_429`, `timeout`, `out_of_memory`, ..."""
    message: str
    permanent: bool = False
    """True where trying again cannot help."""


def is_right(answer: str | None, key: str | None) -> bool | None:
    """Whether an answer is the key's: None without a key, or without one answer."""
    if key is None or answer is None or answer == MULTI:
        return None
    return answer == key


class Generation(Record):
    """What a backend gives for one request, before it is given an id."""

    text: str = ""
    reasoning: str | None = None
    """Thinking, whether it arrived apart from the answer or stood inside tags."""
    raw: str | None = None
    """The text as it was written, where thinking stood inside it."""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    error: ResponseError | None = None
    token_ids: tuple[int, ...] | None = Field(None, exclude_if=lambda ids: ids is None)
    """What a local engine sampled, its end token included; None where it was cut at a stop string,
    and in run folders. A model is trained on these very tokens."""


class Response(Generation):
    """One row of responses.jsonl."""

    id: str
    """Hash of model, revision, endpoint, prompt, sampling and repeat."""
    prompt_id: str
    repeat: int = 0
    model: str

    @property
    def readable(self) -> str:
        """What a reader reads, and what the spans of a verdict point into.

        The reasoning that arrived apart, two newlines, and the text.
        """
        return f"{self.reasoning}\n\n{self.text}" if self.reasoning else self.text


class Treatment(Record):
    """How a response treats one option."""

    treatment: TreatmentCode = "none"
    side: Side | None = None
    """Only where reasoned."""
    spans: tuple[tuple[int, int], ...] = ()
    """Evidence: [start, end) in characters, in order, inside the text that was read."""
    p_reasoned: float | None = None
    """Probability that it is reasoned about, from a reader that gives one."""


class Verdict(Record):
    """What a reader finds in one response; one row of verdicts.NAME.jsonl.

    In a run folder `options` and `answer` name option ids; in `starprobe classify FILE` they name
    the labels of that file.
    """

    id: str
    options: dict[str, Treatment]
    answer: str | None
    """An option, `multi`, or None."""
    outcome: Outcome
    general: bool
    style: Style
    coverage: float | None
    """Share of options reasoned about; None where there are no options."""
    p_option_by_option: float | None = None
    classifier: str
    """Name and version of the reader."""


class Drawn(Record):
    """How a response came into the sample that people label; one row of sample.jsonl."""

    id: str
    model: str
    condition: str
    said: Literal["every", "some", "none"]
    """Of how many options the reader said that they are reasoned about."""
    size: int
    """Responses of this model and condition of which it said that."""
    probability: float
    """Share of them that is in the sample after this draw: known, for nothing else decides."""
    draw: int
    """1 for the first draw, 2 for one that went on from there, ..."""
    reader: str
    """Name and version of that reader."""
    seed: int


class Annotation(Record):
    """What a person, or a judge model, says of a response; one row of annotations.NAME.jsonl.

    In the terms of the annotation guideline, by the labels that the prompt shows.
    """

    id: str
    options: dict[str, Literal["0", "n", "r+", "r-", "r~"]]
    general: bool
    answer: str | None
    """A label, `multi`, or None."""
    outcome: Outcome
    style: Style
    by: str
    """`judge:MODEL`, or the name of a person."""
    revised: bool = False
    """Changed after the reader's evidence had been shown."""
    drawn: Drawn | None = None
    """None where it was not drawn: then it counts for no figure."""


class MachineLabel(Record):
    """What a person says where another machine than the reader has said something.

    One row of machine_labels.jsonl.
    """

    id: str
    """Of the response."""
    matter: str
    """`hint_acknowledged`, or the name of a judges' rubric."""
    choice: str
    by: str
    revised: bool = False
    """Changed after the machine's verdict had been shown."""
    band: str
    """What the machine had said: the stratum it was drawn from, in its model and condition."""


class Score(Record):
    """A verdict held against its question."""

    id: str
    correct: bool | None
    """None where the question has no answer key or the response gave no answer."""


class Metric(Record):
    """A number over verdicts, with its interval and what it is over."""

    name: str
    model: str
    condition: str
    value: float | None
    """None where there is nothing to measure (n = 0)."""
    low: float | None
    high: float | None
    n: int
    """Questions (clusters) that it rests on."""
    method: str = ""
    """How the interval was made."""


class ModelInfo(Record):
    """What a backend knows of the model it serves."""

    name: str
    """As the user named it: BACKEND:NAME[@URL]."""
    revision: str | None = None
    endpoint: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class RunInfo(Record):
    """run.json."""

    format: int = RUN_FORMAT
    probe_set: str
    probe_hash: str
    questions: int
    conditions: tuple[str, ...]
    orders: int
    repeats: int
    models: tuple[ModelInfo, ...]
    sampling: Sampling
    limit: int | None = None
    """Questions of each set, sampled by the seed of `sampling`; None for all."""
    created: str
    """UTC, ISO 8601."""
    command: str
    """A command that repeats the run."""
    versions: dict[str, str]
    hardware: dict[str, str]
    imported: bool = False
    """True where the responses were made elsewhere."""


class Comparison(Record):
    """One metric of two things, before and after, on the same questions."""

    metric: str
    kind: Literal["rate", "mean"]
    """A share of zeros and ones, or a mean of numbers."""
    model_before: str
    model_after: str
    condition: str
    before: float | None
    after: float | None
    difference: float | None
    """After minus before."""
    low: float | None
    high: float | None
    test: str
    """The test's name; empty where there was nothing to test."""
    p: float | None
    p_adjusted: float | None
    """p among those that it was tested with: of secondary ones by Holm, of exploratory ones by
    Benjamini and Hochberg; of a primary one p itself."""
    n: int
    """Questions that have a value on both sides; `before` and `after` are over these."""
    pairs: int
    """Pairs of verdicts with a value on both sides."""
    before_only: int | None = None
    """Pairs true before and not after; None where the metric is a mean."""
    after_only: int | None = None
    role: Literal["primary", "secondary", "exploratory"] = "exploratory"
    verdict: Literal["more", "less", "alike", "undecided"] | None = None
    """Of after against before; `alike`: the interval lies inside the margin."""
    margin: float | None = None
    """Differences up to this count as none that matter."""
    detectable: float | None = None
    """The smallest difference that these questions find four times in five."""
    questions_needed: int | None = None
    """Where undecided: about how many questions would decide it."""
    unmatched: int = 0
    """Questions that only one side was asked, left out."""
    probes: str = ""
    """The question set; empty: all of them."""


class Standing(Record):
    """Where a model stands among those asked the same questions."""

    model: str
    metric: str
    condition: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    best_rank: int
    """1 and as many as are told to be higher."""
    worst_rank: int
    """All models less as many as are told to be lower."""


class NotApplicable(Record):
    """A model and condition that cannot be measured."""

    model: str
    condition: str
    reason: str
