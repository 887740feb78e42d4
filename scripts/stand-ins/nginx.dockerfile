ARG BASE
FROM $BASE
RUN apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light wget \
  && apt-get clean && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGQUIT
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
