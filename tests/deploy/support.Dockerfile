# What compose.yaml takes from a registry, made of Debian's packages: the same names, users, paths and settings, as far as
# compose.yaml uses them. And a machine with systemd.
FROM docker.io/library/debian:bookworm-slim AS debian
ENV DEBIAN_FRONTEND=noninteractive

FROM debian AS postgres
RUN groupadd -g 999 postgres && useradd -u 999 -g 999 -d /var/lib/postgresql postgres \
 && apt-get -qq update && apt-get -qq install -y --no-install-recommends postgresql >/dev/null 2>&1 \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/* \
 && install -d -m 1777 -o 999 -g 999 /var/lib/postgresql/data && install -d -m 3777 -o 999 -g 999 /var/run/postgresql
COPY postgres.sh /usr/local/bin/
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
ENTRYPOINT ["/usr/local/bin/postgres.sh"]

FROM debian AS prometheus
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends prometheus >/dev/null 2>&1 \
 && rm -rf /var/lib/apt/lists/* && install -d -o 65534 -g 65534 /prometheus
USER 65534
ENTRYPOINT ["/usr/bin/prometheus"]

FROM localhost/moa-libraries AS systemd
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends systemd-sysv dbus curl python3 >/dev/null 2>&1 \
 && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGRTMIN+3
# Mounts that systemd makes for a service (its credentials) reach it through shared mounts. On a machine they are shared
# from the start.
ENTRYPOINT ["/bin/sh", "-c", "mount --make-rshared / && exec /sbin/init"]
