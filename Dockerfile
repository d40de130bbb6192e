# The gateway as an image: docs/install.md. It needs nothing of BuildKit, so that every builder can build it.
# Both bases can be given: --build-arg BUILD_IMAGE=… --build-arg RUNTIME_IMAGE=…; the first needs Rust, a C compiler,
# pkg-config and OpenSSL's headers, the second is a Debian with the same OpenSSL.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

# The manifests, and an empty file for each target that they have: it changes when the dependencies do, and else only with
# the names of targets, so that the long step below is kept from one build to the next.
FROM ${BUILD_IMAGE} AS skeleton
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates crates
RUN find crates -type f ! -name Cargo.toml \
      ! -regex 'crates/[^/]*/\(src/\(lib\|main\|bin/[^/]*\)\|tests/[^/]*\|benches/[^/]*\)\.rs' -delete \
 && find crates -depth -type d -empty -delete \
 && echo 'fn main() {}' >/tmp/empty.rs \
 && find crates -name '*.rs' -exec cp /tmp/empty.rs {} \;

FROM ${BUILD_IMAGE} AS build
# Names for backtraces, no line numbers: a quarter of the size.
ENV CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=debuginfo CARGO_INCREMENTAL=0
WORKDIR /src
COPY --from=skeleton /src ./
# Cargo goes by the times of files, and ours may be older than this step: what it made of the empty ones is forgotten.
RUN cargo build --release --locked -p portcullis-gateway --bin portcullis \
 && rm -rf target/release/.fingerprint/portcullis-*
COPY crates crates
COPY migrations migrations
# What portcullis_build_info shows: --build-arg PORTCULLIS_COMMIT=$(git rev-parse HEAD)
ARG PORTCULLIS_COMMIT=
RUN PORTCULLIS_COMMIT=$PORTCULLIS_COMMIT cargo build --release --locked -p portcullis-gateway --bin portcullis

FROM ${RUNTIME_IMAGE}
# What the binary is linked with, and whose certificates it believes.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/portcullis
COPY --from=build /src/target/release/portcullis /usr/local/bin/portcullis
COPY config/portcullis.container.toml /etc/portcullis/portcullis.toml
ENV PORTCULLIS_CONFIG=/etc/portcullis/portcullis.toml
# A number: who forbids root (Kubernetes' runAsNonRoot) cannot look up a name.
USER 10001:10001
# Relative paths count from here, and so does portcullis-data, which holds SQLite and the secrets where no file says otherwise.
WORKDIR /var/lib/portcullis
VOLUME /var/lib/portcullis
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["portcullis", "health"]
ENTRYPOINT ["portcullis"]
CMD ["serve"]
