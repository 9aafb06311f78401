"""Options and keys as others write them: out of a row's fields, and out of a prompt's text.

Of a row, in each of the shapes that data sets and tables give them; a field that looks like options
and cannot be understood is an error, never left out. Of a text, the last list of options in it, so
that worked examples before it are passed over.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record

OPTIONS = (
    "options", "choices", "candidates", "answer_choices", "endings", "answer_options",
    "possible_answers", "alternatives", "option_list", "options_list", "multiple_choice_options",
    "mc_options", "option", "choice", "answers",
)  # fmt: skip
"""Names that a field of options goes by, the likeliest first."""
RIGHT = ("correct_answer", "right_answer", "best_answer", "correct", "answer")
FLAGS = ("correct", "is_correct", "is_right", "right")
"""What marks an option as the right one."""
_WRONG = re.compile(r"^(?:incorrect|wrong|distractor)s?(?:_?(?:answer|option)s?)?_?(\d*)$")
_COLUMN = re.compile(
    r"^(?:(?:option|choice|opt|op|answer|ans|sol|solution|ending|alternative|mc)[_ ]?)?"
    r"([a-j]|\d|10)$"
)
_LOOKS_LIKE = re.compile(
    r"(?:^|_)(?:options?|choices?|endings?|candidates|alternatives|distractors?|"
    r"incorrect_answers?|wrong_answers?|answer_options|mc\d?_targets?)(?:_|\d|$)"
)
_OWN_LABEL = re.compile(r"^\(?([A-Za-z]|\d{1,2})(?:[.:]\s+|\)[.:]?\s*)(\S.*)$", re.DOTALL)
_NUMPY = re.compile(r"array\((\[.*?\])(?:,\s*dtype=[\w.<>']+)?\)", re.DOTALL)
_STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_UNPARTED = re.compile(rf"\[\s*{_STRING}(?:\s+{_STRING})+\s*\]")
_STRING_ENDS = re.compile(rf"({_STRING})(?=\s+['\"])")
_KEY = re.compile(
    r"^\(?(?:option\s+|answer\s*:?\s+)?\(?([A-Za-z]|\d{1,2})\)?[.):]*$", re.IGNORECASE
)


class Choice(Record):
    """One option as its source shows it."""

    label: str
    text: str


class Described(NamedTuple):
    """What a row says of its question."""

    stem: str | None = None
    choices: tuple[Choice, ...] = ()
    right: str | None = None
    """The text of the right option, where the options' own fields say it."""
    used: tuple[str, ...] = ()
    """The fields that stem and options stand in."""
    first: int | None = None
    """What the options' columns count from, where they are numbered."""


def low(name: str) -> str:
    """A field's name as it is compared: lower case, with underscores."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s\-]+", "_", snake).lower()


def is_empty(value: Any) -> bool:
    """Whether a field holds nothing: null, NaN, an empty text, list or mapping."""
    return value is None or value != value or value in ("", [], {}, ())


def options_in_row(row: Mapping[str, Any], where: str) -> Described:
    """The options of a row, not its stem; none where it holds no field that could be options.

    Raises:
        InputError: a field looks like options and is in a shape that is not known.
    """
    names = {low(name): name for name in reversed(list(row)) if not is_empty(row[name])}
    for name in OPTIONS:
        if name in names and _may_be_options(name, row[names[name]], names):
            found = choices(row[names[name]], f"{where}: field {names[name]!r}")
            return Described(None, found, _flagged(row[names[name]], found), (names[name],))
    nested = row.get("question")
    if isinstance(nested, Mapping) and not is_empty(nested.get("choices")):
        return Described(None, choices(nested["choices"], f"{where}: field 'question.choices'"))
    return _of_targets(row, names, where) or _of_wrong(row, names) or _of_columns(row, names, where)


def _flagged(value: Any, found: Sequence[Choice]) -> str | None:
    """The text of the option that is marked as the right one, where one is."""
    value = parsed(value) if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return None
    marks = [{low(name): mark for name, mark in one.items()} for one in value]
    right = [
        option.text
        for option, one in zip(found, marks, strict=True)
        if any(one.get(name) is True for name in FLAGS)
    ]
    return right[0] if len(right) == 1 else None


def choices(value: Any, where: str) -> tuple[Choice, ...]:
    """Options out of any of their usual shapes; none where there are none.

    Raises:
        InputError: it is in a shape that is not known, or an option has no text.
    """
    if is_empty(value):
        return ()
    if isinstance(value, str):
        inside = parsed(value)
        if inside is None:
            return _of_text(value, where)
        value = inside
    texts = value.get("text", value.get("texts")) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) and isinstance(texts, list | tuple):
        labels = list(value.get("label") or value.get("labels") or [])
        if labels and len(labels) != len(texts):
            raise InputError(f"{where}: {len(labels)} labels for {len(texts)} options")
        pairs = list(zip(labels or map(letter, range(len(texts))), texts, strict=True))
    elif isinstance(value, Mapping):
        pairs = [(label, text) for label, text in value.items() if not is_empty(text)]
    elif isinstance(value, list | tuple):
        pairs = _pairs(value, where)
    else:
        raise InputError(f"{where}: options of an unknown shape: {value!r:.80}")
    if len(pairs) == 1:
        raise InputError(f"{where}: holds one option; at least two, or none")
    return tuple(_choice(label, text, where) for label, text in pairs)


def keys(found: Sequence[tuple[Any, Sequence[Choice]]], name: str = "") -> list[str | None]:
    """The labels that the answer keys of a file mean, all of them read in the same way.

    A key is a label, the text of an option, or an index, which counts from 1 where a key says so
    by being as large as the number of options. The way that fits every row is taken; a number
    that is no text is an index before it is anything else. Without options, the answer as text.

    Args:
        found: (key, options) of each row.
        name: the field: numbers 0 and 1 under `correct` are scores, not keys.
    """
    values = [_single(value) for value, _ in found]
    asked = [(value, said) for value, (_, said) in zip(values, found, strict=True) if said]
    given = [(value, said) for value, said in asked if value is not None]
    if name in {"correct", "label_correct"} and {str(one) for one, _ in given} <= {"0", "1"}:
        return [None] * len(found)
    numbers = any(isinstance(value, int) for value, _ in given)
    own = any(one.label.isdigit() for _, said in given for one in said)
    ways = [by_label, by_text, by_index, _by_count]
    if numbers and not own:
        ways = [by_index, _by_count, by_label, by_text]
    way = next((one for one in ways if all(one(*pair) for pair in given)), None)
    labels: list[str | None] = []
    for value, (_, said) in zip(values, found, strict=True):
        if value is None or not said:
            labels.append(None if value is None or said else str(value).strip() or None)
        elif way is not None:
            labels.append(way(value, said))
        else:
            labels.append(next((at for one in ways[:3] if (at := one(value, said))), None))
    return labels


def label_of(value: Any, said: Sequence[Choice]) -> str | None:
    """The label that one key means; see `keys`."""
    return keys([(value, said)])[0]


def by_label(value: Any, said: Sequence[Choice]) -> str | None:
    """The label that a key names: `B`, `(b)`, `B.`, `B) a cork`."""
    text = str(value).strip().strip("*").strip()
    match = _KEY.match(text)
    bare = (match[1] if match else text).lower()
    label = next((one.label for one in said if one.label.lower() == bare), None)
    if label is None and (whole := _OWN_LABEL.match(text)):
        same = (one for one in said if one.label.lower() == whole[1].lower())
        label = next((one.label for one in same if one.text.strip() == whole[2].strip()), None)
    return label


def by_text(value: Any, said: Sequence[Choice]) -> str | None:
    """The label of the one option that has this text."""
    text = str(value).strip().lower()
    same = [one.label for one in said if one.text.strip().lower() == text]
    return same[0] if len(same) == 1 else None


def by_index(value: Any, said: Sequence[Choice], first: int = 0) -> str | None:
    """The label of the option of this number, counted from 0."""
    text = str(value).strip()
    index = int(text) - first if text.isascii() and text.isdigit() else -1
    return said[index].label if 0 <= index < len(said) else None


def _by_count(value: Any, said: Sequence[Choice]) -> str | None:
    """The label of the option of this number, counted from 1."""
    return by_index(value, said, 1)


def letter(index: int) -> str:
    """A, B, C, ..."""
    return chr(ord("A") + index)


def _lettered(texts: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(label=letter(index), text=text) for index, text in enumerate(texts))


def parsed(text: str) -> Any:
    """The list or mapping that a text writes, as JSON or as Python does; None where none."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    # What str() makes of lists and of numpy's arrays, as pandas leaves it in a CSV.
    bare = _NUMPY.sub(r"\1", text.strip())
    bare = _UNPARTED.sub(lambda found: _STRING_ENDS.sub(r"\1, ", found[0]), bare)
    try:
        return ast.literal_eval(bare)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _single(value: Any) -> Any:
    """A key without what it is wrapped in; None for what is no key."""
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, bool) or is_empty(value) or isinstance(value, Mapping | list):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _may_be_options(name: str, value: Any, names: Mapping[str, str]) -> bool:
    """`option`, `choice` and `answers` are options only where they hold several of them."""
    if name not in {"option", "choice", "answers"}:
        return not isinstance(value, int | float)
    several = isinstance(parsed(value) if isinstance(value, str) else value, list | Mapping)
    if name != "answers":
        return several
    if isinstance(value, Mapping) and "answer_start" in value:  # Spans of a text, as in SQuAD.
        return False
    inner = value[0] if several and isinstance(value, list) else None
    if isinstance(inner, Mapping) and {low(str(one)) for one in inner} & {*FLAGS}:
        return True
    return several and bool(
        {"answer", "answer_key", "label", "correct_answer", "target"} & {*names}
    )


def _pairs(value: Sequence[Any], where: str) -> list[tuple[Any, Any]]:
    if all(isinstance(one, Mapping) for one in value):
        return [_of_mapping(index, one, where) for index, one in enumerate(value)]
    texts = [str(one) if isinstance(one, int | float) else one for one in value]
    if not all(isinstance(one, str) for one in texts):
        raise InputError(f"{where}: options of several shapes: {value!r:.80}")
    if all(len(one.strip()) == 1 for one in texts) and len(texts) > 2:
        wanted = [letter(index) for index in range(len(texts))]
        if [one.strip().upper() for one in texts] == wanted:
            raise InputError(f"{where}: holds letters alone, without the texts of the options")
    own = [_OWN_LABEL.match(one.strip()) for one in texts]
    for count in (letter, lambda index: str(index + 1)):
        if all(m and m[1].upper() == count(index) for index, m in enumerate(own)):
            return [(m[1], m[2]) for m in own if m]
    return [(letter(index), one) for index, one in enumerate(texts)]


def _of_mapping(index: int, one: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    text = next(
        (one[name] for name in ("text", "content", "value", "answer", "option") if name in one),
        None,
    )
    if text is None:
        raise InputError(f"{where}: option {index + 1} has no text: {one!r:.80}")
    label = next((one[name] for name in ("label", "key", "letter", "id") if name in one), None)
    return letter(index) if label is None else label, text


def _choice(label: Any, text: Any, where: str) -> Choice:
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: an option's text must be text, not {text!r:.60}")
    bare = str(label).strip(" ().:")
    column = _COLUMN.match(low(bare))
    return Choice(label=column[1].upper() if column and len(bare) > 2 else bare, text=text.strip())


def _of_text(value: str, where: str) -> tuple[Choice, ...]:
    """A field of text: labelled options, or one a line, or parted by `|` or `;`."""
    found = options_in_field(value)
    if found:
        return found
    for mark in ("\n", "|", ";"):
        parts = [part.strip(" -*•\t") for part in value.split(mark)]
        if len(parts) > 1 and all(parts):
            return _lettered(parts)
    raise InputError(
        f"{where}: options that are not understood: {value!r:.60}; write them as a list, or as "
        f"(A) ... (B) ..."
    )


def _of_columns(row: Mapping[str, Any], names: Mapping[str, str], where: str) -> Described:
    """Options in columns of their own: A, B, ... or option_a, choice1, ... or opa, ending0."""
    families: dict[str, dict[str, str]] = {}
    for name, original in reversed(list(names.items())):
        match = _COLUMN.match(name)
        if match and isinstance(row[original], str | int | float):
            families.setdefault(name[: match.start(1)], {})[match[1].upper()] = original
    fitting = []
    for stem, family in families.items():
        labels = list(family)
        starts = [
            [letter(index) for index in range(len(labels))],
            [str(index) for index in range(1, len(labels) + 1)],
            [str(index) for index in range(len(labels))],
        ]  # Letters, or numbers from 1 or from 0.
        if len(labels) > 1 and sorted(labels) in (sorted(one) for one in starts):
            fitting.append((stem, family))
    if len(fitting) == 1:
        ((_, family),) = fitting
        first = min(map(int, family)) if next(iter(family)).isdigit() else None
        names_in_order = sorted(family, key=lambda one: (len(one), one))
        found = _lettered(str(row[family[name]]).strip() for name in names_in_order)
        return Described(None, found, None, tuple(family.values()), first)
    if fitting:
        raise InputError(f"{where}: two sets of columns could be the options: {families!r:.120}")
    return _none_left(row, names, where)


def _none_left(row: Mapping[str, Any], names: Mapping[str, str], where: str) -> Described:
    """No options; raises for a field that looks like some."""
    for name, original in names.items():
        value = row[original]
        written = isinstance(value, str) and len(options_in_field(value)) > 1
        if _LOOKS_LIKE.search(name) and (written or isinstance(value, list | Mapping)):
            raise InputError(
                f"{where}: field {original!r} looks like options and is not understood: "
                f"{value!r:.60}; call it 'options' and write it as a list of texts, or leave it out"
            )
    return Described()


def _of_wrong(row: Mapping[str, Any], names: Mapping[str, str]) -> Described | None:
    """The right answer and the wrong ones in fields of their own; shown in alphabetical order."""
    wrong = {name: original for name, original in names.items() if _WRONG.match(name)}
    right = next((names[name] for name in RIGHT if name in names), None)
    if not wrong or right is None or not isinstance(row[right], str | int | float):
        return None
    texts: list[str] = []
    for original in wrong.values():
        value = row[original]
        value = (parsed(value) or value) if isinstance(value, str) else value
        texts += [str(one) for one in value] if isinstance(value, list) else [str(value)]
    if len(str(row[right]).strip()) == 1 and not all(len(one) == 1 for one in texts):
        return None  # The right one is named by a letter, and the others are not all of them.
    ordered = sorted([str(row[right]), *texts], key=str.casefold)
    found = _lettered(one.strip() for one in ordered)
    return Described(None, found, str(row[right]).strip(), (*wrong.values(), right))


def _of_targets(row: Mapping[str, Any], names: Mapping[str, str], where: str) -> Described | None:
    """TruthfulQA's `mc1_targets`: choices, and a 1 at the right one."""
    name = names.get("mc1_targets")
    value = row[name] if name is not None else None
    if name is None or not isinstance(value, Mapping):
        return None
    texts, marks = list(value.get("choices") or []), list(value.get("labels") or [])
    if len(texts) != len(marks) or marks.count(1) != 1:
        raise InputError(f"{where}: field {name!r} does not mark one of its choices as right")
    found = _lettered(sorted(map(str, texts), key=str.casefold))
    used = tuple(name for name in row if low(name).startswith("mc"))
    return Described(None, found, str(texts[marks.index(1)]), used)


_LINE = re.compile(
    r"^[\s>*\-•]*\(?(?P<label>[A-Za-z]|\d{1,2})(?:[.:]|\)[.:]?)\**\s+(?P<text>\S.*?)\s*$"
)
_INLINE = re.compile(
    r"\((?P<label>[A-Za-z]|\d{1,2})\)\s*(?P<text>.*?)(?=[,;]?\s*\((?:[A-Za-z]|\d{1,2})\)\s|$)"
)
_LOOSE = re.compile(
    r"(?:(?<=^)|(?<=[\s,;|]))(?P<label>[A-Ja-j]|[1-9])\s?[.):]\s*(?P<text>.*?)"
    r"(?=[\s,;|]+(?:[A-Ja-j]|[1-9])\s?[.):]\s|$)"
)
_ASKS = re.compile(r"^\s*\**(?:question|q|problem)\s*\d*\**\s*[:.)]\**\s*", re.IGNORECASE)
_LEADS_IN = re.compile(
    r"^\s*\**(?:the\s+)?(?:answer\s+)?(?:options|choices|answers)(?:\s+are)?\**\s*:?\**\s*$",
    re.IGNORECASE,
)


class Found(NamedTuple):
    """What stands in a prompt."""

    stem: str
    options: tuple[Choice, ...]


def options_in_text(text: str) -> Found | None:
    """The last question with a list of options in the text; None where there is none."""
    lines = text.splitlines()
    runs = _runs(lines)
    if runs:
        letters = [number for number, (_, one) in enumerate(runs) if not one[0].label.isdigit()]
        chosen = letters[-1] if letters else len(runs) - 1  # Steps to follow may come after.
        start, options = runs[chosen]
        end_before = max((at + len(found) for at, found in runs[:chosen]), default=0)
        stem = _stem(lines[end_before:start], many=chosen > 0)
        return Found(stem, options) if stem else None
    for index in range(len(lines) - 1, -1, -1):
        options = _ordered(
            [(m["label"], m["text"].strip(" ,;")) for m in _INLINE.finditer(lines[index])]
        )
        if options:
            head = lines[index][: _INLINE.search(lines[index]).start()]  # type: ignore[union-attr]
            stem = _stem([*lines[:index], head], many=False)
            return Found(stem, options) if stem else None
    return None


def lists_in_text(text: str) -> list[tuple[Choice, ...]]:
    """Every list of options in the text."""
    lines = text.splitlines()
    inline = (
        _ordered([(m["label"], m["text"].strip(" ,;")) for m in _INLINE.finditer(line)])
        for line in lines
    )
    return [*(found for _, found in _runs(lines)), *(found for found in inline if found)]


def options_in_field(text: str) -> tuple[Choice, ...]:
    """The options of a field that holds nothing else: one a line, or `(a) .. (b) ..` in a row."""
    runs = _runs(text.splitlines())
    if runs:
        return runs[-1][1]
    for pattern in (_INLINE, _LOOSE):
        pairs = [(m["label"], m["text"].strip(" ,;|")) for m in pattern.finditer(text)]
        if found := _ordered(pairs):
            return found
    return ()


def _runs(lines: list[str]) -> list[tuple[int, tuple[Choice, ...]]]:
    """(first line, options) of every list whose labels count up from the first one."""
    runs: list[tuple[int, tuple[Choice, ...]]] = []
    start = 0
    pairs: list[tuple[str, str]] = []
    for index, line in enumerate([*lines, "end"]):
        found = _LINE.match(line)
        if found and pairs and _rank(found["label"]) == _rank(pairs[-1][0]) + 1:
            pairs.append((found["label"], found["text"]))
            continue
        if not line.strip() and pairs:
            continue
        if len(pairs) > 1:
            runs.append((start, tuple(Choice(label=a, text=b) for a, b in pairs)))
        start, pairs = index, []
        if found and _rank(found["label"]) == 1:
            pairs = [(found["label"], found["text"])]
    return runs


def _ordered(pairs: list[tuple[str, str]]) -> tuple[Choice, ...]:
    """The pairs as options, if their labels count up from the first one and none is empty."""
    right = [_rank(label) for label, _ in pairs] == list(range(1, len(pairs) + 1))
    if len(pairs) < 2 or not right or not all(text for _, text in pairs):
        return ()
    return tuple(Choice(label=label, text=text) for label, text in pairs)


def _rank(label: str) -> int:
    return int(label) if label.isdigit() else ord(label.lower()) - ord("a") + 1


def _stem(lines: list[str], many: bool) -> str:
    """The question that ends where these lines end.

    Args:
        lines: from the list of options before, or the start of the text, to the list.
        many: other questions stand before it, so that an unmarked one is its last paragraph only.
    """
    kept = [line for line in lines if not _LEADS_IN.match(line)]
    marked = [index for index, line in enumerate(kept) if _ASKS.match(line)]
    if marked:
        kept = kept[marked[-1] :]
        kept[0] = _ASKS.sub("", kept[0])
    text = "\n".join(kept).strip()
    if many and not marked:
        text = re.split(r"\n\s*\n", text)[-1]
    # A lead-in at the end of the stem's own line: "... Answer choices: (a) ..."
    return re.sub(r"\s*(?:answer\s+)?(?:options|choices)\s*:\s*$", "", text, flags=re.I).strip()
