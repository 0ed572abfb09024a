# epivizrs in a small image, without root. See docs/quickstart.md.
#
#   docker build -t epivizrs .
#   docker run --rm -p 127.0.0.1:8888:8888 -v "$PWD:/data:ro" epivizrs peaks.bed signal.bw
#
# Inside the container it listens on every address, because -p forwards to the container's own. The
# address before the port in -p decides who can reach it.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo install --path . --root /out --locked

FROM debian:bookworm-slim
COPY --from=build /out/bin/epivizrs /usr/local/bin/epivizrs
RUN useradd --system --uid 10001 --create-home epivizrs
USER 10001
WORKDIR /data
EXPOSE 8888
ENTRYPOINT ["epivizrs", "--host", "0.0.0.0", "--plain-http", "--no-prompt"]
