# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The questions of docs/fleet.md have answers."""

from pathlib import Path
import re

import pytest
from test_fleet_run import fleet, run  # noqa: F401

from rtseg_ros.evaluation.fleet.tags import read_tags

DOCS = Path(__file__).parents[3] / 'docs' / 'fleet.md'


@pytest.mark.process
def test_the_questions_of_the_docs(fleet, tiny_model, tmp_path, watcher, monkeypatch):  # noqa: F811
    duckdb = pytest.importorskip('duckdb', reason='duckdb is not installed')
    run(fleet, tiny_model, tmp_path / 'out', watcher, tags=read_tags('{robot}/*', fleet))
    monkeypatch.chdir(tmp_path)
    block = re.search(r'```sql\n(.*?)```', DOCS.read_text(), re.DOTALL)[1]
    questions = [text for text in block.split(';') if text.strip()]
    assert len(questions) == 5
    answers = [duckdb.sql(text).fetchall() for text in questions]
    assert {row[0] for row in answers[0]} == {'r1', 'r2'}
    assert len(answers[1]) >= 5
    assert answers[2] == [], 'every frame that could be read got a mask'
    assert {row[0] for row in answers[4]} == {'r2/cut', 'r2/nothing.mcap'}
