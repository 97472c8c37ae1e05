# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hostile and harmless files: whatever they name, nothing is imported, called or changed."""

import builtins
from collections import OrderedDict
import functools
import io
import os
import pickle
import struct
import sys
import types
import zipfile

import pytest
import torch

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.conversion.checkpoints.inert import KNOWN, Inert, TensorRecord
from rtseg_ros.conversion.checkpoints.safe_unpickler import SafeUnpickler
from rtseg_ros.errors import CheckpointError

WEIGHTS = OrderedDict(
    [('a.weight', torch.arange(6.0).reshape(2, 3)), ('a.bias', torch.tensor([1.0, 2.0]))]
)


class Reduce:
    """Pickled as a call."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


class Persistent:
    """Pickled as an id of something outside the pickle."""

    def __init__(self, pid):
        self.pid = pid


def save(content, path, how):
    """Write as torch.save would, zip or old, whatever the content is."""
    if how != 'hand-made':
        torch.save(content, path, _use_new_zipfile_serialization=how == 'zip')
        return
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=2)
    pickler.persistent_id = lambda item: item.pid if isinstance(item, Persistent) else None
    pickler.dump(content)
    zip_around(buffer.getvalue(), path)


def zip_around(pickled, path, **storages):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', pickled)
        archive.writestr('archive/byteorder', 'little')
        for key, content in storages.items():
            archive.writestr(f'archive/data/{key[1:]}', content)


def hostile(mark):
    """Contents that leave ``mark`` behind if any part of them runs; by name."""
    command = f'touch {mark}'
    source = f"open({str(mark)!r}, 'w').close()"
    partial = functools.partial(os.system, command)
    payload = pickle.dumps(Reduce(os.system, command))
    return {
        'os.system': Reduce(os.system, command),
        'eval': Reduce(builtins.eval, source),
        'exec': Reduce(builtins.exec, source),
        'open': Reduce(builtins.open, str(mark), 'w'),
        'import': Reduce(builtins.__import__, 'antigravity'),
        'getattr chain': Reduce(builtins.getattr, Reduce(builtins.__import__, 'os'), 'system'),
        'partial': Reduce(builtins.map, partial, [1]),
        'nested pickle': Reduce(pickle.loads, payload),
        'build': Reduce(OrderedDict, state={'__setstate__': Reduce(os.system, command)}),
        'torch.hub.load': Reduce(torch.hub.load, 'x/y', 'z'),
        'torch.load': Reduce(torch.load, str(mark)),
        'torch storage': Reduce(torch.storage._load_from_bytes, payload),
        'torch.jit.load': Reduce(torch.jit.load, str(mark)),
    }


KINDS = list(hostile('x'))


@pytest.mark.parametrize('how', ['zip', 'old'])
@pytest.mark.parametrize('kind', KINDS)
def test_beside_the_weights_it_does_nothing(kind, how, tmp_path):
    path, mark = tmp_path / 'weights.pth', tmp_path / 'it-ran'
    save({'state_dict': WEIGHTS, 'note': hostile(mark)[kind]}, path, how)
    weights = read_checkpoint(path).weights
    assert all(torch.equal(weights[key], WEIGHTS[key]) for key in WEIGHTS)
    assert not mark.exists()


@pytest.mark.parametrize('how', ['zip', 'old'])
@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind != 'build'])
def test_in_the_place_of_weights_it_is_refused_by_name(kind, how, tmp_path):
    path, mark = tmp_path / 'weights.pth', tmp_path / 'it-ran'
    trap = hostile(mark)[kind]
    name = f'{trap.call[0].__name__} object'
    for content in ({'model': trap}, {'state_dict': {**WEIGHTS, 'b.weight': trap}}, trap):
        save(content, path, how)
        with pytest.raises(CheckpointError, match=f'is refused.*{name}.*nothing in a'):
            read_checkpoint(path)
    assert not mark.exists()


@pytest.mark.process
def test_the_traps_do_work(tmp_path):
    mark = tmp_path / 'it-ran'
    for kind in ('os.system', 'eval', 'exec', 'open', 'nested pickle'):
        pickle.loads(pickle.dumps(hostile(mark)[kind]))
        assert mark.exists(), kind
        mark.unlink()


@pytest.mark.parametrize(
    'pid',
    [
        'text',
        ('storage',),
        ('storage', os.system, '0', 'cpu', 6),
        ('storage', torch.FloatStorage, '../../secret', 'cpu', 6),
        ('storage', torch.FloatStorage, '0', 'cpu', 'six'),
        ('storage', torch.FloatStorage, '0', 'cpu', 6, ('1', 2)),
        ('module', os.system, 'file', 'source'),
    ],
)
def test_persistent_ids(pid, tmp_path):
    path = tmp_path / 'weights.pth'
    tensor = Reduce(
        torch._utils._rebuild_tensor_v2, Persistent(pid), 0, (2, 3), (3, 1), False, OrderedDict()
    )
    save({'state_dict': {'a.weight': tensor}}, path, 'hand-made')
    with pytest.raises(CheckpointError, match=r'a\.weight|damaged'):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ('offset', 'size', 'stride'),
    [
        (0, (2, 4), (4, 1)),
        (-1, (2, 3), (3, 1)),
        (7, (1,), (1,)),
        (0, (2, -3), (3, 1)),
        (0, (2, 3), (3,)),
        (0, (1 << 20, 1 << 20), (0, 0)),
        (0, ('a',), (1,)),
        (0, 6, 1),
        (0, (2, 3), (-3, 1)),
    ],
)
def test_a_tensor_reaches_no_further_than_its_storage(offset, size, stride, tmp_path):
    path = tmp_path / 'weights.pth'
    storage = Persistent(('storage', torch.FloatStorage, '0', 'cpu', 6))
    tensor = Reduce(
        torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict()
    )
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=2)
    pickler.persistent_id = lambda item: item.pid if isinstance(item, Persistent) else None
    pickler.dump({'a.weight': tensor})
    zip_around(buffer.getvalue(), path, _0=struct.pack('<6f', *range(6)))
    with pytest.raises(CheckpointError, match=r'damaged or cut off \(tensor a\.weight'):
        read_checkpoint(path)


def load(*opcodes):
    return SafeUnpickler(io.BytesIO(b''.join(opcodes) + b'.')).load()


def name_of(module, name):
    return f'c{module}\n{name}\n'.encode()


@pytest.mark.parametrize('known', [*KNOWN, 'os.system', 'torch.hub.load'])
def test_build_changes_no_class(known):
    """BUILD on what a name stands for, as on a function whose defaults it would set."""
    module, _, name = known.rpartition('.')
    before = {key: dict(vars(value)) for key, value in {**KNOWN, 'x': Inert}.items()}
    entry = b'}U\x0c__defaults__)s'
    for state in (b'}', entry, b'N' + entry + b'\x86'):
        with pytest.raises(TypeError):
            load(name_of(module, name), state, b'b')
    assert before == {key: dict(vars(value)) for key, value in {**KNOWN, 'x': Inert}.items()}
    function = sys.modules.get(module) and getattr(sys.modules[module], name, None)
    assert getattr(function, '__name__', name) == name


def test_build_on_what_was_made_is_forgotten():
    made = load(name_of('os', 'system'), b'(U\x02lstR', b'}U\x01xK\x01s', b'b')
    assert isinstance(made, Inert)
    assert type(made).name == 'os.system'
    assert not hasattr(made, 'x')
    tensor = load(name_of('torch._utils', '_rebuild_tensor_v2'), b'(tR', b'}U\x04kindU\x00s', b'b')
    assert isinstance(tensor, TensorRecord)


def test_what_was_made_cannot_be_called():
    with pytest.raises(TypeError, match='not callable'):
        load(name_of('os', 'system'), b')R', b')R')


def test_old_opcodes_and_no_import():
    assert 'antigravity' not in sys.modules
    made = load(b'(U\x02ls', b'iantigravity\nfly\n')
    assert type(made).name == 'antigravity.fly'
    made = load(b'(', name_of('antigravity', 'fly'), b'U\x02lso')
    assert type(made).name == 'antigravity.fly'
    made = load(name_of('antigravity', 'fly'), b')\x81')
    assert type(made).name == 'antigravity.fly'
    assert 'antigravity' not in sys.modules


def test_one_file_leaves_no_trace_in_another():
    first, second = (load(name_of('os', 'system')) for _ in range(2))
    assert first is not second


def test_a_dict_that_holds_itself(tmp_path):
    path = tmp_path / 'weights.pth'
    content = {}
    content['model'] = content
    torch.save(content, path)
    with pytest.raises(CheckpointError, match='no weights found'):
        read_checkpoint(path)


def test_objects_of_packages_that_are_not_here(tmp_path):
    """As yacs, EasyDict, omegaconf and mmengine write them, with items, states and lists."""
    module = types.ModuleType('not_installed_here')

    def cls(name, *bases, **members):
        made = type(name, bases, {'__module__': module.__name__, **members})
        setattr(module, name, made)
        return made

    mapping, sequence = cls('CfgNode', dict), cls('HistoryBuffer', list)
    plain = cls('Namespace', object)
    stateful = cls('DictConfig', object, __setstate__=lambda self, state: os.abort())
    filled, other = mapping(lr=0.1), stateful()
    filled.frozen = True
    other.content = [1, sequence([1, 2]), plain()]
    path = tmp_path / 'weights.pth'
    sys.modules[module.__name__] = module
    try:
        torch.save({'state_dict': WEIGHTS, 'cfg': filled, 'x': other, 'y': sequence('ab')}, path)
    finally:
        del sys.modules[module.__name__]
    assert list(read_checkpoint(path).weights) == list(WEIGHTS)
