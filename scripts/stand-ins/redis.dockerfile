ARG BASE
FROM $BASE
RUN apt-get update -q && apt-get install -y -q --no-install-recommends redis-server \
  && apt-get clean && rm -rf /var/lib/apt/lists/* \
  && install --directory --owner redis --group redis /data
WORKDIR /data
VOLUME /data
USER redis
EXPOSE 6379
CMD ["redis-server"]
