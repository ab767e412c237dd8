"""Weights files that are wrong: each gets a sentence that names the place, and none a number out of thin air."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.models.template import Template
from tests.signs import SIGNS

HEAD = 'name = "ours"\nversion = "1"\nauthor = "Ada"\n'


def read(folder: Path, text: str | bytes) -> Template:
    path = folder / "ours.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Template.read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "key name: expected a text, found None. Do: add name"),
        (HEAD.replace('version = "1"\n', ""), "key version: expected a text"),
        (HEAD.replace('"Ada"', '" "'), "key author: expected a text"),
        (HEAD.replace('"1"', "1"), "key version: expected a text, found 1"),
        (HEAD + "level = 3", "key level: expected a known key.*did you mean 'levels'"),
        (HEAD + 'variants = "lwo"', "key variants: expected a level, found 'lwo'. Do: did you mean 'low'"),
        (HEAD + "variants = []", "key variants"),
        (HEAD + "[dimensions]\nprodct = 100", "key dimensions.prodct.*did you mean 'product'"),
        (HEAD + "[dimensions]\nproduct = 60\nbusiness = 60", "sum to 1 or to 100, found a sum of 120"),
        (HEAD + "[dimensions]\nproduct = 0\nbusiness = 0", "found a sum of 0"),
        (HEAD + "[dimensions]\nproduct = 110\nbusiness = -10", "dimensions.product: expected a number from 0 to 100"),
        (HEAD + "[dimensions]\nproduct = nan", "a number from 0 to 100, found nan"),
        (HEAD + "[dimensions]\nproduct = inf", "a number from 0 to 100, found inf"),
        (HEAD + "[dimensions]\nproduct = true", "a number from 0 to 100, found True"),
        (HEAD + '[dimensions]\nproduct = "100"', "a number from 0 to 100, found '100'"),
        (HEAD + f"[dimensions]\nproduct = 1{'0' * 400}", "a number from 0 to 100"),
        (HEAD + '[levels]\nmood = "hihg"', "key levels.mood: expected none, low, medium or high.*did you mean 'high'"),
        (HEAD + "[levels]\nmood = 4", "key levels.mood"),
        (HEAD + '[levels]\nmood = ["high"]', "key levels.mood"),
        (HEAD + "[weights]\nmood = 0.5", "found a sum of 0.5"),
        (HEAD + '[weights]\nmood = 1\n[levels]\nmood = "low"', "either weights, or dimensions and levels"),
        (HEAD + 'levels = "high"', "key levels: expected a section, found str"),
        (HEAD + "segments = 3", "key segments: expected a section per segment, found 3"),
        (HEAD + '[segments]\nsmb = "low"', "key segments"),
        (HEAD + "[segments.smb.dimension]\nproduct = 100", "segment smb, key dimension.*did you mean 'dimensions'"),
        (HEAD + "[segments.smb.dimensions]\nproduct = 10", "segment smb, key dimensions.*found a sum of 10"),
        (HEAD + "[levels]\n[levels]", "expected TOML"),
        ("[" * 5_000, "expected TOML"),
        (HEAD + "x = " + "[" * 5_000, "expected TOML"),
        (HEAD + "x = 1" + "0" * 5_000, "expected TOML"),
        (b"name = '\xff\xfe'", "a readable UTF-8 file"),
        (b"\x00\x00", "expected TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        read(tmp_path, text)
    assert "ours.toml" in str(refused.value)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(UsageError, match="a readable UTF-8 file"):
            Template.read(path)


def test_a_template_that_weighs_nothing_that_is_there_is_refused(tmp_path: Path) -> None:
    nothing = "".join(f'{one.name} = "none"\n' for one in SIGNS)
    with pytest.raises(UsageError, match="template ours: expected at least one indicator"):
        read(tmp_path, HEAD + "[levels]\n" + nothing).weights(SIGNS)
    with pytest.raises(UsageError, match="template ours, segment smb: expected at least one indicator"):
        read(tmp_path, HEAD + "[segments.smb.weights]\nelsewhere = 1").weights(SIGNS, "smb")


def test_a_name_that_no_catalogue_declares_is_refused_in_segments_too(tmp_path: Path) -> None:
    template = read(tmp_path, HEAD + '[segments.smb.levels]\nmoood = "low"')
    with pytest.raises(UsageError, match=r"found 'moood'\. Do: did you mean 'mood'"):
        template.check(one.name for one in SIGNS)


def test_names_are_names_and_nothing_else(tmp_path: Path) -> None:
    hostile = "a'; DROP TABLE x; --<script>{{7*7}}"
    template = read(tmp_path, HEAD + f'[segments."{hostile}".levels]\nmood = "low"')
    assert list(template.segments) == [hostile]
    assert Template.from_dict(template.to_dict()) == template
