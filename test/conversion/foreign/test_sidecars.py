# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What other programs leave beside a model, translated into our preprocessing and classes."""

import json

from foreign_models import LAYOUTS, TOLD, foreign, write_labels
import numpy as np
import onnx
from onnx import helper
import pytest

from rtseg_ros.conversion.convert import convert
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError
from rtseg_ros.runtime.foreign.sidecar import label_set
from rtseg_ros.runtime.foreign.sidecars import find_sidecar
from rtseg_ros.runtime.model_file import read_model_file

NAMES = ['ground', 'plant', 'stone']
# As transformers writes it for SegFormer: ImageNet's statistics on 0..1.
PROCESSOR = {
    'do_normalize': True,
    'do_rescale': True,
    'do_reduce_labels': True,
    'image_mean': [0.485, 0.456, 0.406],
    'image_std': [0.229, 0.224, 0.225],
    'rescale_factor': 0.00392156862745098,
    'size': {'height': 32, 'width': 48},
}
# As mmdeploy 1.3.1 writes it.
PIPELINE = {
    'pipeline': {
        'input': ['img'],
        'output': ['post_output'],
        'tasks': [
            {
                'type': 'Task', 'module': 'Transform', 'name': 'Preprocess', 'input': ['img'],
                'output': ['prep_output'],
                'transforms': [
                    {'type': 'LoadImageFromFile'},
                    {'type': 'Resize', 'keep_ratio': False, 'size': [48, 32]},
                    {
                        'type': 'Normalize', 'to_rgb': False, 'mean': [10.0, 20.0, 30.0],
                        'std': [40.0, 50.0, 60.0],
                    },
                    {'type': 'ImageToTensor', 'keys': ['img']},
                ],
            },
            {'name': 'encoderdecoder', 'type': 'Task', 'module': 'Net'},
        ],
    }
}  # fmt: skip
ULTRALYTICS = {
    'author': 'Ultralytics',
    'license': 'AGPL-3.0 License (https://ultralytics.com/license)',
    'stride': '32',
    'task': 'semantic',
    'imgsz': '[32, 48]',
    'names': "{0: 'ground', 1: 'plant', 2: 'stone'}",
}


def silent(stage, done, total):
    pass


def write(folder, files):
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


def free_model(folder):
    """A model of no fixed size, which a sidecar has to tell."""
    case = {key: value for key, value in LAYOUTS['free sizes'].items() if key != 'size'}
    return foreign(folder / 'model.onnx', **case)


def converted(path, **options):
    output = path.with_name('ours.onnx')
    convert(ConversionSettings(str(path), str(output), **options), silent)
    metadata = read_model_file(output).metadata
    return metadata, ' | '.join(metadata.extra['notes'])


def test_hugging_face(tmp_path):
    path = free_model(tmp_path)
    id2label = {str(index): name for index, name in enumerate(NAMES)}
    write(tmp_path, {'preprocessor_config.json': PROCESSOR, 'config.json': {'id2label': id2label}})
    (tmp_path / 'README.md').write_text('---\nlibrary_name: transformers\nlicense: mit\n---\n')
    metadata, notes = converted(path)
    assert metadata.labels.names == tuple(NAMES)
    assert metadata.preprocessing.channel_order == 'rgb'
    np.testing.assert_allclose(metadata.preprocessing.mean, (123.675, 116.28, 103.53), atol=1e-3)
    np.testing.assert_allclose(metadata.preprocessing.std, (58.395, 57.12, 57.375), atol=1e-3)
    assert metadata.preprocessing.size_hw == (32, 48)
    assert 'preprocessing from preprocessor_config.json' in notes
    assert 'classes from config.json' in notes
    assert 'do_reduce_labels' in notes
    assert metadata.extra['imported']['licence'] == 'mit'


@pytest.mark.parametrize(
    ('changes', 'order', 'mean', 'std'),
    [
        ({'do_normalize': False}, 'rgb', (0, 0, 0), (255, 255, 255)),
        ({'do_rescale': False}, 'rgb', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (
            {'do_normalize': False, 'do_flip_channel_order': True},
            'bgr', (0, 0, 0), (255, 255, 255),
        ),
    ],
)  # fmt: skip
def test_steps_that_hugging_face_leaves_out(changes, order, mean, std, tmp_path):
    write(tmp_path, {'preprocessor_config.json': {**PROCESSOR, **changes}})
    found = find_sidecar(tmp_path / 'model.onnx', {}).normalisation
    assert (found.channel_order, found.mean, found.std) == (order, mean, std)


def test_names_that_nobody_gave_are_none(tmp_path):
    write(tmp_path, {'config.json': {'id2label': {'0': 'LABEL_0', '1': 'LABEL_1'}}})
    found = find_sidecar(tmp_path / 'model.onnx', {})
    assert found.labels is None
    assert 'no names of classes' in found.notes[0]


def test_mmdeploy(tmp_path):
    path = free_model(tmp_path)
    palette = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    meta = {'dataset_meta': {'classes': NAMES, 'palette': palette}}
    write(
        tmp_path,
        {
            'pipeline.json': PIPELINE,
            'deploy.json': {'version': '1.3.1', 'task': 'Segmentor'},
            'metainfo.json': meta,
        },
    )
    metadata, notes = converted(path)
    assert metadata.labels.names == tuple(NAMES)
    assert metadata.labels.colors == tuple(map(tuple, palette))
    assert metadata.preprocessing.channel_order == 'bgr'
    assert metadata.preprocessing.mean == (10.0, 20.0, 30.0)
    assert metadata.preprocessing.std == (40.0, 50.0, 60.0)
    assert metadata.preprocessing.size_hw == (32, 48)  # mmcv writes the width first
    assert 'preprocessing from pipeline.json' in notes
    assert 'classes from metainfo.json' in notes


def test_ultralytics(tmp_path):
    path = foreign(tmp_path / 'model.onnx', **LAYOUTS['uint8 (B,H,W)'])
    model = onnx.load(path)
    helper.set_model_props(model, ULTRALYTICS)
    onnx.save(model, path)
    metadata, notes = converted(path)
    assert metadata.labels.names == tuple(NAMES)
    assert metadata.preprocessing.channel_order == 'rgb'
    assert (metadata.preprocessing.mean, metadata.preprocessing.std) == ((0,) * 3, (255,) * 3)
    assert 'metadata of Ultralytics' in notes
    assert 'keeps the aspect ratio' in notes
    assert metadata.extra['imported']['licence'].startswith('AGPL-3.0')


@pytest.mark.parametrize(
    ('files', 'properties', 'said'),
    [
        ({'deploy.json': {'task': 'Detector'}, 'pipeline.json': PIPELINE}, {}, 'is a Detector'),
        ({}, {**ULTRALYTICS, 'task': 'segment'}, 'a mask for each object'),
    ],
)
def test_other_tasks_are_refused(files, properties, said, tmp_path):
    path = foreign(tmp_path / 'model.onnx', **LAYOUTS['logits'])
    model = onnx.load(path)
    helper.set_model_props(model, properties)
    onnx.save(model, path)
    write(tmp_path, files)
    with pytest.raises(ConversionError, match=said):
        converted(path, labels=write_labels(tmp_path / 'l.yaml', 3), **TOLD)


@pytest.mark.parametrize(
    ('options', 'source'), [(TOLD, 'the options'), ({'preset': 'zero-one'}, "preset 'zero-one'")]
)
def test_options_and_presets_come_first_and_the_conflict_is_named(options, source, tmp_path):
    path = free_model(tmp_path)
    id2label = {str(index): name for index, name in enumerate(NAMES)}
    write(tmp_path, {'preprocessor_config.json': PROCESSOR, 'config.json': {'id2label': id2label}})
    metadata, notes = converted(path, labels=write_labels(tmp_path / 'l.yaml', 3), **options)
    assert metadata.labels.names == ('c0', 'c1', 'c2')
    assert metadata.preprocessing.std == options.get('std', (255.0, 255.0, 255.0))
    assert f'preprocessing from {source}' in notes
    assert 'preprocessor_config.json says otherwise: --channel-order rgb --mean 123.675' in notes
    assert 'config.json names 3 others' in notes


def test_no_conflict_where_both_say_the_same(tmp_path):
    path = free_model(tmp_path)
    write(tmp_path, {'preprocessor_config.json': PROCESSOR})
    labels = write_labels(tmp_path / 'l.yaml', 3)
    _, notes = converted(path, labels=labels, preset='imagenet')
    assert 'otherwise' not in notes


@pytest.mark.parametrize(
    ('name', 'content', 'said'),
    [
        ('config.json', '{"id2label": ', 'cannot be read as JSON'),
        ('config.json', '[' * 100000, 'cannot be read as JSON'),
        ('config.json', '{"id2label": {"0": "a", "2": "b"}}', 'does not number its classes'),
        ('config.json', '{"id2label": {"0": 5}}', 'must be text'),
        ('preprocessor_config.json', '{"image_mean": [0.5], "do_normalize": true}', 'three num'),
        ('preprocessor_config.json', '{"rescale_factor": 0}', 'rescale_factor'),
        ('pipeline.json', '{"pipeline": {"tasks": 3}}', 'no task with transforms'),
        ('metainfo.json', '{"classes": ["a"], "palette": [[1, 2]]}', 'not three bytes'),
    ],
)
def test_damaged_sidecars_are_told_and_not_used(name, content, said, tmp_path):
    (tmp_path / name).write_text(content)
    found = find_sidecar(tmp_path / 'model.onnx', {})
    assert said in ' '.join(found.notes)
    assert found.normalisation is None
    assert found.labels is None


@pytest.mark.parametrize('names', ["__import__('os').system('touch proof')", '{0: 1', '[' * 9999])
def test_nothing_in_metadata_is_run(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find_sidecar(tmp_path / 'model.onnx', {**ULTRALYTICS, 'names': names})
    assert found.labels is None
    assert 'not used: names' in found.notes[0]
    assert not (tmp_path / 'proof').exists()


def test_files_of_other_programs_say_nothing(tmp_path):
    write(tmp_path, {'config.json': {'editor': 'vim'}, 'pipeline.json': {'stages': []}})
    assert find_sidecar(tmp_path / 'model.onnx', {}).program == ''


def test_known_classes_get_their_colours():
    names = ['Road', 'Sidewalk']
    found = label_set(names, 'x')
    assert found.colors == ((128, 0, 0), (0, 128, 0))  # PASCAL VOC's first two
    cityscapes = (
        'road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky '
        'person rider car truck bus train motorcycle bicycle'
    )
    words = [word.replace('_', ' ').title() for word in cityscapes.split()]
    assert label_set(words, 'x').name == 'cityscapes'
