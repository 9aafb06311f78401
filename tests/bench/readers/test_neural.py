"""The neural reader: its weights, its independence of company, and what no text may do to it."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from starprobe.bench.readers import load_reader
from starprobe.bench.readers.annotated import (
    f1,
    full_breakdown_kappa,
    gold_of,
    labelled_set,
    mean_of,
    style_kappa,
    tabulate,
)
from starprobe.bench.readers.base import CODES, Reading
from starprobe.bench.records import OUTCOMES
from starprobe.probes.errors import InputError
from starprobe.probes.schema import ShownOption
from tests.bench.readers.test_robustness import MESSY

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from starprobe.bench.readers.neural import (  # noqa: E402
    MOST_PIECES,
    WEIGHTS,
    Calibration,
    Encoder,
    Network,
    NeuralReader,
    Scores,
    attributed,
    code_of_logits,
    collate,
    examine,
)
from starprobe.bench.readers.train import (  # noqa: E402
    DRAWN,
    Scored,
    averaged,
    calibrate,
    fit,
    left_out,
    loss_of,
    rows_of,
    save,
    start,
)

TEXTS = {"A": "swimming pool", "B": "basket", "C": "dog show", "D": "backyard", "E": "own home"}
SHOWN = tuple(ShownOption(label=key, option_id=key, text=text) for key, text in TEXTS.items())
STEM = "What can be used to carry a small dog?"


def reading(text: str, name: str = "r", **more: object) -> Reading:
    return Reading(name, text, STEM, SHOWN, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reader() -> NeuralReader:
    return NeuralReader(device="cpu")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader whose encoder is one random layer."""
    from transformers import BertConfig

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    config._attn_implementation = "eager"
    out = tmp_path_factory.mktemp("readers") / "tiny"
    save(Network(config), WEIGHTS, out, Calibration(1.2, (0.5, 0.5, -0.1)), {"epochs": 0})
    return out


def test_the_weights_are_those_of_the_card_and_small_enough_to_ship() -> None:
    file = WEIGHTS / "model.safetensors"
    card = json.loads((WEIGHTS / "card.json").read_text(encoding="utf-8"))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card["sha256"]
    assert file.stat().st_size <= 50_000_000
    assert (WEIGHTS / "LICENSE").is_file() and (WEIGHTS / "NOTICE").is_file()


def test_every_option_with_a_reason_of_its_own_is_read_as_reasoned_about(
    reader: NeuralReader,
) -> None:
    text = (
        "(A) swimming pool: it is full of water and far too heavy to lift, so it does not fit.\n"
        "(B) basket: it has a handle and holds a small animal safely, so it fits.\n"
        "(C) dog show: it is an event that people attend and no container, so it does not fit.\n"
        "(D) backyard: it is a piece of land and cannot be moved, so it does not fit.\n"
        "(E) own home: it is a building that stays where it was built, so it does not fit.\n"
        "The answer is (B)."
    )
    (verdict,) = reader.read([reading(text)])
    assert verdict is not None
    assert (verdict.style, verdict.answer) == ("option_by_option", "B")
    sides = [treatment.side for treatment in verdict.options.values()]
    assert sides == ["against", "for", "against", "against", "against"]
    assert all(treatment.spans for treatment in verdict.options.values())


def test_a_bare_answer_is_direct(reader: NeuralReader) -> None:
    (verdict,) = reader.read([reading("The answer is (B).")])
    assert verdict is not None
    assert (verdict.style, verdict.answer, verdict.outcome) == ("direct", "B", "answered")


def test_a_response_cut_by_its_length_has_an_answer_only_if_it_states_one(
    reader: NeuralReader,
) -> None:
    text = "A basket has a handle and a lid, which makes it easy to carry something small, whereas"
    (cut,) = reader.read([reading(text, finish_reason="length")])
    assert cut is not None
    assert (cut.answer, cut.outcome) == (None, "cut")


def test_long_thinking_is_read_to_its_end(reader: NeuralReader) -> None:
    filler = "Let me think about this once more, slowly and from the beginning. " * 400
    end = (
        "A swimming pool is full of water. A dog show is an event. A backyard is land and cannot "
        "be lifted. My own home is a building. A basket has a handle to hold it by. "
        "The answer is (B)."
    )
    (verdict,) = reader.read([reading(f"<think>{filler}</think>{end}")])
    assert verdict is not None
    assert verdict.answer == "B"
    assert verdict.options["D"].treatment == "reasoned"


def test_what_is_said_of_a_response_does_not_hang_on_what_it_is_read_with(
    reader: NeuralReader,
) -> None:
    rows = [row.reading for row in labelled_set("held_out")[:60]]
    one_by_one = {row.id: next(iter(reader.read([row]))) for row in rows[:6]}
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    together = {row.id: read for row, read in zip(shuffled, reader.read(shuffled), strict=True)}
    again = {row.id: read for row, read in zip(rows, reader.read(rows), strict=True)}
    assert together == again
    assert {name: again[name] for name in one_by_one} == one_by_one


@given(text=MESSY)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_text_makes_it_raise_and_spans_stay_inside(tiny: Path, text: str) -> None:
    for verdict in _tiny(tiny).read([reading(text)]):
        assert verdict is not None
        for treatment in verdict.options.values():
            assert all(0 <= start <= end <= len(text) for start, end in treatment.spans)


_TINY: dict[Path, NeuralReader] = {}


def _tiny(folder: Path) -> NeuralReader:
    return _TINY.setdefault(folder, NeuralReader(folder, device="cpu"))


def test_questions_without_options_and_with_very_many_are_read(tiny: Path) -> None:
    many = tuple(ShownOption(label=str(n), option_id=str(n), text=f"thing {n}") for n in range(150))
    rows = [Reading("none", "It is 5.", STEM, ()), Reading("many", "7. is blue.", STEM, many)]
    none, several = _tiny(tiny).read(rows)
    assert none is not None and several is not None
    assert (none.options, none.coverage) == ({}, None)
    assert len(several.options) == 150


def test_a_text_of_a_megabyte_is_read_in_a_bounded_number_of_pieces(tiny: Path) -> None:
    encoder = Encoder(tiny / "tokenizer.json")
    one = reading("A basket is made of wicker, and a basket has a handle to hold it. " * 15_000)
    examined = examine(one.stem, one.shown, one.text)
    encoded = encoder.encode(one, examined, attributed(examined, one.shown))
    assert len(encoded.sequences) <= len(SHOWN) * MOST_PIECES + 1
    assert max(len(sequence.ids) for sequence in encoded.sequences) <= 512


def test_another_network_is_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in tiny.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tiny / "model.safetensors")
    save_file({**weights, "other": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="holds another network: other"):
        NeuralReader(tmp_path, device="cpu")


def test_fitting_on_a_few_rows_learns_them(tiny: Path) -> None:
    rows = rows_of(labelled_set("learn")[:16], Encoder(tiny / "tokenizer.json"))
    batch = collate([row.encoded for row in rows])
    before = loss_of(start(tiny)(batch), batch, rows).item()
    after = loss_of(fit(rows, tiny, epochs=15)(batch), batch, rows).item()
    assert after < 0.7 * before


def test_an_encoder_of_another_family_is_fine_tuned_and_read_with(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import MPNetConfig, MPNetModel

    words = {word for row in labelled_set("learn")[:6] for word in row.reading.text.split()}
    vocabulary = {
        word: n for n, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *sorted(words)])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = MPNetConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    save_file(dict(MPNetModel(config).state_dict()), tmp_path / "model.safetensors")
    rows = rows_of(labelled_set("learn")[:6], Encoder(tmp_path / "tokenizer.json"))
    network = fit(rows, tmp_path, epochs=30, rate=1e-3)
    save(network, tmp_path, tmp_path / "made", Calibration(), {})
    reader = load_reader(f"neural:{tmp_path / 'made'}")
    verdicts = list(reader.read([row.annotated.reading for row in rows]))
    assert reader.name.startswith("neural-") and reader.errors() is None
    golds = [row.annotated.gold.codes for row in rows]
    said = [gold_of(verdict).codes for verdict in verdicts if verdict is not None]
    hits = [
        code == gold[key]
        for gold, own in zip(golds, said, strict=True)
        for key, code in own.items()
    ]
    assert sum(hits) > 0.7 * len(hits)


def test_a_folder_without_a_reader_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no reader that can be loaded") as error:
        load_reader(f"neural:{tmp_path}")
    assert "\n" not in str(error.value)


def test_rows_drawn_for_being_hard_are_left_out_with_their_source_and_never_measured(
    tiny: Path, tmp_path: Path
) -> None:
    rows = rows_of(labelled_set("learn")[:6], Encoder(tiny / "tokenizer.json"))
    hard = rows[0].annotated._replace(source=rows[0].annotated.source + DRAWN)
    rows[0] = rows[0]._replace(annotated=hard)
    told: list[str] = []
    scored = left_out(rows, tiny, [{"own"}], tmp_path, epochs=1, say=told.append)
    assert [row for row, _ in scored] == rows[1:]
    assert "0 rows without own" in told[0]


def test_taking_no_side_is_calibrated_where_it_is_said_too_seldom(tiny: Path) -> None:
    rows = rows_of(labelled_set("learn")[:80], Encoder(tiny / "tokenizer.json"))
    codes = [row.annotated.gold.codes for row in rows]
    assert any(code == "r~" for own in codes for code in own.values())

    def said(code: str) -> list[float]:
        logits = [3.0 if CODES.index(code) == place else 0.0 for place in range(len(CODES))]
        return [0.0, 0.0, 0.0, 3.0, 2.4] if code == "r~" else logits

    scored = [
        Scored(
            row,
            Scores(
                [said(code) for code in own.values()], row.encoded.prior, [0.0] * (len(own) + 2),
                1.0 if row.annotated.gold.general else -1.0, [0.0] * len(OUTCOMES),
            ),
        )
        for row, own in zip(rows, codes, strict=True)
    ]  # fmt: skip
    calibration = calibrate(scored)
    assert 0.6 < calibration.neutral < 3.0
    assert code_of_logits(said("r~"), 1.0, 0.0) == CODES.index("r-")
    assert code_of_logits(said("r~"), 1.0, calibration.neutral) == CODES.index("r~")
    assert code_of_logits(said("r-"), 1.0, calibration.neutral) == CODES.index("r-")


def test_the_weights_of_several_fits_are_averaged(tiny: Path) -> None:
    one, other = start(tiny).state_dict(), start(tiny).state_dict()
    other = {name: value + 2.0 for name, value in other.items()}
    mean = averaged([one, other], tiny).state_dict()
    assert torch.allclose(mean["general.bias"], one["general.bias"] + 1.0)


FLOORS = {
    "own-written": {"f1": 0.90, "answer": 0.89, "style": 0.61, "whole": 0.65},
    "own-small-models": {"f1": 0.88, "answer": 0.84, "style": 0.64, "whole": 0.88},
}
"""A little below what it reaches on the half that no weights have seen."""


@pytest.mark.slow
@pytest.mark.parametrize("source", FLOORS)
def test_it_holds_its_figures_on_questions_that_no_weights_have_seen(
    reader: NeuralReader, source: str
) -> None:
    rows = [row for row in labelled_set("held_out") if row.source == source]
    read = [gold_of(one) for one in reader.read([row.reading for row in rows]) if one is not None]
    table = tabulate([row.gold for row in rows], read)
    found = {
        "f1": f1(table), "answer": mean_of("answer")(table), "style": style_kappa(table),
        "whole": full_breakdown_kappa(table),
    }  # fmt: skip
    assert all((found[name] or 0.0) >= floor for name, floor in FLOORS[source].items()), found
