{{/* What the operator does with a served namespace. tests/charts/test_rbac.py names what fails without each verb. */}}
{{- define "jumplab.rules" -}}
- apiGroups: [jumpstarter.dev]
  resources: [clients, exporteraccesspolicies, exporters, leases]
  verbs: [get, list, watch]
- apiGroups: [jumpstarter.dev]
  resources: [clients/status, exporteraccesspolicies/status, exporters/status, leases/status]
  verbs: [patch]
- apiGroups: [jumpstarter.dev]
  resources: [exporters]
  verbs: [patch]
- apiGroups: [jumpstarter.dev]
  resources: [leases]
  verbs: [create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What it does with its keys, where its own namespace isn't one that it serves. */}}
{{- define "jumplab.keysRules" -}}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [jumplab-operator-keys]
  verbs: [get, patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- end -}}

{{/* What it needs to compete for the lead, in its own namespace. */}}
{{- define "jumplab.leadRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [jumplab-operator]
  verbs: [get, patch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
{{- end -}}

{{/* (dict "root" $ "namespace" NAMESPACE "suffix" SUFFIX "rules" RULES): a Role for the operator, and its binding. */}}
{{- define "jumplab.role" -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "jumplab.fullname" .root }}{{ .suffix }}
  namespace: {{ .namespace }}
  labels:
    {{- include "jumplab.labels" .root | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "jumplab.fullname" .root }}{{ .suffix }}
  namespace: {{ .namespace }}
  labels:
    {{- include "jumplab.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "jumplab.fullname" .root }}{{ .suffix }}
subjects:
- kind: ServiceAccount
  name: {{ include "jumplab.serviceAccount" .root }}
  namespace: {{ .root.Release.Namespace }}
{{- end -}}
