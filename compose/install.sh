#!/bin/sh
# install.sh TARGET REQUIREMENTS: packages into a folder, pinned by requirements.lock; from the wheelhouse and nothing
# else if there is one, otherwise from the package index.
set -eu
target=$1 requirements=$2
pip="python3 -m pip" from=""
for wheel in wheelhouse/pip-*.whl; do
    if [ -e "$wheel" ]; then pip="python3 $wheel/pip" from="--no-index --find-links wheelhouse"; fi
done
$pip install --quiet --no-cache-dir --disable-pip-version-check --no-compile --root-user-action ignore $from \
    --constraint requirements.lock --target "$target" $requirements
