# Two images from one file: `--target service` and `--target worker`. A third, `order`, is the
# worker with the order example in it, as an image of your own functions would be made.
# Everything installed comes from requirements/*.lock, by hash.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
RUN python -m venv /build && python -m venv /opt/perdure
COPY requirements/build.lock requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    /build/bin/pip install --quiet --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY sdk sdk
COPY service service
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels .

FROM builder AS service-packages
COPY requirements/server.lock requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/perdure/bin/pip install --quiet --require-hashes -r requirements/server.lock \
    && /opt/perdure/bin/pip install --quiet --no-deps --no-index /wheels/*.whl

FROM builder AS worker-packages
COPY requirements/worker.lock requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/perdure/bin/pip install --quiet --require-hashes -r requirements/worker.lock \
    && /opt/perdure/bin/pip install --quiet --no-deps --no-index /wheels/*.whl

FROM ${PYTHON_IMAGE} AS base
RUN useradd --uid 10001 --user-group --home-dir /var/lib/perdure --create-home \
    --shell /usr/sbin/nologin perdure
ENV PATH=/opt/perdure/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/perdure
STOPSIGNAL SIGTERM

# Needs DATABASE_URL. It has no access control yet, so it refuses to listen on all addresses until
# PERDURE_AUTH=off says that something else keeps strangers out.
FROM base AS service
COPY --from=service-packages /opt/perdure /opt/perdure
USER 10001:10001
EXPOSE 8484
HEALTHCHECK --interval=3s --timeout=3s --retries=20 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8484/ready')"]
ENTRYPOINT ["perdure-service"]
CMD ["serve", "--host", "0.0.0.0"]

# Takes handlers as arguments, `NAME=/path/file.py:attribute`, or `--pool python3.13` to run whatever
# is deployed (docs/reference/workers.md has Node.js and users), and PERDURE_URL. Healthy means
# that the service knows this worker: the agent touches the file every two seconds while it does.
FROM base AS worker
ENV PERDURE_HEALTH_FILE=/tmp/perdure-is-registered
COPY --from=worker-packages /opt/perdure /opt/perdure
USER 10001:10001
HEALTHCHECK --interval=2s --timeout=3s --retries=15 \
    CMD test -n "$(find "$PERDURE_HEALTH_FILE" -newermt '-10 seconds' 2>/dev/null)"
ENTRYPOINT ["perdure", "worker"]

FROM worker AS order
COPY --chmod=755 examples/order /functions/order
CMD ["/functions/order/lambda_function.py"]
