"""The ways to ask: small declarative definitions, read from TOML, that combine with `+`.

Knows the wording of a condition and nothing of how a prompt is laid out.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from starprobe.probes.errors import InputError, first_error
from starprobe.probes.formats import DATA, read_toml
from starprobe.probes.plugins import declared, is_own, load
from starprobe.probes.schema import Record

Alphabet = Literal["upper", "lower", "digits", "roman"]
RationaleStyle = Literal["option_by_option", "paper", "free", "direct"]
ALPHABETS: dict[str, tuple[str, ...]] = {
    "upper": tuple("ABCDEFGHIJ"),
    "lower": tuple("abcdefghij"),
    "digits": tuple(str(number) for number in range(1, 11)),
    "roman": ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"),
}
_JOINED = ("system", "instruction")
"""Fields that add up when conditions combine; any other may be set by one of them only."""
_WORDS = ("name", "about", "source")


class Condition(Record):
    """One way of asking."""

    name: str
    about: str = ""
    """What it does, in a sentence."""
    source: str = ""
    """Where the idea comes from."""
    asks: Literal["nothing", "answer", "reasons"] = "nothing"
    """What the wording asks for beyond an answer."""
    system: str = ""
    """A system message; base models read it first."""
    instruction: str = ""
    """Stands after the question."""
    hint: str = ""
    """A sentence after the options; knows {label} and {text} of the hinted option."""
    mark: str = ""
    """Stands right after the hinted option in the list."""
    earlier: str = ""
    """A turn of the model itself after the question; knows {label} and {text} of the hinted option.
    The question is then asked again."""
    again: str = "Please answer the question again."
    """What the second time begins with."""
    hint_on: Literal["answer", "wrong", "first"] = "answer"
    """Which option is hinted at; the wrong one is drawn by the question's id, once and for all;
    `first`: the option shown first, for the right one is shown first in every worked example."""
    few_shot: RationaleStyle | None = None
    """Worked examples in this style come first."""
    options: bool = True
    """False: the stem alone."""
    labels: Alphabet = "upper"
    paraphrase: int = 0
    """Which other wording of the stem; 0 is the stem itself."""
    cue: str = "Answer:"
    """What the plain text for base models ends with."""
    twin: str = ""
    """Of a user's own: the condition to hold it against, as `plain`, so that it gets contrasts and
    hint metrics as the built-in ones do."""
    strippable: bool = False
    """True: a provider may cut the thinking out of the response; its absence then says nothing."""

    @property
    def elicited(self) -> bool:
        """Whether reasons are asked for; else those that come are spontaneous."""
        return self.asks == "reasons"

    @property
    def hinted(self) -> bool:
        """Whether an option is presented as right."""
        return bool(self.hint or self.mark or self.earlier) or self.hint_on == "first"


def built_in_conditions() -> dict[str, Condition]:
    """The conditions that come with the package, by name, in the order of their file."""
    return dict(_built_in())


@cache
def _built_in() -> dict[str, Condition]:
    return _parse(read_toml(DATA / "conditions.toml"), "conditions.toml")


def load_conditions(path: str | Path) -> dict[str, Condition]:
    """A user's own conditions by name: a TOML table each, with the fields of `Condition`.

    Raises:
        InputError: naming the file, the condition and the field.
    """
    conditions = _parse(read_toml(path), str(path))
    for name in conditions:
        if name in _built_in():
            raise InputError(f"{path}: [{name}] is the name of a built-in condition; take another")
    return conditions


def conditions_text(conditions: Sequence[Condition]) -> str:
    """Conditions as the TOML that `load_conditions` reads.

    Raises:
        InputError: a name that cannot stand in such a file.
    """
    lines = []
    for condition in conditions:
        lines.append(f"[{json.dumps(condition.name, ensure_ascii=False)}]")
        fields = condition.model_dump(exclude={"name"}, exclude_defaults=True)
        # A string of JSON is one of TOML, and so are its numbers and truths.
        lines += [f"{key} = {json.dumps(one, ensure_ascii=False)}" for key, one in fields.items()]
    text, source = "\n".join([*lines, ""]), "a condition of your own"
    _parse(read_toml(source, text), source)
    return text


def _parse(tables: Mapping[str, Any], source: str) -> dict[str, Condition]:
    return {name: _condition(name, table, source, tables) for name, table in tables.items()}


def _check_twin(condition: Condition, known: Mapping[str, Any], source: str) -> None:
    """Raises InputError for a twin that is no condition; one of the same file counts."""
    for part in condition.twin.split("+"):
        if part == condition.name or (part not in known and part not in _built_in()):
            raise InputError(
                f"{source}: [{condition.name}], field 'twin': {part!r} is no other condition; "
                f"name a built-in one or one of this file"
            )


def _condition(name: str, table: Any, source: str, known: Mapping[str, Any]) -> Condition:
    if not isinstance(table, dict):
        raise InputError(f"{source}: {name!r} is no table; write [{name}] and its fields below it")
    if set(name) & set("+,|:"):
        raise InputError(f"{source}: the name {name!r} holds one of '+', ',', '|' and ':'")
    if "name" in table:
        raise InputError(f"{source}: [{name}] has a field 'name', but its name is {name!r}")
    if table.get("hint") or table.get("mark") or table.get("earlier"):
        # Set in so many words, so that hints at different options contradict each other.
        table = {"hint_on": "answer", **table}
    try:
        condition = Condition(name=name, **table)
        (condition.hint + condition.earlier).format(label="A", text="text")
        if condition.twin:
            _check_twin(condition, known, source)
    except ValidationError as error:
        raise InputError(f"{source}: [{name}], {first_error(error)}") from error
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"{source}: [{name}], field 'hint': only {{label}} and {{text}} are known"
        ) from error
    return condition


def get_condition(name: str | Condition) -> Condition:
    """The condition of this name; parts joined with `+` combine. A `Condition` is itself.

    FILE.toml:NAME is one of a user; so are MODULE:NAME and what a package declares in the entry
    point group `starprobe.conditions`: a `Condition`.

    Raises:
        InputError: for an unknown name, or parts that contradict each other.
    """
    if isinstance(name, Condition):
        return name
    parts = [_single(part.strip()) for part in name.split("+")]
    return parts[0] if len(parts) == 1 else _combine(name, parts)


def combined(*parts: str | Condition) -> Condition:
    """Conditions put together, as `+` does.

    Raises:
        InputError: an unknown name, or parts that contradict each other.
    """
    found = [get_condition(part) for part in parts]
    return _combine("+".join(part.name for part in found), found)


def get_conditions(names: Sequence[str | Condition]) -> list[Condition]:
    """These conditions, in order, each once; FILE.toml alone means all that it holds.

    Raises:
        InputError: for an unknown name, two conditions of one name (a built-in one counts), or
            parts that contradict each other.
    """
    found: dict[str, Condition] = {}
    for name in names:
        if isinstance(name, str) and name.endswith(".toml"):
            found.update(load_conditions(name))
        else:
            condition = get_condition(name)
            if _built_in().get(condition.name, condition) != condition:
                raise InputError(f"the condition {condition.name!r} is not the built-in one of "
                                 f"that name; take another name")  # fmt: skip
            if found.setdefault(condition.name, condition) != condition:
                raise InputError(f"two different conditions are called {condition.name!r}")
    return list(found.values())


def _single(name: str) -> Condition:
    known, wanted = _built_in(), name
    if ".toml:" in name:
        path, _, wanted = name.rpartition(":")
        known = load_conditions(path)
    elif name not in known and (name in declared("conditions") or is_own(name)):
        return _plugged_in(name)
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise InputError(f"unknown condition {name!r}; {advice}")
    return known[wanted]


def _plugged_in(name: str) -> Condition:
    """A condition that another package or a module brings."""
    found = load("conditions", name)
    if not isinstance(found, Condition):
        raise InputError(f"condition {name!r}: is a {type(found).__name__}, no Condition")
    if found.name in _built_in():
        raise InputError(f"condition {name!r}: {found.name!r} is a built-in one; take another name")
    return found


def _combine(name: str, parts: Sequence[Condition]) -> Condition:
    merged: dict[str, Any] = {}
    for part in parts:
        for field in part.model_fields_set - {*_WORDS, "twin"}:
            value = getattr(part, field)
            if field in _JOINED and merged.get(field):
                value = f"{merged[field]}\n\n{value}"
            elif field in merged and merged[field] != value:
                raise InputError(
                    f"condition {name!r}: its parts disagree on {field!r}:"
                    f" {merged[field]!r} and {value!r}"
                )
            merged[field] = value
    hints = any(merged.get(field) for field in ("hint", "mark", "earlier"))
    if merged.get("options") is False and (hints or merged.get("hint_on") == "first"):
        raise InputError(
            f"condition {name!r}: there is nothing to hint at where no option is shown"
        )
    return Condition(
        name="+".join(part.name for part in parts),
        about=" ".join(part.about for part in parts),
        source="; ".join(part.source for part in parts),
        twin=_combined_twin(parts),
        **merged,
    )


def _combined_twin(parts: Sequence[Condition]) -> str:
    """The same combination with each part that names a twin replaced by it."""
    if not any(part.twin for part in parts):
        return ""
    names = [part.twin or part.name for part in parts]
    kept = [name for name in names if name != "plain"]
    return "+".join(dict.fromkeys(kept)) or "plain"
