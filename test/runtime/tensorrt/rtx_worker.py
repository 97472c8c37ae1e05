# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A process that holds TensorRT-RTX and builds what it is told: one JSON line in, one out.

A crash of the library ends this process and not the test run.
"""

import json
import os
from pathlib import Path
import re
import signal
import sys

from rtseg_ros.errors import EngineError
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.tensorrt.build import build_engine
from rtseg_ros.runtime.tensorrt.engine import TensorRtEngine, build_plan
from rtseg_ros.runtime.tensorrt.inspect import built_precision
from rtseg_ros.runtime.tensorrt.library import load_tensorrt
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

# Without a GPU there is no engine to inspect, but a detailed build logs its layers.
_LAYER = re.compile(r'Name: (.*?), LayerType: (\w+), Inputs: \[(.*?)\], Constants:')


def main() -> None:
    """Answer until the input ends."""
    # A shell lets what it starts in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tensorrt = load_tensorrt('tensorrt_rtx')
    kind, logged = type(tensorrt.logger), []
    log = kind.log

    def listen(self, severity, message):
        if message.startswith('Layers:'):
            logged.append(message)
        log(self, severity, message)

    kind.log = listen
    # The parser writes remarks to the standard output of the process.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        logged.clear()
        try:
            answer = _done(tensorrt, job)
        except EngineError as error:
            answer = {'error': str(error)}
        except KeyboardInterrupt:
            answer = {'interrupted': True}
        if logged:
            answer['layers'] = dict(built_precision(_as_json(logged[-1])).layers)
        print(json.dumps(answer), file=answers, flush=True)


def _done(tensorrt, job) -> dict:
    options = TensorRtOptions(flavour='tensorrt_rtx', **job.get('options', {}))
    model = read_model_file(Path(job['model']))
    if job['what'] == 'run':
        TensorRtEngine(model, options)
    if job['what'] == 'plan':
        return {'manifest': build_plan(model, options).manifest.key}
    seen = []

    def progress(fraction, phase):
        if job['what'] == 'interrupt' and not seen:
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does, while the library computes
        seen.append(fraction)

    built = build_engine(
        tensorrt,
        model,
        options,
        labels=job.get('labels', True),
        progress=progress,
    )
    return {'bytes': len(built.content), 'seconds': built.seconds, 'progress': seen}


def _as_json(text: str) -> str:
    layers = [
        {
            'Name': name,
            'LayerType': kind,
            'Inputs': [{'Datatype': word} for word in re.findall(r'Datatype: (\w+)', inputs)],
        }
        for name, kind, inputs in _LAYER.findall(text)
    ]
    return json.dumps({'Layers': layers})


if __name__ == '__main__':
    main()
