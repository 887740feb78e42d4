ARG BASE
FROM $BASE
RUN apt-get update -q && apt-get install -y -q --no-install-recommends prometheus wget \
  && apt-get clean && rm -rf /var/lib/apt/lists/* \
  && install --directory --owner nobody --group nogroup /prometheus
WORKDIR /prometheus
VOLUME /prometheus
USER nobody
EXPOSE 9090
ENTRYPOINT ["prometheus"]
