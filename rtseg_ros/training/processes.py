# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The processes that torchrun starts for one run: who writes, what is summed, how all end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import os
import sys
import time

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from rtseg_ros.errors import TrainingError


@dataclass(frozen=True)
class Processes:
    """This process among those of its run.

    Attributes:
        rank: Of this one, from 0; the first writes and speaks.
        count: How many there are.
        local_rank: Of this one on its machine: the number of its GPU.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this one writes files and shows progress."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Return the part of a global batch that is this process's.

        Raises:
            TrainingError: If the batch does not divide.
        """
        if batch_size % self.count:
            raise TrainingError(
                f'a batch of {batch_size} images does not divide among {self.count} processes; '
                f'give a --batch-size that is a multiple of {self.count}, or other '
                '--nproc-per-node'
            )
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def device(self, kind: str) -> torch.device:
        """Return the device of this process, of a kind: each GPU has one process."""
        if kind != 'cuda' or self.count == 1:
            return torch.device(kind)
        return torch.device('cuda', self.local_rank)

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over the processes of a tensor that needs no gradient."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total

    def agree(self, network: nn.Module) -> None:
        """Give every process the first one's weights and running statistics."""
        if self.count > 1:
            for value in network.state_dict().values():
                distributed.broadcast(value, 0)

    def same_everywhere(self, value: object, what: str) -> None:
        """Refuse to go on if a figure is not the same in all processes.

        Raises:
            TrainingError: Naming what each has.
        """
        if self.count == 1:
            return
        found: list[object] = [None] * self.count
        distributed.all_gather_object(found, value)
        if len(set(found)) > 1:
            raise TrainingError(
                f'the processes have different {what}: {found}; all of them need the same data '
                'and the same output folder, on a file system that the machines share'
            )

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return what is called in a step: its gradients are means over the processes."""
        if self.count == 1:
            return network
        on_gpu = next(network.parameters()).is_cuda
        return DistributedDataParallel(network, [self.local_rank] if on_gpu else None)


ALONE = Processes()
_PATIENCE_S = 30.0


def with_synchronised_norm(
    network: nn.Module, processes: Processes, device_kind: str
) -> nn.Module:
    """Return a network whose batch norms use the statistics of the global batch.

    Raises:
        TrainingError: On a CPU, where torch has no such norm, or in a single process.
    """
    if device_kind != 'cuda' or processes.count == 1:
        where = 'on a CPU' if device_kind != 'cuda' else 'in a single process'
        raise TrainingError(
            f'--sync-batch-norm was asked for {where}; synchronised batch norm works on GPUs '
            'only, in several processes (torchrun): leave it out'
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return]


@contextmanager
def joined_processes(device_kind: str) -> Iterator[Processes]:
    """Join the other processes of the run, if torchrun started this one.

    The first that ends with an error or by a signal says so; the others end in silence.

    Args:
        device_kind: ``cpu`` (gloo) or ``cuda`` (nccl).

    Raises:
        TrainingError: If another process is lost, or this machine has too few GPUs.
    """
    if not distributed.is_torchelastic_launched() or os.environ.get('WORLD_SIZE') == '1':
        yield ALONE
        return
    local_rank = int(os.environ['LOCAL_RANK'])
    if device_kind == 'cuda':
        if local_rank >= torch.cuda.device_count():
            raise TrainingError(
                f'process {local_rank} of this machine has no GPU: there are '
                f'{torch.cuda.device_count()}; give --nproc-per-node that many, or --device cpu'
            )
        torch.cuda.set_device(local_rank)
    distributed.init_process_group('nccl' if device_kind == 'cuda' else 'gloo')
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size(), local_rank)
    except BaseException as error:
        if not _is_first_to_end():
            sys.stderr.flush()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            if isinstance(error, Exception):
                # Torchrun ends all when the first of them has ended: let that be who speaks.
                time.sleep(_PATIENCE_S)
        if _is_of_a_lost_process(error):
            raise TrainingError(
                'another process of this run has ended; give the same command again to '
                'continue after the last finished epoch'
            ) from error
        raise
    distributed.barrier()
    distributed.destroy_process_group()


def _is_first_to_end() -> bool:
    """Tell whether no other process has said why the run ends; torchrun's store knows."""
    store = distributed.distributed_c10d._get_default_store()
    try:
        return int(store.add('rtseg_ended', 1)) == 1
    except RuntimeError:  # torchrun is gone, and with it who would have told
        return distributed.get_rank() == 0


def _is_of_a_lost_process(error: BaseException) -> bool:
    # gloo has no type of its own.
    return isinstance(error, distributed.DistError) or (
        isinstance(error, RuntimeError) and 'gloo' in str(error)
    )
