{{/* One variable from a Secret. */}}
{{- define "tillstream.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{/* What every role is given, and the Job of migrations. */}}
{{- define "tillstream.environment" -}}
- { name: HOST, value: 0.0.0.0 }
- { name: PORT, value: "8080" }
- { name: DATA_DIR, value: /data }
- { name: TRUST_PROXY, value: "true" }
{{- range $name, $value := .Values.settings }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{ $database := required "set database.existingSecret to the Secret with the address of PostgreSQL" .Values.database.existingSecret }}
{{- include "tillstream.secretVariable" (dict "name" "DATABASE_URL" "secret" $database "key" .Values.database.key) }}
{{- with .Values.database.readKey }}
{{ include "tillstream.secretVariable" (dict "name" "DATABASE_READ_URL" "secret" $database "key" .) }}
{{- end }}
- { name: KAFKA_BROKERS, value: {{ required "set kafka.brokers to host:port of your brokers" .Values.kafka.brokers | quote }} }
- { name: KAFKA_TLS, value: {{ .Values.kafka.tls | toString | quote }} }
- { name: KAFKA_PARTITIONS, value: {{ .Values.kafka.partitions | toString | quote }} }
- { name: KAFKA_REPLICATION, value: {{ .Values.kafka.replication | toString | quote }} }
{{- with .Values.kafka.sasl }}
{{- if ne .mechanism "none" }}
{{- $secret := required "set kafka.sasl.existingSecret to the Secret with the user and the password" .existingSecret }}
- { name: KAFKA_SASL_MECHANISM, value: {{ .mechanism }} }
{{ include "tillstream.secretVariable" (dict "name" "KAFKA_SASL_USERNAME" "secret" $secret "key" .usernameKey) }}
{{ include "tillstream.secretVariable" (dict "name" "KAFKA_SASL_PASSWORD" "secret" $secret "key" .passwordKey) }}
{{- end }}
{{- end }}
{{- with .Values.redis.existingSecret }}
{{ include "tillstream.secretVariable" (dict "name" "REDIS_URL" "secret" . "key" $.Values.redis.key) }}
{{- end }}
{{- if .Values.certificates.existingSecret }}
{{- with .Values.certificates.kafkaKey }}
- { name: KAFKA_CA_FILE, value: "/certificates/{{ . }}" }
{{- end }}
{{- with .Values.certificates.redisKey }}
- { name: REDIS_CA_FILE, value: "/certificates/{{ . }}" }
{{- end }}
{{- end }}
{{ $secrets := required "set secrets.existingSecret to the Secret with ADMIN_TOKEN" .Values.secrets.existingSecret }}
{{- include "tillstream.secretVariable" (dict "name" "ADMIN_TOKEN" "secret" $secrets "key" "ADMIN_TOKEN") }}
{{- range .Values.secrets.optional }}
{{ include "tillstream.secretVariable" (dict "name" . "secret" $secrets "key" . "optional" true) }}
{{- end }}
{{- end }}

{{/* As compose.yaml: no root, no capabilities, a file system that is only read but for /data and /tmp. */}}
{{- define "tillstream.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "tillstream.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "tillstream.mounts" -}}
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- if .Values.certificates.existingSecret }}
- { name: certificates, mountPath: /certificates, readOnly: true }
{{- end }}
{{- end }}

{{- define "tillstream.volumes" -}}
- { name: data, emptyDir: { sizeLimit: 1Gi } }
- { name: tmp, emptyDir: { sizeLimit: 1Gi } }
{{- with .Values.certificates.existingSecret }}
- { name: certificates, secret: { secretName: {{ . }} } }
{{- end }}
{{- end }}

{{- define "tillstream.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
