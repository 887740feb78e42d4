ARG BASE
FROM $BASE
RUN apt-get update -q && apt-get install -y -q --no-install-recommends default-jre-headless \
  && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1000 --no-create-home appuser \
  && install --directory --owner appuser --mode 770 /var/lib/kafka/data /opt/kafka/config
COPY jars /opt/kafka/libs
COPY kafka-entrypoint.sh /usr/local/bin/entrypoint.sh
USER appuser
VOLUME /var/lib/kafka/data
EXPOSE 9092
CMD ["bash", "/usr/local/bin/entrypoint.sh"]
