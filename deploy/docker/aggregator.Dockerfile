# The middle of a site: slim, no compiler, no GPU, no root. Build from the repository's root:
#   docker build -f deploy/docker/aggregator.Dockerfile -t passage-aggregator .
FROM python:3.12-slim-bookworm AS build
# hnswlib comes as source.
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
# hnswlib would else be compiled for the processor of whoever builds the image.
ENV HNSWLIB_NO_NATIVE=1
RUN python -m venv /opt/passage
COPY pyproject.toml README.md LICENSE /src/
COPY common /src/common
COPY models /src/models
COPY edge_agent /src/edge_agent
COPY aggregator /src/aggregator
# Nothing is drawn on a screen here, and no GPU is used: the lean packages of the same modules.
RUN /opt/passage/bin/pip install --no-cache-dir /src \
 && /opt/passage/bin/pip uninstall --yes onnxruntime-gpu opencv-python \
 && /opt/passage/bin/pip install --no-cache-dir onnxruntime opencv-python-headless

FROM python:3.12-slim-bookworm
COPY --from=build /opt/passage /opt/passage
RUN useradd --uid 10001 --create-home --home-dir /var/lib/passage passage \
 && mkdir --mode=700 /keys \
 && chown passage:passage /var/lib/passage /keys \
 && chmod 700 /var/lib/passage
ENV PATH=/opt/passage/bin:$PATH PASSAGE_MODELS=/var/lib/passage/models
USER 10001
WORKDIR /var/lib/passage
VOLUME ["/var/lib/passage", "/keys"]
EXPOSE 5599 8600
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8600/api/health', timeout=4)"]
ENTRYPOINT ["aggregator"]
CMD ["serve", "-c", "/etc/passage/aggregator.yaml", "--log-json"]
