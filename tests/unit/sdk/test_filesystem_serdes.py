"""Values in files are where AWS's SDK has them, and previews show what it shows."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from aws_durable_execution_sdk_python import filesystem_serdes as aws_files
from aws_durable_execution_sdk_python import preview as aws_preview
from hypothesis import given
from hypothesis import strategies as st

from perdure import DurableContext, durable_execution, filesystem_serdes, preview
from perdure.config import Duration, StepConfig
from perdure.exceptions import SerDesError
from perdure.filesystem_serdes import (
    FileSystemPathEncoding,
    FileSystemSerDes,
    FileSystemSerDesConfig,
    FileSystemSerDesMode,
)
from perdure.preview import PreviewConfig, PreviewField, PreviewMode, build_preview
from perdure.serdes import PASS_THROUGH_SERDES, SerDesContext
from perdure.testing import DurableTestRunner

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name/e1"
VALUES = [{"order": 1, "rows": [1, (2, 3)]}, "ä" * 100_000, None]
KEYS = st.sampled_from(["a", "b", "c", "a.b", "ä"])
FIELDS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "a.b", "b.c"]), st.sampled_from(["ANYWHERE", "PATH"])),
    max_size=2,
)


@pytest.mark.parametrize("value", VALUES, ids=["small", "large", "nothing"])
@pytest.mark.parametrize("mode", ["ALWAYS", "OVERFLOW"])
@pytest.mark.parametrize("encoding", ["URI", "HASH"])
@pytest.mark.parametrize("arn", [ARN, "another/../kind"])
def test_either_sdk_reads_what_the_other_has_kept(
    value: Any, mode: str, encoding: str, arn: str, tmp_path: Path
) -> None:
    def serdes(module: Any) -> Any:
        config = module.FileSystemSerDesConfig(
            storage_mode=module.FileSystemSerDesMode[mode],
            path_encoding=module.FileSystemPathEncoding[encoding],
            generate_preview=lambda value: {"seen": 1} if value else None,
        )
        return module.FileSystemSerDes(str(tmp_path), config)

    context = SerDesContext("op/1", arn)
    text = serdes(filesystem_serdes).serialize(value, context)
    assert serdes(aws_files).deserialize(text, context) == value
    assert serdes(aws_files).serialize(value, context) == text
    assert serdes(filesystem_serdes).deserialize(text, context) == value


def test_a_result_that_no_history_takes_is_kept_in_a_file(tmp_path: Path) -> None:
    large = StepConfig(
        serdes=FileSystemSerDes(
            str(tmp_path),
            FileSystemSerDesConfig(
                storage_mode=FileSystemSerDesMode.OVERFLOW,
                path_encoding=FileSystemPathEncoding.HASH,
            ),
        )
    )

    @durable_execution
    def handler(event: Any, context: DurableContext) -> int:
        text = context.step(lambda _: "x" * 2_000_000, "load", large)
        context.wait(Duration(1))
        return len(text)

    assert DurableTestRunner().run(handler).result == 2_000_000
    assert [path.suffix for path in tmp_path.rglob("*.*")] == [".json"]


def test_a_file_that_is_gone_says_what_the_folder_has_to_be(tmp_path: Path) -> None:
    serdes = FileSystemSerDes(str(tmp_path))
    text = serdes.serialize(1, SerDesContext("op", ARN))
    Path(json.loads(text)["file"]).unlink()
    with pytest.raises(SerDesError, match=r"operation op cannot be read.*the same folder"):
        serdes.deserialize(text, SerDesContext("op", ARN))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SerDesError, match=f"cannot be kept.*able to write below {file}"):
        FileSystemSerDes(str(file)).serialize(1, SerDesContext("op", ARN))


def test_a_text_comes_out_of_its_file_as_it_went_in(tmp_path: Path) -> None:
    serdes = FileSystemSerDes(str(tmp_path), FileSystemSerDesConfig(serdes=PASS_THROUGH_SERDES))
    text = "two\r\nlines\rof any kind\n"
    kept = serdes.serialize(text, SerDesContext("op", ARN))
    assert serdes.deserialize(kept, SerDesContext("op", ARN)) == text


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    serdes = FileSystemSerDes(str(tmp_path))
    taken = Path(json.loads(serdes.serialize(1, SerDesContext("op", ARN)))["file"])
    taken.unlink()
    taken.mkdir()
    with pytest.raises(SerDesError, match="cannot be kept"):
        serdes.serialize(1, SerDesContext("op", ARN))
    assert list(taken.parent.iterdir()) == [taken]


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text("xyä", max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=12,
    ),
    mode=st.sampled_from(["INCLUDE_ALL", "EXCLUDE_ALL"]),
    lists=st.tuples(FIELDS, FIELDS, FIELDS),
    most=st.sampled_from([4096, 30, 2]),
)
def test_any_preview_shows_what_that_of_awss_sdk_shows(
    value: Any, mode: str, lists: tuple[Any, Any, Any], most: int
) -> None:
    def made(module: Any) -> Any:
        fields = [
            [module.PreviewField(name, module.FieldMatchMode[match]) for name, match in one]
            for one in lists
        ]
        config = module.PreviewConfig(module.PreviewMode[mode], *fields, max_preview_bytes=most)
        return module.build_preview(value, config)

    assert made(preview) == made(aws_preview)


def test_a_preview_shows_what_json_has_no_form_for_as_text() -> None:
    value = {"at": datetime.date(2026, 1, 1), "secret": 5}
    config = PreviewConfig(PreviewMode.INCLUDE_ALL, mask=[PreviewField("secret")])
    assert build_preview(value, config) == {"at": "2026-01-01", "secret": "***"}
