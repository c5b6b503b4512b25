# docker build -t condenser .                          in front of an Ollama (deploy/compose.yaml has both)
# docker build -t condenser:embedded --target embedded .   with the small model of its own, 93 MB more

FROM python:3.13.14-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/condenser/.venv
WORKDIR /src
# The packages first: a change of our code leaves their layer as it is. Wheels only, so that no compiler is needed.
COPY requirements.lock ./
RUN /opt/condenser/.venv/bin/pip install --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN /opt/condenser/.venv/bin/pip install --no-deps --no-build-isolation .

FROM build AS model
RUN CONDENSER_CACHE_DIR=/model /opt/condenser/.venv/bin/condenser fetch-model

FROM python:3.13.14-slim-trixie AS runtime
# A number for USER, because an orchestrator can't tell from a name that it is not root.
RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin condenser
COPY --from=build /opt/condenser /opt/condenser
# For the database of batches that are answered later; a volume that is put there takes over the owner.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/condenser
# 0.0.0.0 is the container's own; the service then refuses to start without CONDENSER_API_KEYS.
ENV CONDENSER_HOST=0.0.0.0 CONDENSER_CACHE_DIR=/var/cache/condenser XDG_STATE_HOME=/var/lib PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
# http.client rather than urllib, which would go through a proxy of the environment.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["/opt/condenser/.venv/bin/python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('CONDENSER_PORT') or 8000), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
# Exec form: SIGTERM reaches the service, which answers what is under way (at most 30 s: docker stop -t 45).
ENTRYPOINT ["/opt/condenser/.venv/bin/condenser"]
CMD ["serve"]

FROM runtime AS embedded
USER 0:0
# libgomp1: llama.cpp's threads. Without a version, because Debian's mirrors drop the old ones.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=model /model /var/cache/condenser
ENV CONDENSER_ENGINE=embedded

FROM runtime
