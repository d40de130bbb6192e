# Stands in for Postgres' image where no registry of images is reached: Debian's server behind an entrypoint of the same
# variables and the same two steps, as far as docker-compose.yml needs them.
ARG BASE
FROM ${BASE}
# No cluster of Debian's: initdb is the entrypoint's work.
RUN mkdir -p /etc/postgresql-common \
 && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold postgresql \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \
 && install -d -m 0700 -o postgres -g postgres /var/lib/postgresql/data \
 && rm -rf /var/run/postgresql/*
COPY postgres-entrypoint.sh /usr/local/bin/
ENV PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint.sh"]
