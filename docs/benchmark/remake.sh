#!/bin/sh
# Measure everything that docs/benchmark.md shows, on this machine, into this folder.
#   docs/benchmark/remake.sh CAMVID [NETWORK=]CHECKPOINT...
# CAMVID is the folder with train and val; checkpoints are those of rtseg train, or published ones.
# Take a machine that does nothing else. Converting and measuring accuracy is done first and kept
# in ./kept_for_benchmark; then about 3 minutes per checkpoint and 12 for the rest on two cores.
set -e
[ $# -ge 2 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
frames=$1/val
shift
here=$(dirname "$0")
first=$1
: "${SECONDS_EACH:=5}"

models() {
    rtseg benchmark --checkpoint "$@" --labels camvid --frames "$frames" --size 360x480 720x1280 \
        --precision fp32 int8 --seconds "$SECONDS_EACH" --node --upsampling \
        --keep kept_for_benchmark --output "$here/models" $extra
}
zoo() {
    rtseg benchmark --size 360x480 --engine torch onnxruntime rtseg --seconds 0.5 \
        --keep kept_for_benchmark --output "$here/zoo" $extra
}
extra=--prepare-only
models "$@"
zoo
extra=
# Trained models against all peers, over DDS too; labels from coarse logits alone.
models "$@"
# Every network, random weights.
zoo
# What the settings of ONNX Runtime are worth, and how cost grows.
for question in settings scaling; do
    case $question in
        settings) options='--engine settings --seconds 3' ;;
        scaling) options='--engine rtseg --seconds 2 --scaling' ;;
    esac
    rtseg benchmark --checkpoint "$first" --labels camvid --frames "$frames" --size 360x480 \
        $options --keep kept_for_benchmark --output "$here/$question"
done
