"""The table of runs, from checkpoints as the trainer writes them."""

import json
import math

import pytest

from rtseg_ros.cli import main
from rtseg_ros.errors import TrainingError
from rtseg_ros.labels import load_label_set
from rtseg_ros.networks import create_network
from rtseg_ros.networks.network import parameter_count
from rtseg_ros.training.checkpoint import save_checkpoint
from rtseg_ros.training.summary import markdown_table, summarise_run


def write_run(folder, network: str, *, miou: float, iou: list[float], epoch: int = 3):
    folder.mkdir()
    content = {
        'network': network,
        'label_set': load_label_set('camvid').to_dict(),
        'preprocessing': {'size_hw': [64, 96]},
        'recipe': {'epochs': 8},
        'train_data': 'camvid/train',
        'val_data': 'camvid/val',
        'epoch': epoch,
        'best_miou': miou,
        'iou': iou,
        'command': f'rtseg train {network}',
    }
    save_checkpoint(folder / 'best.pth', content)
    return folder


@pytest.fixture
def runs(tmp_path):
    shares = [0.5, math.nan, *[0.25] * 9]
    return [
        write_run(tmp_path / 'weak', 'esnet', miou=0.2, iou=shares),
        write_run(tmp_path / 'strong', 'swiftnet_mnv2', miou=0.7, iou=shares),
    ]


def test_a_run_is_summed_up(runs):
    summary = summarise_run(runs[1])
    assert summary.parameters == parameter_count(create_network('swiftnet_mnv2', 11))
    assert (summary.epoch, summary.epochs, summary.size_hw) == (3, 8, (64, 96))
    assert summary.iou['Sky'] == 0.5
    assert summary.iou['Building'] is None
    assert summary.published.startswith('71.6 (960x720')


def test_the_best_comes_first_and_commands_follow(runs):
    lines = markdown_table([summarise_run(folder) for folder in runs]).splitlines()
    assert lines[2].startswith('| strong | swiftnet_mnv2 |')
    assert lines[3].startswith('| weak | esnet |')
    assert '| 3 of 8 | camvid/val | 70.0 | 50.0 |  | 25.0 |' in lines[2]
    assert lines[-1] == '- weak: `rtseg train esnet`'
    assert len({line.count('|') for line in lines[:4]}) == 1


def test_the_command_writes_json(runs, tmp_path, capsys):
    target = tmp_path / 'runs.json'
    assert main(['runs', *map(str, runs), '--json', str(target)]) == 0
    assert '| strong |' in capsys.readouterr().out
    written = json.loads(target.read_text(), parse_constant=pytest.fail)
    assert [item['network'] for item in written] == ['esnet', 'swiftnet_mnv2']


def test_a_run_without_weights_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r'no best\.pth'):
        summarise_run(tmp_path)
