# hvmap in an image: every subcommand, and a model server when started without arguments.
#
#     docker build -t hvmap .
#     docker run -p 8501:8501 -v "$PWD/models:/models:ro" -e MODEL_NAME=hv_grid hvmap
#     docker run -v "$PWD:/work" hvmap run --country san-marino --zoom 18 --demo
#
# scripts/image.sh (make image) names the arguments; docs/IMAGE.md says what was built and tried.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# Before the sources, so that a change to those fetches no packages.
COPY scripts scripts
RUN scripts/packages.sh && rm -rf /var/lib/apt/lists/*
# cpu or gpu: which ONNX Runtime goes in.
ARG ORT=cpu
RUN scripts/onnxruntime.sh ${ORT} /out/lib
COPY . .
# Flags for cargo, such as --no-default-features --features bundled-sqlite.
ARG FEATURES=
RUN cargo build --release --locked ${FEATURES} \
    && install -D -m 755 target/release/hvmap /out/bin/hvmap \
    && strip --strip-debug /out/bin/hvmap \
    && rm -rf target

FROM ${BASE_IMAGE}
# What the program is linked with, and the certificates for imagery over HTTPS.
ARG PACKAGES="libgdal32 libsqlite3-0 ca-certificates"
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin hvmap \
    && install -d -o hvmap -g hvmap /models /work
COPY --from=build /out/bin/hvmap /usr/local/bin/hvmap
COPY --from=build /out/lib /usr/local/lib/hvmap
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/hvmap/
# As in TF Serving's image: the model's versions lie in $MODEL_BASE_PATH/$MODEL_NAME.
ENV MODEL_NAME=model MODEL_BASE_PATH=/models
USER hvmap
WORKDIR /work
EXPOSE 8500 8501
# Without curl, which would be the only thing to need it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD \
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8501 && printf 'GET /v2/health/ready HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["hvmap"]
CMD ["serve", "--bind", "0.0.0.0"]
