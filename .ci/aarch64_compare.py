# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Compare what was recorded on aarch64 with what was recorded here, by `.ci/aarch64_record.py`.

What must be equal is: messages, geometry, upsampling, label sets, metadata, and the labels of
fp32 models but for ties; confidence within one step of 255. An int8 model rounds to 255 levels
after every layer: a value near the border of two levels goes to either, by the order in which a
processor adds, and the next layers carry that on. Neither is wrong where both are as far from the
fp32 model as the graph run as written.
"""

import argparse
import sys

import cv2
import numpy as np

INT8 = '_int8'
STEPS = 1  # of 255, by which the confidence of an fp32 model may differ
# How much farther from the fp32 model an int8 one may be here than there: 63 to 74 of 1000 pixels
# was seen between ways to run the same file.
FARTHER = 1.25


def differing(a: np.ndarray, b: np.ndarray) -> int:
    """Return how many values differ."""
    return int((a != b).sum())


def ties(here: np.ndarray, there: np.ndarray, labels: np.ndarray, other: np.ndarray) -> int:
    """Count pixels of other labels whose two classes are as near as the logits differ.

    Args:
        here: (N, K, h, w) logits.
        there: The same on aarch64.
        labels: (N, H, W) of here.
        other: The same on aarch64.
    """
    count, near = 0, 2 * float(np.abs(here - there).max())
    for frame in range(len(labels)):
        scores = np.stack([
            cv2.resize(plane, labels.shape[:0:-1], interpolation=cv2.INTER_LINEAR)
            for plane in here[frame]
        ])  # fmt: skip
        rows, columns = np.nonzero(labels[frame] != other[frame])
        of_both = scores[:, rows, columns]
        pixels = np.arange(len(rows))
        gap = (
            of_both[labels[frame][rows, columns], pixels]
            - of_both[other[frame][rows, columns], pixels]
        )
        count += int((np.abs(gap) <= near + 1e-5).sum())
    return count


def rms(a: np.ndarray, b: np.ndarray) -> float:
    """Return the root of the mean square of the difference."""
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2)))


def same(name: str, ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Tell whether a part is what it must be: equal, or confidence within a step."""
    if name.endswith('confidence'):
        return bool(np.abs(ours.astype(int) - theirs).max() <= STEPS)
    return np.array_equal(ours, theirs)


def main() -> int:
    """Print a table; return 1 if something differs that must not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('here')
    parser.add_argument('there', help='of aarch64')
    parser.add_argument('written', help='of here, the graphs run as written')
    paths = parser.parse_args()
    here, there, written = (np.load(path) for path in (paths.here, paths.there, paths.written))
    wrong = []
    models = sorted(name.split(', ')[1] for name in there.files if name.startswith('labels, '))
    exact = [name for name in there.files if name.split(', ')[-1] not in models]
    exact += [f'metadata, {model}' for model in models]
    wrong += [name for name in exact if not same(name, here[name], there[name])]
    print(f'{len(exact) - len(wrong)} of {len(exact)} parts as they must be: '
          'messages, geometry, upsampling, label sets, metadata\n')  # fmt: skip
    print('| model | pixels of other labels | of them ties | confidence differs by at most | '
          'logits differ, rms |\n' + '|---' * 5 + '|')  # fmt: skip
    for model in models:
        ours, theirs = here[f'labels, {model}'], there[f'labels, {model}']
        logits = here[f'logits, {model}'], there[f'logits, {model}']
        steps = np.abs(
            here[f'confidence, {model}'].astype(int) - there[f'confidence, {model}']
        ).max()
        other, tied = differing(ours, theirs), ties(*logits, ours, theirs)
        print(f'| `{model}` | {other} of {ours.size} | {tied} | {steps} of 255 | '
              f'{rms(*logits):.2g} |')  # fmt: skip
        if not model.endswith(INT8) and (other > tied or steps > STEPS):
            wrong.append(model)
    print('\n| int8 model against its fp32 one | pixels of other labels | logits differ, rms |\n'
          + '|---' * 3 + '|')  # fmt: skip
    for model in models:
        exactly = model.removesuffix(INT8)
        if model == exactly or exactly not in models:
            continue
        far = {
            where: (
                differing(of[f'labels, {model}'], here[f'labels, {exactly}']),
                rms(of[f'logits, {model}'], here[f'logits, {exactly}']),
            )
            for where, of in (('x86_64', here), ('x86_64, graph as written', written),
                              ('aarch64', there))
        }  # fmt: skip
        for where, (other, distance) in far.items():
            print(f'| `{model}`, {where} | {other} of {here[f"labels, {model}"].size} | '
                  f'{distance:.3f} |')  # fmt: skip
        farthest = max(far['x86_64'][1], far['x86_64, graph as written'][1])
        if far['aarch64'][1] > FARTHER * farthest:
            wrong.append(f'{model}, farther from {exactly} than here')
    for name in wrong:
        print(f'differs where it must not: {name}', file=sys.stderr)
    return int(bool(wrong))


if __name__ == '__main__':
    sys.exit(main())
