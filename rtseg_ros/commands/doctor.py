# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg doctor``: one line for each thing that can be wrong, with what to do about it."""

import argparse
from dataclasses import asdict

from rtseg_ros.argument_types import output_file
from rtseg_ros.doctor.diagnosis import DoctorSettings, diagnose
from rtseg_ros.doctor.purposes import PURPOSES, ROBOT
from rtseg_ros.engines import ENGINES, FLAVOURS
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import StageBars


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--for', dest='purpose', default=ROBOT, choices=PURPOSES,
        help='what this machine is to do; all but robot works without ROS',
    )  # fmt: skip
    parser.add_argument(
        '--model', default='', help='.onnx file or shipped name; empty for the default of the node'
    )
    parser.add_argument('--engine', default='onnxruntime', choices=ENGINES, help='to run it with')
    parser.add_argument(
        '--flavour', default='tensorrt', choices=FLAVOURS, help='library of the engine tensorrt'
    )
    parser.add_argument('--no-dds', action='store_true', help='do not send images through DDS')
    parser.add_argument('--no-graph', action='store_true', help='do not look at running nodes')
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the findings here'
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the findings as they come; 1 if there is a problem."""
    settings = DoctorSettings(
        model=arguments.model,
        engine=arguments.engine,
        flavour=arguments.flavour,
        dds=not arguments.no_dds,
        graph=not arguments.no_graph,
        purpose=arguments.purpose,
    )
    findings = []
    with StageBars('check') as bars:
        for finding in diagnose(settings, progress=bars.move):
            state = 'ok     ' if finding.ok else 'problem'
            print(f'{state}  {finding.name}: {finding.text}', flush=True)
            findings.append(finding)
    problems = sum(not finding.ok for finding in findings)
    print(f'{problems} problem{"" if problems == 1 else "s"} in {len(findings)} checks')
    summary = {'problems': problems, 'findings': [asdict(finding) for finding in findings]}
    write_json(arguments.json, summary)
    return 1 if problems else 0
