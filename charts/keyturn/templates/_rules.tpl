{{- /* The least that works; docs/rbac.md says what each rule is for, and a test notices one that is missing or not needed. */ -}}
{{- define "keyturn.rules" -}}
- apiGroups: [keyturn.dev]
  resources: [jwkskeysets]
  verbs: [get, list, watch]
- apiGroups: [keyturn.dev]
  resources: [jwkskeysets/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "keyturn.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "keyturn.fullname" . }}]
  verbs: [get, list, watch, patch]
{{- end -}}

{{- define "keyturn.serverRules" -}}
- apiGroups: [keyturn.dev]
  resources: [jwkskeysets]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch]
{{- end -}}

{{- /* A Role with its binding in each watched namespace, or the same for the whole cluster. Takes root, component, name, account and rules. */ -}}
{{- define "keyturn.grants" -}}
{{- $all := . }}
{{- range $namespace := default (list "") .root.Values.watchNamespaces }}
{{- $kind := ternary "Role" "ClusterRole" (ne $namespace "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $all.name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "keyturn.labels" $all | nindent 4 }}
rules:
  {{- $all.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $all.name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "keyturn.labels" $all | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $all.name }}
subjects:
  - kind: ServiceAccount
    name: {{ $all.account }}
    namespace: {{ $all.root.Release.Namespace }}
{{- end }}
{{- end -}}

{{- /* Takes root, component, name and annotations. The pods mount its token; nobody else should by mistake. */ -}}
{{- define "keyturn.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "keyturn.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
