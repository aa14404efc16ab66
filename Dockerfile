# syntax=docker/dockerfile:1
# The pipeline in one image; its results lie in /stemma (mount runs, reports, mlflow.db). Other pip settings, for example
# an index with CPU builds:
#   docker build --build-arg PIP_ARGS="--extra-index-url ..." -t stemma .
ARG PYTHON=3.11-slim-bookworm
FROM python:${PYTHON} AS build
ARG PIP_ARGS=""
WORKDIR /stemma
COPY requirements.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check ${PIP_ARGS} -r requirements.lock

FROM python:${PYTHON}
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 stemma
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    MLFLOW_DISABLE_TELEMETRY=true GX_ANALYTICS_ENABLED=false DVC_NO_ANALYTICS=1
WORKDIR /stemma
COPY --chown=stemma:stemma . .
RUN chown stemma:stemma /stemma \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable .
USER stemma
RUN git config --global --add safe.directory /stemma \
 && if [ ! -d .git ]; then dvc config --local core.no_scm true; fi
CMD ["bash", "-c", "stemma check && dvc repro && stemma publish && stemma promote && stemma ranking"]
