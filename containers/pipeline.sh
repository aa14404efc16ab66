#!/bin/sh
# The pipeline in the working directory, a volume: the code is the image's, what it makes stays from run to run.
set -eu
rm -rf src pipelines
cp -R /stemma/src /stemma/pipelines /stemma/dvc.yaml /stemma/params.yaml /stemma/.dvcignore .
mkdir -p .dvc
cp /stemma/.dvc/config .dvc/
dvc config --local core.no_scm true
stemma check
dvc repro
stemma publish
stemma promote
stemma ranking
