#!/bin/sh
# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
# Measure everything that docs/benchmark.md shows, on this machine, into this folder.
#   docs/benchmark/remake.sh CAMVID [NETWORK=]CHECKPOINT...
# CAMVID is the folder with train and val; checkpoints are those of rtseg train, or published ones;
# the first meets all peers. Take a machine that does nothing else. Converting and measuring accuracy
# is done first and kept in ./kept_for_benchmark (PREPARE_ONLY=1 stops there); then about 15 minutes
# and one per checkpoint on two cores.
set -e
[ $# -ge 2 ] || { sed -n '/^# Measure/,/^[^#]/s/^# //p' "$0" >&2; exit 2; }
frames=$1/val
shift
here=$(dirname "$0")
first=$1
: "${SECONDS_EACH:=5}"

models() {
    rtseg benchmark --targets --checkpoint "$first" --labels camvid --frames "$frames" \
        --size 360x480 720x1280 --precision fp32 int8 --seconds "$SECONDS_EACH" --node --upsampling \
        --keep kept_for_benchmark --output "$here/models" $extra
}
engines() {
    for name in engines engines_720; do
        size=
        [ $name = engines ] || size='--frame-size-hw 720 1280'
        rtseg benchmark --targets --checkpoint swiftnet_mnv2_camvid --frames "$frames" $size \
            --precision fp32 int8 --seconds "$SECONDS_EACH" --node --keep kept_for_benchmark \
            --output "$here/$name" $extra
    done
}
trained() {
    rtseg benchmark --targets --checkpoint "$@" --labels camvid --frames "$frames" --size 360x480 \
        --precision fp32 int8 --engine torch onnxruntime rtseg --seconds 2 \
        --keep kept_for_benchmark --output "$here/trained" $extra
}
zoo() {
    rtseg benchmark --targets --size 360x480 --engine torch onnxruntime rtseg --seconds 0.5 \
        --keep kept_for_benchmark --output "$here/zoo" $extra
}
extra=--prepare-only
models
engines
trained "$@"
zoo
[ -z "$PREPARE_ONLY" ] || exit 0
extra=
# One trained model against all peers, over DDS too; labels from coarse logits alone.
models
# The shipped model in every engine of a CPU, and with frames of another size.
engines
# What the trained models cost and what they are worth.
trained "$@"
# Every network, random weights.
zoo
# How cost grows.
rtseg benchmark --targets --checkpoint "$first" --labels camvid --frames "$frames" --size 360x480 \
    --engine rtseg --seconds 2 --scaling --keep kept_for_benchmark --output "$here/scaling"
