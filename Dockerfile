# One build, three small images, none of which runs as root:
#
#   docker build --target operator -t jumplab-operator:0.1.0 .
#   docker build --target exporter -t jumplab-exporter:0.1.0 .
#   docker build --target client   -t jumplab-client:0.1.0 .
#
# The steps name no absolute path of the builder, so that tests/images can run them without a container engine.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /build
COPY constraints.txt LICENSE ./
COPY crds crds
COPY client client
COPY exporter exporter
COPY operator operator
RUN python3 -m venv tools && tools/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
RUN for each in client exporter operator; do tools/bin/uv build --quiet --wheel --out-dir wheels $each; done
RUN for each in client:jumplab exporter:jumplab-exporter[all] operator:jumplab-operator; do \
      tools/bin/uv venv --quiet --relocatable --python "$(command -v python3)" ${each%%:*}-env && \
      tools/bin/uv pip install --quiet --python ${each%%:*}-env/bin/python --constraint constraints.txt \
        --find-links wheels --compile-bytecode --link-mode copy ${each#*:}; \
    done

FROM python:${PYTHON}-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /tmp
USER 65532:65532

FROM base AS operator
COPY --from=build /build/operator-env /opt/jumplab
EXPOSE 7444 8080
ENTRYPOINT ["/opt/jumplab/bin/jumplab-operator"]

FROM base AS exporter
COPY --from=build /build/exporter-env /opt/jumplab
ENTRYPOINT ["/opt/jumplab/bin/jumplab-exporter"]

FROM base AS client
COPY --from=build /build/client-env /opt/jumplab
ENV PATH=/opt/jumplab/bin:$PATH
ENTRYPOINT ["/opt/jumplab/bin/jumplab"]
