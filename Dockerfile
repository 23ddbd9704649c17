# Streamgauge, for both forms: on one machine with `docker run`, and behind a load balancer on AWS.
# The base is any Debian image with Python 3.11 or newer; pin it by its digest:
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… -t streamgauge .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/streamgauge
COPY requirements/aws.txt requirements/image.txt /tmp/
RUN /opt/streamgauge/bin/python -m pip install --quiet --no-compile --require-hashes -r /tmp/aws.txt \
 && /opt/streamgauge/bin/python -m pip uninstall --quiet --yes pip setuptools
# What is in the image, as CycloneDX; of the base its own SBOM tells.
RUN python3 -m venv /tmp/tools \
 && /tmp/tools/bin/python -m pip install --quiet --no-compile --require-hashes -r /tmp/image.txt \
 && mkdir -p /srv \
 && /tmp/tools/bin/cyclonedx-py environment --output-reproducible --output-file /srv/sbom.json /opt/streamgauge/bin/python
COPY app /srv/app
COPY assets /srv/assets
COPY data_access /srv/data_access
COPY pages /srv/pages
COPY pipeline /srv/pipeline
# Compiled here, as nothing can be written later; by content, so that the same sources give the same image.
RUN /opt/streamgauge/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/streamgauge/lib /srv

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Streamgauge" \
      org.opencontainers.image.description="Analytics over your own event lake" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 streamgauge \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin streamgauge \
 && install -d -o 10001 -g 10001 -m 0750 /data \
 && rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip*
COPY --from=build /opt/streamgauge /opt/streamgauge
COPY --from=build /srv /srv
COPY LICENSE /srv/
ENV PATH=/opt/streamgauge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STREAMGAUGE_HOST=0.0.0.0 \
    STREAMGAUGE_DATA_DIR=/data
WORKDIR /srv
USER 10001:10001
VOLUME /data
EXPOSE 8050
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('STREAMGAUGE_PORT', '8050') + '/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
