# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Models of ours and of others with changed bytes and metadata: read, refused, never a crash."""

import json
from pathlib import Path

from foreign_models import SIZE, foreign, write_labels
from fuzzing import changed, damaged, json_text
import numpy as np
import pytest

from rtseg_ros.errors import ConversionError, EngineError, LabelSetError, ModelFileError
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime import onnx_wire as wire
from rtseg_ros.runtime.foreign.table import describe_foreign
from rtseg_ros.runtime.model_file import METADATA_KEY, model_file_from_content, output_table

FRAME = np.zeros((20, 30, 3), np.uint8)


@pytest.fixture(scope='module')
def models(make_model):
    """Bytes of our own models."""
    kinds = (
        {},
        {'outputs': ('logits', 'labels')},
        {'float_input': True, 'batch': None},
        {'unlabelled_output': 4},
    )
    return [make_model(f'fuzzed{i}', **kind).read_bytes() for i, kind in enumerate(kinds)]


def test_model_file(fuzz, models):
    def read(content):
        model = model_file_from_content(content, Path('fuzzed.onnx'))
        assert model.size_hw
        assert model.graph_sha256
        model.logits_only()
        model_file_from_content(model.with_metadata(model.metadata), Path('again.onnx'))

    fuzz(damaged(models), read, ModelFileError)


def test_metadata_of_a_model(fuzz, models, tmp_path):
    """What is accepted segments a frame."""
    texts = [wire.summary(content).properties[METADATA_KEY] for content in models]
    path = tmp_path / 'model.onnx'

    def read(document):
        text = json_text(document)
        path.write_bytes(wire.with_property(models[0], METADATA_KEY, text))
        segmenter = load_segmenter(path, threads=1)
        output_table(segmenter.engine.model.metadata)
        assert segmenter(FRAME, confidence=True).labels.shape == FRAME.shape[:2]

    fuzz(changed([json.loads(text) for text in texts]), read, ModelFileError, EngineError)


def test_metadata_text(fuzz, models):
    texts = [wire.summary(content).properties[METADATA_KEY].encode() for content in models]
    texts += [b'[' * 100_000, b'{"format":' * 5000, b'1' * 5000]

    def read(data):
        text = data.decode('utf-8', 'replace')
        model_file_from_content(wire.with_property(models[0], METADATA_KEY, text), Path('a.onnx'))

    fuzz(damaged(texts), read, ModelFileError)


def test_model_in_onnxruntime(fuzz, models, tmp_path):
    path = tmp_path / 'model.onnx'

    def read(content):
        path.write_bytes(content)
        load_segmenter(path, threads=1)(FRAME)

    fuzz(damaged(models[:2]), read, ModelFileError, EngineError)


@pytest.fixture(scope='module')
def others(tmp_path_factory):
    """Bytes of models that others exported."""
    folder = tmp_path_factory.mktemp('others')
    scores = ('scores', 1, (1, 3, *SIZE))
    ids = ('ids', 7, (1, *SIZE))
    arg_max = ('ArgMax', ['scores'], 'ids', {'axis': 1, 'keepdims': 0})
    return [
        foreign(folder / 'scores.onnx', [], [scores]).read_bytes(),
        foreign(folder / 'ids.onnx', [arg_max], [ids], opset=11).read_bytes(),
    ]


def test_foreign_model_described(fuzz, others, tmp_path):
    def read(content):
        describe_foreign(content, tmp_path / 'theirs.onnx').lines()

    fuzz(damaged(others), read, ValueError)


def test_foreign_model_imported(fuzz, others, tmp_path):
    pytest.importorskip('torch', reason='torch is not installed')
    from rtseg_ros.conversion.foreign.importing import import_model
    from rtseg_ros.conversion.settings import ConversionSettings

    path = tmp_path / 'theirs.onnx'
    told = ConversionSettings(
        checkpoint=str(path), labels=write_labels(tmp_path / 'classes.yaml', 3), size_hw=SIZE,
        channel_order='rgb', mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 70.0),
    )  # fmt: skip

    def read(content):
        path.write_bytes(content)
        import_model(told)

    fuzz(damaged(others), read, ConversionError, LabelSetError)


HUGGING_FACE = {
    'config.json': {
        'architectures': ['SegformerForSemanticSegmentation'], 'model_type': 'segformer',
        'id2label': {'0': 'road', '1': 'sky', '2': 'car'}, 'num_labels': 3, 'license': 'mit',
    },
    'preprocessor_config.json': {
        'do_normalize': True, 'do_rescale': True, 'rescale_factor': 1 / 255, 'do_resize': True,
        'image_mean': [0.485, 0.456, 0.406], 'image_std': [0.229, 0.224, 0.225],
        'size': {'height': 32, 'width': 48}, 'image_processor_type': 'SegformerImageProcessor',
    },
}  # fmt: skip
MMDEPLOY = {
    'pipeline.json': {
        'pipeline': {
            'tasks': [
                {
                    'name': 'Preprocess',
                    'transforms': [
                        {'type': 'LoadImageFromFile'},
                        {'type': 'Resize', 'size': [48, 32]},
                        {'type': 'Normalize', 'mean': [1, 2, 3], 'std': [4, 5, 6], 'to_rgb': True},
                    ],
                },
                {'name': 'segmentor', 'net': 'Segmentor'},
            ]
        }
    },
    'detail.json': {
        'codebase_config': {'model_type': 'end2end'},
        'onnx_config': {'input_shape': [48, 32]},
    },
}


@pytest.mark.parametrize('files', [HUGGING_FACE, MMDEPLOY], ids=['hugging_face', 'mmdeploy'])
def test_files_beside_a_model(fuzz, others, tmp_path, files):
    def read(documents):
        if not isinstance(documents, dict):
            documents = {next(iter(files)): documents}
        for name, document in documents.items():
            if name in files:
                (tmp_path / name).write_text(json_text(document))
        describe_foreign(others[0], tmp_path / 'model.onnx').lines()

    fuzz(changed([files]), read)


def test_metadata_of_ultralytics(fuzz, others, tmp_path):
    properties = {
        'description': 'Ultralytics YOLO26n-sem model', 'author': 'Ultralytics',
        'task': 'semantic', 'names': "{0: 'road', 1: 'sky', 2: 'car'}", 'imgsz': '[32, 48]',
        'stride': '32', 'license': 'AGPL-3.0', 'version': '8.4.0', 'batch': '1',
        'args': "{'nms': False}", 'channels': '3',
    }  # fmt: skip
    bombs = ['[' * 5000, '-' * 5000 + '1', '{' * 200, '(' * 99, '9' * 5000, '9**9**9', '[0]*10**9']

    def read(document):
        content = others[0]
        for key, value in (document if isinstance(document, dict) else {}).items():
            text = str(value).encode('utf-8', 'replace').decode()
            content = wire.with_property(content, str(key), text)
        describe_foreign(content, tmp_path / 'model.onnx').lines()

    seeds = [properties, *({**properties, 'names': b, 'imgsz': b} for b in bombs)]
    fuzz(changed(seeds), read)
