#!/bin/sh
# install.sh TARGET REQUIREMENTS: packages into a folder, pinned by requirements.lock; from the wheelhouse and nothing
# else if there is one, otherwise from the package index.
set -eu
target=$1 requirements=$2
pip="python3 -m pip" from=""
for wheel in wheelhouse/pip-*.whl; do
    if [ -e "$wheel" ]; then pip="python3 $wheel/pip" from="--no-index --find-links wheelhouse"; fi
done
if ! $pip install --quiet --no-cache-dir --disable-pip-version-check --no-compile --root-user-action ignore $from \
    --constraint requirements.lock --target "$target" $requirements; then
    if [ -n "$from" ]; then
        echo "build/wheelhouse lacks a package: fill it (make wheelhouse, with TORCH=1 for a run that learns)," \
            "or remove it where a package index can be reached" >&2
    else
        echo "no package index can be reached from here: run make wheelhouse first" \
            "(with TORCH=1 for a run that learns), or name a mirror: PIP_INDEX_URL" >&2
    fi
    exit 1
fi
