"""Models that come inside packages: pieces are joined and checked, texts begin as they should."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from starprobe.bench.models import local, reach
from starprobe.probes.errors import InputError, MissingError


def pieces(folder: Path, *contents: bytes) -> list[Path]:
    made = []
    for number, content in enumerate(contents):
        path = folder / f"model.gguf.part{number:02}"
        path.write_bytes(content)
        made.append(path)
    return made


def test_pieces_make_the_file_they_were_cut_from(tmp_path: Path) -> None:
    whole = hashlib.sha256(b"onetwothree").hexdigest()
    found = local.join_pieces(
        pieces(tmp_path, b"one", b"two", b"three"), tmp_path / "model.gguf", whole
    )
    assert found.read_bytes() == b"onetwothree"


def test_a_damaged_piece_is_found_before_anything_is_made_of_it(tmp_path: Path) -> None:
    whole = hashlib.sha256(b"onetwothree").hexdigest()
    with pytest.raises(InputError, match=r"model\.gguf\.part01.*install its package again"):
        local.join_pieces(pieces(tmp_path, b"one", b"tWo", b"three"), tmp_path / "m.gguf", whole)


def test_a_model_with_a_piece_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pieces_one").mkdir()
    (tmp_path / "pieces_one" / "model.gguf.part00").write_bytes(b"one")
    monkeypatch.syspath_prepend(str(tmp_path))
    model = local.Embedded(("pieces_one", "pieces_two"), "pieces", "none/none", "0")
    monkeypatch.setitem(local.EMBEDDED, "pieces", model)
    assert local.embedded_pieces("pieces") == []
    with pytest.raises(MissingError, match="pip install pieces"):
        local.embedded_folder("pieces", tmp_path)
    assert reach("pieces").missing == "pip install pieces"


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [("llama", None, True), ("llama", False, False), ("gpt2", None, False), ("gpt2", True, True)],
)
def test_texts_begin_as_the_file_says(
    tmp_path: Path, kind: str, said: bool | None, expected: bool
) -> None:
    gguf = pytest.importorskip("gguf", reason="the extra `local` is not installed")
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tokenizer_model(kind)
    if said is not None:
        writer.add_add_bos_token(said)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert local._begins_with_bos(tmp_path / "model.gguf") is expected
