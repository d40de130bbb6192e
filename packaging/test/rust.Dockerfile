# Stands in for Rust's image where no registry of images is reached: Debian's compiler, the toolchain of this machine.
ARG BASE
FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev libssl-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local
COPY cargo /root/.cargo
