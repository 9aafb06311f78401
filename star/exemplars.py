"""Worked examples that a training prompt shows: those of probes, or a file, matched by kind.

A file is TOML with a table `[[example]]` each: the fields of `probes.worked_examples.WorkedExample`
and a `kind`; an example is shown before questions of its kind (the field `kind` of a question).
Examples without options are for questions without: word problems that end with a number.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError, model_validator

from starprobe.probes.errors import InputError
from starprobe.probes.schema import Question
from starprobe.probes.worked_examples import Domain, WorkedExample, domain_of, worked_examples

BUILT_IN = ("probes", "numbers", "word_problems")


class Exemplar(WorkedExample):
    """A worked example for questions of one kind."""

    domain: Domain = "numbers"
    kind: str = ""
    """Empty: for questions of any kind of its domain."""
    options: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Exemplar:
        if len(self.reasons) != len(self.options):
            raise ValueError(f"{len(self.options)} options and {len(self.reasons)} reasons")
        return self

    def as_question(self) -> Question:
        """The same as a question; the answer of one without options is its text."""
        if self.options:
            return super().as_question()
        return Question(id=self.id, stem=self.question, answer_text=self.answer)


def exemplars(name: str) -> tuple[WorkedExample, ...]:
    """The examples of this name: a built-in one, or a file.

    `probes` are those that the probes show too, and word problems for questions without options.

    Raises:
        InputError: no such file, or one that does not hold examples; names the field.
    """
    if name == "probes":
        with_options = worked_examples("commonsense") + worked_examples("numbers")
        return with_options + _load("word_problems")
    return _load(name)


@cache
def _load(name: str) -> tuple[WorkedExample, ...]:
    try:
        if name in BUILT_IN:
            text = (
                files("starprobe.star").joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
            )
        else:
            text = Path(name).read_text(encoding="utf-8")
        tables = tomllib.loads(text).get("example", [])
        found = tuple(Exemplar(**table) for table in tables)
        for one in found:
            one.as_question()
    except OSError as error:
        raise InputError(
            f"examples={name}: cannot be read ({error.strerror}); built in are "
            f"{', '.join(BUILT_IN)}"
        ) from None
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise InputError(f"examples={name}: {_reason(error)}") from None
    if not found:
        raise InputError(f"examples={name}: holds no [[example]]")
    return found


def shown_for(
    question: Question, examples: tuple[WorkedExample, ...], count: int
) -> tuple[WorkedExample, ...]:
    """The examples to show before a question: of its kind where there are any, else its domain.

    Those with options where it has some, those without where it has none, as far as there are any.
    """
    alike = [one for one in examples if bool(one.options) == bool(question.options)]
    examples = tuple(alike) or examples
    kind = question.metadata.get("kind")
    of_kind = [one for one in examples if kind and getattr(one, "kind", "") == kind]
    domain = domain_of(question)
    of_domain = [one for one in examples if one.domain == domain]
    return tuple((of_kind or of_domain or list(examples))[:count])


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False)[0]
        return f"field {'.'.join(str(part) for part in detail['loc'])!r}: {detail['msg']}"
    return str(error)
