{{/* Name of a service's objects: (list $ "combine") */}}
{{- define "calibrant.name" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s" ($root.Release.Name | trunc 50 | trimSuffix "-") (index . 1) -}}
{{- end }}

{{/* Labels that select a service's pods: (list $ "combine") */}}
{{- define "calibrant.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: calibrant
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "calibrant.labels" -}}
{{ include "calibrant.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{/* Settings that every service has: (list $ "combine" $service) */}}
{{- define "calibrant.environment" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $service := index . 2 -}}
{{- $v := $root.Values -}}
CALIBRANT_HOST: "0.0.0.0"
CALIBRANT_PORT: {{ $v.ports.http | quote }}
CALIBRANT_ADDRESS: "http://{{ include "calibrant.name" (list $root $name) }}.{{ $root.Release.Namespace }}:{{ $v.ports.http }}"
CALIBRANT_OPS_PORT: {{ $v.ports.ops | quote }}
CALIBRANT_DATA_DIR: /data
CALIBRANT_SECRETS_DIR: /run/secrets/calibrant
CALIBRANT_BUS: {{ $v.bus.servers | quote }}
CALIBRANT_BUS_REPLICATION: {{ $v.bus.replication | quote }}
{{- if $v.bus.authenticate }}
CALIBRANT_BUS_USERNAME: {{ $name }}
{{- end }}
{{- if $v.bus.caSecret }}
CALIBRANT_BUS_CA: /run/secrets/bus/ca.crt
{{- end }}
CALIBRANT_DATABASE: {{ $v.database.url | quote }}
CALIBRANT_OBJECTS: {{ $v.objects.url | quote }}
CALIBRANT_OBJECTS_ENDPOINT: {{ $v.objects.endpoint | quote }}
CALIBRANT_AUTH_JWKS: {{ $v.access.jwks | quote }}
CALIBRANT_AUTH_ISSUER: {{ $v.access.issuer | quote }}
CALIBRANT_AUTH_AUDIENCE: {{ $v.access.audience | quote }}
CALIBRANT_AUTH_ROLES_CLAIM: {{ $v.access.rolesClaim | quote }}
CALIBRANT_OTLP_ENDPOINT: {{ $v.telemetry.otlpEndpoint | quote }}
CALIBRANT_LOG_FORMAT: json
CALIBRANT_LOG_LEVEL: {{ $v.telemetry.logLevel }}
CALIBRANT_DRAIN_S: {{ $v.drainSeconds | quote }}
CALIBRANT_WORKER_SLOTS: {{ $service.slots | quote }}
{{- if and $v.frames.claim (has $name (list "ingest" "combine" "verify")) }}
CALIBRANT_FRAME_FOLDERS: {{ $v.frames.mountPath | quote }}
{{- end }}
{{- if $v.instruments.configMap }}
CALIBRANT_INSTRUMENTS: /instruments
{{- end }}
{{- end }}
