# syntax=docker/dockerfile:1
# One environment, three images: docker build --target pipeline|serve|mlflow .          (docs/containers.md)
# torch comes with CUDA from the default package index; CPU only: --build-arg PIP_ARGS="--extra-index-url ADDRESS".
# An index that needs a password: --secret id=pip_conf,src=pip.conf, which no layer keeps.
ARG BASE=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS build
ARG PIP_ARGS=""
WORKDIR /build
COPY pyproject.toml README.md LICENSE requirements.lock requirements-services.lock ./
# The project without its code has its dependencies, and a change of code leaves this layer as it is.
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    mkdir src \
 && python3 -m venv /opt/venv && . /opt/venv/bin/activate \
 && pip install ${PIP_ARGS} --constraint requirements.lock setuptools \
 && pip install ${PIP_ARGS} --constraint requirements.lock --constraint requirements-services.lock \
      --no-build-isolation '.[services]'
COPY src src
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index --force-reinstall .

FROM ${BASE} AS runtime
RUN useradd --uid 1000 --create-home stemma && install --directory --owner=stemma --group=stemma /work
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib DVC_SITE_CACHE_DIR=/tmp/dvc DVC_NO_ANALYTICS=1 \
    MLFLOW_DISABLE_TELEMETRY=true GX_ANALYTICS_ENABLED=false
WORKDIR /work

# The pipeline, in /work: mount a volume there.
FROM runtime AS pipeline
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/*
COPY . /stemma
USER 1000:1000
HEALTHCHECK NONE
CMD ["sh", "/stemma/containers/pipeline.sh"]

# The champion of a slot, over HTTP: docker run ... stemma-serve text
FROM runtime AS serve
COPY params.yaml /stemma/
USER 1000:1000
EXPOSE 5002
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5002/ping', timeout=4)"]
ENTRYPOINT ["stemma", "serve", "--params", "/stemma/params.yaml", "--host", "0.0.0.0", "--port", "5002"]
CMD ["text"]

# MLflow's server, with PostgreSQL's and S3's clients and the version that the other two speak to.
FROM runtime AS mlflow
COPY containers/mlflow.sh containers/make_bucket.py /stemma/containers/
USER 1000:1000
EXPOSE 5000
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5000/health', timeout=4)"]
ENTRYPOINT ["sh", "/stemma/containers/mlflow.sh"]
CMD ["--host", "0.0.0.0", "--port", "5000", "--workers", "2"]
