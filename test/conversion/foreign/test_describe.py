# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The table of a foreign file, and the walk from any refusal to a model that runs."""

import json
import re
import shlex

from foreign_models import LAYOUTS, SIZE, foreign, write_labels
import onnx
from onnx import TensorProto, helper
import pytest

from rtseg_ros.cli import main
from rtseg_ros.errors import ModelFileError
from rtseg_ros.runtime import load_segmenter


@pytest.fixture
def described(capsys):
    """What ``rtseg models --describe`` says of a file, as plain types."""

    def get(path):
        assert main(['models', '--describe', str(path), '--json', '-']) == 0
        return json.loads(capsys.readouterr().out)

    return get


def layout(path, name):
    case = {key: value for key, value in LAYOUTS[name].items() if key not in ('name', 'size')}
    return foreign(path, **case)


def test_the_table(described, tmp_path):
    found = described(layout(tmp_path / 'theirs.onnx', 'two outputs'))
    assert found['opset'] == 17
    assert found['inputs'] == {'x': 'float32 (1, 3, 32, 48)'}
    assert found['outputs'] == {'other': 'float32 ()', 'scores': 'float32 (1, 3, 32, 48)'}
    assert set(found['missing']) == {'--output-name', '--labels', '--preset'}
    assert found['command'] == (
        f'rtseg convert {tmp_path}/theirs.onnx -o theirs_rtseg.onnx --output-name NAME '
        '--labels LABELS --preset PRESET'
    )


def test_free_sizes_and_bytes_need_other_options(described, tmp_path):
    free = described(layout(tmp_path / 'free.onnx', 'free sizes'))
    assert '--size-hw' in free['missing']
    as_bytes = described(layout(tmp_path / 'bytes.onnx', 'uint8 NHWC'))
    assert set(as_bytes['missing']) == {'--labels', '--channel-order'}


def test_what_cannot_come_in_is_said_without_a_command(described, tmp_path):
    path = layout(tmp_path / 'theirs.onnx', 'logits')
    model = onnx.load(path)
    model.graph.node[0].domain = 'mmdeploy'
    model.opset_import.append(helper.make_opsetid('mmdeploy', 1))
    model.opset_import[0].version = 9
    onnx.save(model, path)
    found = described(path)
    assert found['command'] == ''
    said = ' '.join(found['unusable'])
    assert 'opset 9; accepted: 11 to 20' in said
    assert 'mmdeploy::Conv' in said


def test_libraries_are_asked_or_said_to_be_not_asked(described, tmp_path):
    pytest.importorskip('openvino', reason='OpenVINO answers')
    path = layout(tmp_path / 'theirs.onnx', 'logits')
    assert 'takes all of it' in described(path)['asked']['OpenVINO']
    asked = described(path)['asked']
    assert all(
        'takes' in text or 'parses' in text or 'not asked' in text for text in asked.values()
    )
    model = onnx.load(path)
    model.graph.node.append(helper.make_node('Unique', ['scores'], ['kinds'], axis=None))
    del model.graph.node[-1].attribute[:]
    model.graph.node.append(
        helper.make_node('StringNormalizer', ['words'], ['lower'], case_change_action='LOWER')
    )
    model.graph.input.append(helper.make_tensor_value_info('words', TensorProto.STRING, [1]))
    model.graph.output.append(helper.make_tensor_value_info('lower', TensorProto.STRING, None))
    onnx.save(model, path)
    assert 'StringNormalizer' in described(path)['asked']['OpenVINO']


def test_weights_that_are_not_there_are_named(described, tmp_path):
    path = layout(tmp_path / 'theirs.onnx', 'logits')
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location='w.data', size_threshold=0
    )
    assert described(path)['weights_beside_it'] == ['w.data']
    (tmp_path / 'w.data').unlink()
    assert "weights lie in 'w.data'" in described(path)['unusable'][0]


def command_in(text):
    """Return the only command that a message says to type."""
    commands = set(re.findall(r'^.*?(rtseg (?:convert|models) \S.*)$', text, flags=re.MULTILINE))
    assert len(commands) == 1, text
    return shlex.split(commands.pop())[1:]


def the_loader(path, capsys):
    with pytest.raises(ModelFileError) as refused:
        load_segmenter(path)
    return str(refused.value)


def say(*words):
    def run(path, capsys):
        main([str(path) if word == 'MODEL' else word for word in words])
        return ''.join(capsys.readouterr())

    return run


STARTS = {
    'load_segmenter': the_loader,
    'describe': say('models', '--describe', 'MODEL'),
    'convert': say('convert', 'MODEL', '-o', 'first.onnx'),
    'convert, a part told': say('convert', 'MODEL', '-o', 'first.onnx', '--preset', 'imagenet'),
}


@pytest.mark.parametrize('start', STARTS)
@pytest.mark.parametrize('name', ['two outputs', 'free sizes', 'uint8 NHWC', 'softmax', 'float16'])
def test_messages_lead_to_a_model_and_never_in_a_circle(
    start, name, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    path = layout(tmp_path / 'theirs.onnx', name)
    answers = {
        'LABELS': write_labels(tmp_path / 'l.yaml', 3), 'PRESET': 'imagenet', 'NAME': 'scores',
        'ORDER': 'rgb', 'H': str(SIZE[0]), 'W': str(SIZE[1]),
    }  # fmt: skip
    said = STARTS[start](path, capsys)
    typed = []
    for _ in range(4):
        words = [answers.get(word, word) for word in command_in(said)]
        assert words not in typed, f'{words} was typed before: a circle'
        typed.append(words)
        if main(words) == 0:
            break
        said = ''.join(capsys.readouterr())
    output = words[words.index('-o') + 1]
    assert load_segmenter(tmp_path / output).labels.names == ('c0', 'c1', 'c2')
