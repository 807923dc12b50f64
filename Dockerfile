# docker build -t parley . && docker run -p 8080:8080 -v parley:/data parley
FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=""
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/parley .
# The final image has no shell to make a directory with, and its user may not write anywhere else.
RUN mkdir -p /out/data

FROM scratch
# For amqps:// and for postgres:// with sslmode=verify-full.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/parley /parley
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# SQLite puts large temporary files into the working directory when there is no /tmp.
WORKDIR /data
VOLUME /data
ENV PARLEY_DATA_DIR=/data PARLEY_HTTP_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s CMD ["/parley", "health"]
ENTRYPOINT ["/parley"]
CMD ["serve"]
