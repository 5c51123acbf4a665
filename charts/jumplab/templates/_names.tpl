{{- define "jumplab.fullname" -}}
{{- if contains "jumplab" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-jumplab" (.Release.Name | trunc 42 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "jumplab.selector" -}}
app.kubernetes.io/name: jumplab
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "jumplab.labels" -}}
{{ include "jumplab.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "jumplab.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "jumplab.fullname" .) -}}
{{- end -}}

{{- define "jumplab.serviceHost" -}}
{{- printf "%s.%s.svc" (include "jumplab.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "jumplab.endpoint" -}}
{{- .Values.endpoint | default (printf "%s:%d" (include "jumplab.serviceHost" .) (int .Values.service.port)) -}}
{{- end -}}

{{/* The host part of the endpoint, without the brackets of an IPv6 address. */}}
{{- define "jumplab.endpointHost" -}}
{{- regexReplaceAll ":[0-9]+$" (include "jumplab.endpoint" .) "" | trimPrefix "[" | trimSuffix "]" -}}
{{- end -}}

{{/* All names that the certificate is for, as a YAML list. */}}
{{- define "jumplab.names" -}}
{{- $service := include "jumplab.serviceHost" . -}}
{{- list (include "jumplab.endpointHost" .) $service (printf "%s.cluster.local" $service) | concat .Values.certificates.names | uniq | toYaml -}}
{{- end -}}

{{- define "jumplab.certificateSecret" -}}
{{- .Values.certificates.secretName | default (printf "%s-tls" (include "jumplab.fullname" .)) -}}
{{- end -}}

{{/* Requests and limits. Server-side apply on Kubernetes 1.20 takes quantities as text only. */}}
{{- define "jumplab.resources" -}}
{{- range $kind, $quantities := . }}
{{ $kind }}:
  {{- range $name, $quantity := $quantities }}
  {{ $name }}: {{ $quantity | toString | quote }}
  {{- end }}
{{- end }}
{{- end -}}
