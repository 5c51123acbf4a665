{{- define "lab.selector" -}}
app.kubernetes.io/name: jumplab-lab
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lab.labels" -}}
{{ include "lab.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* (dict "root" $ "name" NAME "labels" LABELS): the metadata of a resource of the lab. */}}
{{- define "lab.metadata" -}}
name: {{ .name | quote }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "lab.labels" .root | nindent 2 }}
{{- if .root.Values.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* Every exporter: on hosts, virtual boards, lab nodes. A name stands for one of them. */}}
{{- define "lab.exporters" -}}
{{- $all := dict -}}
{{- range $kind := list "exporters" "virtualBoards" "labNodes" -}}
{{- range $name, $exporter := index $.Values $kind -}}
{{- if hasKey $all $name -}}
{{- fail (printf "the exporter %q is named twice; give it one place among exporters, virtualBoards and labNodes" $name) -}}
{{- end -}}
{{- $_ := set $all $name $exporter -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* (dict "root" $ "name" NAME "exporter" VALUES): the configuration file of an exporter in the cluster. */}}
{{- define "lab.config" -}}
apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
metadata:
  namespace: {{ .root.Release.Namespace }}
  name: {{ .name | quote }}
endpoint: {{ .root.Values.controller.endpoint | quote }}
tokenFile: /etc/jumplab/credential/token
{{- if .root.Values.controller.ca }}
tls:
  caFile: /etc/jumplab/credential/ca.crt
{{- end }}
{{- with .exporter.description }}
description: {{ . | quote }}
{{- end }}
{{- with .exporter.motd }}
motd: {{ . | quote }}
{{- end }}
{{- if .exporter.export }}
export:
  {{- toYaml .exporter.export | nindent 2 }}
{{- else }}
export:
  board: {type: board/virtual}
  power: {ref: board.power}
  console: {ref: board.console}
  storage: {ref: board.storage}
{{- end }}
{{- with .exporter.hooks }}
hooks:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* (dict "name" NAME "root" $): which keys of an exporter's Secret its pod is given. */}}
{{- define "lab.credential" -}}
- key: token
  path: {{ .prefix }}token
{{- if .root.Values.controller.ca }}
- key: ca.crt
  path: {{ .prefix }}ca.crt
{{- end }}
{{- end -}}

{{/* What every pod of an exporter has, before its container. */}}
{{- define "lab.pod" -}}
serviceAccountName: {{ .Release.Name }}-exporters
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ .Values.pods.terminationGracePeriodSeconds }}
{{- with .Values.pods.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "lab.container" -}}
name: exporter
image: "{{ .Values.pods.image.repository }}:{{ .Values.pods.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.pods.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Requests and limits. Server-side apply on Kubernetes 1.20 takes quantities as text only. */}}
{{- define "lab.resources" -}}
{{- range $kind, $quantities := . }}
{{ $kind }}:
  {{- range $name, $quantity := $quantities }}
  {{ $name }}: {{ $quantity | toString | quote }}
  {{- end }}
{{- end }}
{{- end -}}
