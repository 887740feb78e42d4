{{/* What the gateway of compose.yaml sends to the collector, as prefixes: it answers reading there as well. */}}
{{- define "tillstream.documents" -}}
{{- range $room := list "" "producer/" "consumer/" }}
{{- range $kind := list "checks" "transactions" "orders" "daily-sales" }}
- /api/{{ $room }}{{ $kind }}
{{- end }}
{{- end }}
- /api/producer/swagger
{{- end }}
