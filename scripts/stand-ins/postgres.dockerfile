ARG BASE
FROM $BASE
# The packaged PostgreSQL brings no pg_isready, which the health check asks for.
RUN apt-get update -q && apt-get install -y -q --no-install-recommends postgresql-client \
  && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 999 postgres 2>/dev/null || groupmod --gid 999 postgres; \
  useradd --system --uid 999 --gid 999 --no-create-home --home-dir /var/lib/postgresql postgres 2>/dev/null; \
  install --directory --owner 999 --group 999 --mode 1777 /var/lib/postgresql
COPY native /usr/local/lib/postgresql
COPY postgres-entrypoint.sh /usr/local/bin/entrypoint.sh
ENV PATH=/usr/local/lib/postgresql/bin:$PATH PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["bash", "/usr/local/bin/entrypoint.sh"]
CMD ["postgres"]
