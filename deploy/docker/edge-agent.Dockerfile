# A camera box, with CUDA 12 and cuDNN 9; without a GPU it works on the CPU and says so. From the repository's root:
#   docker build -f deploy/docker/edge-agent.Dockerfile -t passage-edge-agent .
FROM nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04 AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
# hnswlib would else be compiled for the processor of whoever builds the image.
ENV HNSWLIB_NO_NATIVE=1
RUN python3 -m venv /opt/passage
COPY pyproject.toml README.md LICENSE /src/
COPY common /src/common
COPY models /src/models
COPY edge_agent /src/edge_agent
COPY aggregator /src/aggregator
RUN /opt/passage/bin/pip install --no-cache-dir /src \
 && /opt/passage/bin/pip uninstall --yes opencv-python \
 && /opt/passage/bin/pip install --no-cache-dir opencv-python-headless

FROM nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/passage /opt/passage
RUN useradd --uid 10001 --create-home --home-dir /var/lib/passage-edge --groups video passage \
 && chown passage:passage /var/lib/passage-edge \
 && chmod 700 /var/lib/passage-edge
ENV PATH=/opt/passage/bin:$PATH PASSAGE_MODELS=/var/lib/passage-edge/models
USER 10001
WORKDIR /var/lib/passage-edge
VOLUME ["/var/lib/passage-edge"]
ENTRYPOINT ["edge-agent"]
CMD ["run", "-c", "/etc/passage/agent.yaml", "--log-json"]
